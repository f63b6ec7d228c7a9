"""Mini-XCEPTION: Arriaga, Valdenegro-Toro, Plöger, "Real-time Convolutional Neural Networks for Emotion and Gender
Classification", arXiv:1710.07557, figure 3.

Two plain convolutions, four residual modules of two depthwise separable convolutions each, the means of 3 x 3 cells, a
convolution to one value a class, softmax: no fully connected layer. 57,799 parameters with seven classes; the paper's
has 58,423.

It differs from the paper in where the parameters and the work are. The paper doubles the filters and halves the side in
each module: 8 filters at 60 x 60, where a pixel costs the most and says the least (a face of FER2013 has only 48 pixels
a side), up to 128 at 8 x 8, whose last module alone holds 62 % of the parameters. Here each of the two plain
convolutions halves the side, and every module has the same 72 filters at 15 x 15: each weight is used at 225 places,
and from the second module on the shortcut is the identity, which needs no weights (He et al., "Identity Mappings in
Deep Residual Networks", arXiv:1603.05027).

The paper ends with one feature map a class and its mean: what is seen counts alike wherever it is. A face has its brows
above and its mouth below, so here the last convolution reads the means of 3 x 3 cells, each with weights of its own:
as many weights, used at one place instead of 225.

It takes pixels as they are, 0 to 255, and scales them in its first layer, so that nothing is computed before it;
conversion folds that layer into the first convolution. It has no L2 penalty: the paper's 0.01 is for its long training
at a falling rate; here the optimizer decays the weights.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

STEM = ((16, 2), (32, 2))  # filters and stride of the two plain convolutions
MODULES = (72, 72, 72, 72)  # filters of the residual modules
CELLS = 3  # a side, of which the last convolution reads the means
DEFAULT_SIDE = 15  # of the feature maps of a face of 64 x 64


def build(classes: int, size: tuple[int | None, int | None] = (64, 64)) -> Any:
    """An untrained network: (n, height, width, 1) pixels 0 to 255 -> (n, classes) probabilities."""
    image = keras.Input((*size, 1), name="pixels")
    # To [-1, 1], as the paper's own models take them
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(image)
    for number, (filters, strides) in enumerate(STEM, start=1):
        x = layers.Conv2D(filters, 3, strides, use_bias=False, name=f"stem{number}_conv")(x)
        x = layers.BatchNormalization(name=f"stem{number}_norm")(x)
        x = layers.Activation("relu", name=f"stem{number}_relu")(x)
    for number, filters in enumerate(MODULES, start=1):
        x = _module(x, filters, f"module{number}")
    x = layers.Activation("relu", name="cells_relu")(x)
    x = layers.AveragePooling2D(_cell(x.shape[1:3]), padding="same", name="cells")(x)
    x = layers.Conv2D(classes, CELLS, name="class_maps")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)  # of one value, or of four where a side has four cells
    return keras.Model(image, layers.Activation("softmax", name="probabilities")(x), name="mini_xception")


def _cell(sides: tuple[int | None, int | None]) -> tuple[int, int]:
    """Height and width of a cell of feature maps with these sides; None: of any size.

    Small enough that the smaller faces of `Recipe.small` have as many cells; others may have one more.
    """
    rows, columns = ((side or DEFAULT_SIDE) // CELLS for side in sides)
    return rows, columns


def _module(x: Any, filters: int, name: str) -> Any:
    """`filters` feature maps of the same size: two separable convolutions and a shortcut around them."""
    shortcut = x
    if x.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_shortcut")(x)
        shortcut = layers.BatchNormalization(name=f"{name}_shortcut_norm")(shortcut)
    for number in (1, 2):
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv{number}")(x)
        x = layers.BatchNormalization(name=f"{name}_norm{number}")(x)
        if number == 1:
            x = layers.Activation("relu", name=f"{name}_relu")(x)
    return layers.Add(name=f"{name}_add")([x, shortcut])
