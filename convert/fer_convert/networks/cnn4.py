"""A plain network: four convolutions, each with ReLU and pooling, and no more; 390,000 parameters.

Systems of this kind began with it. It shows what normalization, shortcuts and separable convolutions gain.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

FILTERS = (32, 64, 128, 256)


def build(classes: int, size: tuple[int | None, int | None] = (64, 64)) -> Any:
    """An untrained network: (n, height, width, 1) pixels 0 to 255 -> (n, classes) probabilities."""
    image = keras.Input((*size, 1), name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(image)
    for number, filters in enumerate(FILTERS, start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(image, layers.Activation("softmax", name="probabilities")(x), name="cnn4")
