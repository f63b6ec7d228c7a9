"""A deeper residual network: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385.

Its 18-layer form at half the width, for faces of 64 pixels: the first convolution halves the side and no pooling
follows. 2.8 million parameters. A teacher for the small network, and a baseline for it.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

STAGE_FILTERS = (32, 64, 128, 256)  # each stage but the first halves height and width
BLOCKS_PER_STAGE = 2
DROPOUT_RATE = 0.3  # of the features before the last layer


def build(classes: int, size: tuple[int | None, int | None] = (64, 64)) -> Any:
    """An untrained network: (n, height, width, 1) pixels 0 to 255 -> (n, classes) probabilities."""
    image = keras.Input((*size, 1), name="pixels")
    # About mean 0 and standard deviation 1 over FER2013
    x = layers.Rescaling(1 / 64, offset=-127.5 / 64, name="scale")(image)
    x = convolution(x, STAGE_FILTERS[0], "stem", strides=2)
    for stage, filters in enumerate(STAGE_FILTERS):
        for block in range(BLOCKS_PER_STAGE):
            x = _block(x, filters, f"stage{stage + 1}_block{block + 1}", 2 if stage and not block else 1)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dropout(DROPOUT_RATE, name="dropout")(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(image, layers.Activation("softmax", name="probabilities")(x), name="resnet")


def convolution(x: Any, filters: int, name: str, strides: int = 1, size: int = 3, relu: bool = True) -> Any:
    """A convolution, batch normalization, and, if `relu`, a ReLU."""
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x) if relu else x


def _block(x: Any, filters: int, name: str, strides: int) -> Any:
    shortcut = x
    if strides > 1 or x.shape[-1] != filters:
        shortcut = convolution(x, filters, f"{name}_shortcut", strides, size=1, relu=False)
    x = convolution(x, filters, f"{name}_1", strides)
    x = convolution(x, filters, f"{name}_2", relu=False)
    return layers.Activation("relu", name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, shortcut]))
