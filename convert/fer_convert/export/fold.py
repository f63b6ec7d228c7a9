"""Fold the input's scaling into the first convolution, so that the device computes nothing before it.

A network was trained on values v = a * pixel + b. For a convolution without padding of kernel K,

    K * (a * pixel + b) = (a * K) * pixel + b * sum(K)

exactly, so the kernel is multiplied by a, and b * sum(K) is added to the bias; without a bias, it is subtracted from
the moving mean of the batch normalization that follows. (With padding the border would see 0 instead of b: then the
scaling stays a layer.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_convert import backend
from fer_convert.export import graph, load
from fer_convert.export.load import LoadedModel


def to_pixel_input(loaded: LoadedModel) -> Any:
    """A Keras model that takes pixels 0 to 255 and predicts what `loaded` predicts for the scaled ones.

    `loaded` is not changed.
    """
    keras = backend.keras()
    low, high = loaded.range
    scale, offset = (high - low) / 255, low
    first: Any = graph.single(graph.consumers(loaded.model, loaded.model.input))
    rescaling: Any = first if isinstance(first, keras.layers.Rescaling) and np.isscalar(first.scale) else None
    if rescaling is not None:
        scale, offset = rescaling.scale * scale, rescaling.scale * offset + rescaling.offset

    def copy(layer: Any) -> Any:
        if layer is rescaling:
            return keras.layers.Identity(name=layer.name)  # the converter drops it
        return type(layer).from_config(layer.get_config())

    folded = keras.models.clone_model(loaded.model, clone_function=copy)
    folded.set_weights(loaded.model.get_weights())
    if (scale, offset) == (1, 0) or _fold(keras, folded, rescaling is not None, scale, offset):
        return folded
    return load.with_pixel_input(loaded)


def _fold(keras: Any, model: Any, behind_identity: bool, scale: float, offset: float) -> bool:
    """Put the scaling into the first convolution; False, and nothing changed, if that would not be exact."""
    convolution = graph.single(graph.consumers(model, model.input))
    if behind_identity and convolution is not None:
        convolution = graph.single(graph.consumers(model, convolution.output))
    if type(convolution) is not keras.layers.Conv2D or convolution.padding != "valid":
        return False
    offsets = convolution.bias
    sign = 1
    if offsets is None:
        norm = graph.single(graph.consumers(model, convolution.output))
        if convolution.activation is not keras.activations.linear or type(norm) is not keras.layers.BatchNormalization:
            return False
        offsets, sign = norm.moving_mean, -1
    kernel = np.asarray(convolution.kernel.numpy(), np.float64)
    offsets.assign(np.asarray(offsets.numpy(), np.float64) + sign * offset * kernel.sum(axis=(0, 1, 2)))
    convolution.kernel.assign(kernel * scale)
    return True
