"""Conditions under which a camera sees a face, as changes of faces at FER2013's own size.

Each takes faces (n, 48, 48) uint8, n one or more, and gives changed ones of the same shape, always the same for the
same faces. They are resized for the network afterwards, as the device would resize them.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from fer_convert.data.dataset import SIDE
from fer_edge import preprocess
from fer_edge.types import Box
from numpy.typing import NDArray

LIGHT = 0.25  # share of the light that is left
NOISE = 4  # standard deviation of the sensor's noise in low light, grey levels
SIGMA = 1.2  # of the blur, pixels
RIGHT, DOWN = 5, 4  # how far the box lies beside the face, pixels
SEED = 1  # of the noise


def low_light(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A quarter of the light, with the noise that a sensor's gain then shows."""
    grain = np.random.default_rng(SEED).standard_normal(faces.shape, np.float32) * NOISE
    dark: NDArray[np.uint8] = np.clip(np.rint(faces * np.float32(LIGHT) + grain), 0, 255).astype(np.uint8)
    return dark


def blur(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Out of focus: a Gaussian, the edge repeated."""
    return np.stack([cv2.GaussianBlur(face, (0, 0), SIGMA, borderType=cv2.BORDER_REPLICATE) for face in faces])


def shift(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A detector's box that lies too far right and down: the face moves left and up in it, the edge is repeated."""
    return np.stack([preprocess.crop(face, Box(RIGHT, DOWN, SIDE, SIDE)) for face in faces])


# By the name that the report gives them
CONDITIONS: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    f"low light (x {LIGHT}, noise {NOISE})": low_light,
    f"blur (sigma {SIGMA} px)": blur,
    f"shift ({RIGHT} right, {DOWN} down of {SIDE})": shift,
}
