"""Equal ranges for the channels that share a scale in int8 (cross-layer equalization).

TFLite gives all channels of an activation one scale, and their ranges differ by a factor of a hundred: the small ones
lose their precision. If there is only a product between two layers, or a ReLU, channel c may be divided by any s > 0
before it and multiplied by s after it: the float network computes the same. (Nagel, van Baalen, Blankevoort, Welling,
"Data-Free Quantization Through Weight Equalization and Bias Correction", arXiv:1906.04721, section 4.1, with the
activations' ranges on calibration faces in place of the first layer's weights.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_convert import backend
from fer_convert.data.faces import network_input
from fer_convert.export import graph

RANGE_FACES = 128  # on which the ranges are measured


def equalize(model: Any, shown: NDArray[np.uint8]) -> int:
    """Equalize the Keras `model`, which takes pixels, by its ranges on the faces `shown` (n, height, width).

    Returns the number of places: within separable convolutions, and from a batch normalization through ReLU into one.
    """
    keras = backend.keras()
    pixels = network_input(shown)
    places = 0
    for layer in model.layers:
        if type(layer) is not keras.layers.SeparableConv2D:
            continue
        given = np.asarray(keras.Model(model.inputs[0], layer.input)(pixels, training=False))
        norm = _norm_before(model, layer)
        if norm is not None:
            # The depthwise kernel has a scale for each channel, so it can take all of the difference.
            scale = _ratio(given.max(axis=(0, 1, 2)), np.full(given.shape[-1], given.max()))
            for variable in (norm.gamma, norm.beta):
                variable.assign(np.asarray(variable.numpy()) / scale)
            layer.depthwise_kernel.assign(np.asarray(layer.depthwise_kernel.numpy()) * scale[:, None])
            given, places = given / scale, places + 1
        depthwise, pointwise = (np.asarray(v.numpy()) for v in (layer.depthwise_kernel, layer.pointwise_kernel))
        between = np.asarray(
            keras.ops.depthwise_conv(given, depthwise, layer.strides, layer.padding, dilation_rate=layer.dilation_rate)
        )
        # The pointwise kernel has a scale for each output channel, not for each input channel: meet halfway.
        scale = np.sqrt(_ratio(np.abs(between).max(axis=(0, 1, 2)), np.abs(pointwise).max(axis=(0, 1, 3))))
        layer.depthwise_kernel.assign(depthwise / scale.reshape(depthwise.shape[2:]))
        layer.pointwise_kernel.assign(pointwise * scale[:, None])
        places += 1
    return places


def _ratio(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """`first` over `second` (channels,); 1 for a channel that is always 0, or whose weights are."""
    return np.divide(first, second, out=np.ones_like(first), where=(first > 0) & (second > 0))


def _norm_before(model: Any, layer: Any) -> Any:
    """The batch normalization whose output goes through a ReLU into `layer` and nowhere else; None if there is none."""
    keras = backend.keras()
    relu = graph.producer(model, layer.input)
    if type(relu) is not keras.layers.Activation or relu.activation is not keras.activations.relu:
        return None
    norm = graph.producer(model, relu.input)
    alone = graph.single(graph.consumers(model, relu.output)) is layer
    alone = alone and graph.single(graph.consumers(model, relu.input)) is relu
    if type(norm) is not keras.layers.BatchNormalization or not (norm.scale and norm.center and alone):
        return None
    return norm
