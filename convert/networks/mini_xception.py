"""Mini-XCEPTION: Arriaga, Valdenegro-Toro, Plöger, "Real-time Convolutional Neural Networks for Emotion and Gender
Classification", arXiv:1710.07557, figure 3.

Two plain convolutions, four residual modules of depthwise separable convolutions, a convolution that gives one map a
class, global average pooling, softmax: no fully connected layer. 58,423 parameters with seven classes.

As in the paper but for three things. It takes pixels as they are, 0 to 255, and scales them in its first layer, so that
whoever runs the model computes nothing; converting folds that layer into the first convolution. It carries no L2
penalty: the paper's 0.01 is for its long training at a falling rate, here the optimizer decays the weights. And the
strides fall elsewhere: the paper halves the side in each module, here the first convolution does, where a pixel costs
the most and says the least (a face of FER2013 has 48 pixels a side to begin with), and what that saves buys the
last modules, which hold most of the weights, maps of twice the side.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

STEM = (2, 1)  # strides of the two plain convolutions
MODULES = ((16, 2), (32, 1), (64, 1), (128, 2))  # filters and stride of the four residual modules


def build(classes: int, size: tuple[int | None, int | None] = (64, 64)) -> Any:
    """An untrained network: (n, height, width, 1) pixels 0 to 255 -> (n, classes) probabilities."""
    image = keras.Input((*size, 1), name="pixels")
    # [-1, 1], what the paper's own models take
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(image)
    for number, strides in enumerate(STEM, start=1):
        x = layers.Conv2D(8, 3, strides, use_bias=False, name=f"stem{number}_conv")(x)
        x = layers.BatchNormalization(name=f"stem{number}_norm")(x)
        x = layers.Activation("relu", name=f"stem{number}_relu")(x)
    for filters, strides in MODULES:
        x = _module(x, filters, strides)
    x = layers.Conv2D(classes, 3, padding="same", name="class_maps")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, layers.Activation("softmax", name="probabilities")(x), name="mini_xception")


def _module(x: Any, filters: int, strides: int) -> Any:
    """`filters` maps of 1 / `strides` the height and width: two separable convolutions and a shortcut around them."""
    name = f"module{filters}"
    shortcut = layers.Conv2D(filters, 1, strides, padding="same", use_bias=False, name=f"{name}_shortcut")(x)
    shortcut = layers.BatchNormalization(name=f"{name}_shortcut_norm")(shortcut)
    for number in (1, 2):
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv{number}")(x)
        x = layers.BatchNormalization(name=f"{name}_norm{number}")(x)
        if number == 1:
            x = layers.Activation("relu", name=f"{name}_relu")(x)
    if strides > 1:
        x = layers.MaxPooling2D(3, strides, padding="same", name=f"{name}_pool")(x)
    return layers.Add(name=f"{name}_add")([x, shortcut])
