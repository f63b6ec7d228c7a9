"""The network: a plain convolution, five depthwise separable ones (Howard et al., "MobileNets", arXiv:1704.04861), and
one fully connected layer, which knows where in the square a feature was. 22,173 parameters, 0.6 million multiply-adds.
"""

from __future__ import annotations

from typing import Any

import keras
from fer_edge.detectors.face_verifier import OUTPUTS, PIXEL_OFFSET, PIXEL_SCALE, SIDE_PX
from keras import layers

STEM_FILTERS = 16  # of the plain convolution, which halves the side
MODULES = ((24, 2), (32, 1), (48, 2), (48, 1), (64, 1))  # filters and stride of the separable ones
DROPOUT_RATE = 0.1  # of the features before the last layer


def build() -> Any:
    """An untrained network: (n, SIDE_PX, SIDE_PX, 1) pixels 0 to 255 -> (n, OUTPUTS), see `FaceVerifier`."""
    pixels = keras.Input((SIDE_PX, SIDE_PX, 1), name="pixels")
    x = layers.Rescaling(PIXEL_SCALE, offset=PIXEL_OFFSET, name="scale")(pixels)
    x = layers.Conv2D(STEM_FILTERS, 3, 2, padding="same", use_bias=False, name="stem_conv")(x)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.Activation("relu", name="stem_relu")(x)
    for number, (filters, strides) in enumerate(MODULES, start=1):
        name = f"module{number}"
        x = layers.SeparableConv2D(filters, 3, strides, padding="same", use_bias=False, name=f"{name}_conv")(x)
        x = layers.BatchNormalization(name=f"{name}_norm")(x)
        x = layers.Activation("relu", name=f"{name}_relu")(x)
    x = layers.Flatten(name="features")(x)
    x = layers.Dropout(DROPOUT_RATE, name="dropout")(x)
    return keras.Model(pixels, layers.Dense(OUTPUTS, name="face_and_place")(x), name="face_verifier")


def of_convolutions(model: Any) -> Any:
    """The same network in what OpenCV runs right: it takes pixels that are scaled, and its last layer is a convolution.

    OpenCV leaves out the bias of a fully connected layer, and up to 4.11 cannot scale.
    """
    scaled = keras.Input((SIDE_PX, SIDE_PX, 1), name="scaled")
    x = scaled
    for layer in model.layers:
        if not isinstance(layer, layers.InputLayer | layers.Rescaling | layers.Flatten | layers.Dropout | layers.Dense):
            x = layer(x)
    weights, bias = model.layers[-1].get_weights()
    height, width, filters = x.shape[1:]
    last = layers.Conv2D(OUTPUTS, (height, width), name="face_and_place_conv")
    same = keras.Model(scaled, layers.Flatten(name="outputs")(last(x)), name=f"{model.name}_float32")
    last.set_weights([weights.reshape(height, width, filters, OUTPUTS), bias])
    return same
