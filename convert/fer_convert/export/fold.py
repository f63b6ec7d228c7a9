"""The input's scaling, folded into the first convolution, so that the device computes nothing before it.

A network was trained on values v = a * pixel + b. For a convolution without padding of kernel K,

    K * (a * pixel + b) = (a * K) * pixel + b * sum(K)

exactly, so the kernel takes up a, and the bias b * sum(K); without a bias, the moving mean of the batch normalization
that follows takes up -b * sum(K). (With padding the border would see b * 0 instead: there the scaling stays a layer.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from fer_convert import backend
from fer_convert.export import graph, load
from fer_convert.export.load import Loaded


def for_pixels(loaded: Loaded) -> Any:
    """A model that takes pixels 0 to 255 and gives what `loaded` gives for the scaled ones; `loaded` is left alone."""
    keras = backend.keras()
    low, high = loaded.range
    scale, offset = (high - low) / 255, low
    first: Any = graph.only(graph.consumers(loaded.model, loaded.model.input))
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
    return load.scaled(loaded)


def _fold(keras: Any, model: Any, behind_identity: bool, scale: float, offset: float) -> bool:
    """Put the scaling into the first convolution; False, and nothing changed, where that is not exact."""
    convolution = graph.only(graph.consumers(model, model.input))
    if behind_identity and convolution is not None:
        convolution = graph.only(graph.consumers(model, convolution.output))
    if type(convolution) is not keras.layers.Conv2D or convolution.padding != "valid":
        return False
    taker = convolution.bias
    sign = 1
    if taker is None:
        norm = graph.only(graph.consumers(model, convolution.output))
        if convolution.activation is not keras.activations.linear or type(norm) is not keras.layers.BatchNormalization:
            return False
        taker, sign = norm.moving_mean, -1
    kernel = np.asarray(convolution.kernel.numpy(), np.float64)
    taker.assign(np.asarray(taker.numpy(), np.float64) + sign * offset * kernel.sum(axis=(0, 1, 2)))
    convolution.kernel.assign(kernel * scale)
    return True
