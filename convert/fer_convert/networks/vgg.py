"""A network without shortcuts: Simonyan, Zisserman, "Very Deep Convolutional Networks", arXiv:1409.1556, made small.

Eight convolutions of 3 x 3 with batch normalization (arXiv:1502.03167) and a mean instead of the fully connected
layers; 1.8 million parameters. A teacher whose errors differ from a residual network's, which makes their average
better.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from fer_convert.networks.resnet import convolution

STAGE_FILTERS = (32, 64, 128, 256)  # each stage ends with half the height and width
DROPOUT_RATE = 0.4  # of the features before the last layer


def build(classes: int, size: tuple[int | None, int | None] = (64, 64)) -> Any:
    """An untrained network: (n, height, width, 1) pixels 0 to 255 -> (n, classes) probabilities."""
    image = keras.Input((*size, 1), name="pixels")
    x = layers.Rescaling(1 / 64, offset=-127.5 / 64, name="scale")(image)
    for stage, filters in enumerate(STAGE_FILTERS):
        # Only one convolution at the full size, where each costs the most and sees the least.
        for number in range(2 if stage else 1):
            x = convolution(x, filters, f"stage{stage + 1}_{number + 1}")
        x = layers.MaxPooling2D(2, name=f"stage{stage + 1}_pool")(x)
    x = convolution(x, STAGE_FILTERS[-1], "last")
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dropout(DROPOUT_RATE, name="dropout")(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(image, layers.Activation("softmax", name="probabilities")(x), name="vgg")
