"""Camera conditions: low light, blur and a shifted box, as changes of faces at FER2013's own size.

Each function takes faces (n, 48, 48) uint8, n one or more, and returns changed ones of the same shape, always the same
for the same faces. They are resized for the network afterwards, as the device would resize them.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from fer_edge import preprocess
from fer_edge.types import Box
from numpy.typing import NDArray

from fer_convert.data.faces import FER2013_SIDE_PX as SIDE_PX

LIGHT_FACTOR = 0.25  # share of the light that is left
NOISE_SIGMA = 4  # standard deviation of the sensor's noise in low light, grey levels
NOISE_SEED = 1
BLUR_SIGMA_PX = 1.2
SHIFT_RIGHT_PX, SHIFT_DOWN_PX = 5, 4  # of the box, away from the face


def low_light(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A quarter of the light, with the noise that a sensor's gain then shows."""
    grain = np.random.default_rng(NOISE_SEED).standard_normal(faces.shape, np.float32) * NOISE_SIGMA
    dark: NDArray[np.uint8] = np.clip(np.rint(faces * np.float32(LIGHT_FACTOR) + grain), 0, 255).astype(np.uint8)
    return dark


def blur(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Out of focus: a Gaussian blur, the edge repeated."""
    return np.stack([cv2.GaussianBlur(face, (0, 0), BLUR_SIGMA_PX, borderType=cv2.BORDER_REPLICATE) for face in faces])


def shift(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A detector's box too far to the right and down: the face moves left and up in it, the edge is repeated."""
    return np.stack([preprocess.crop(face, Box(SHIFT_RIGHT_PX, SHIFT_DOWN_PX, SIDE_PX, SIDE_PX)) for face in faces])


# By the name that they have in the report
CONDITIONS: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    f"low light (x {LIGHT_FACTOR}, noise {NOISE_SIGMA})": low_light,
    f"blur (sigma {BLUR_SIGMA_PX} px)": blur,
    f"shift ({SHIFT_RIGHT_PX} right, {SHIFT_DOWN_PX} down of {SIDE_PX})": shift,
}
