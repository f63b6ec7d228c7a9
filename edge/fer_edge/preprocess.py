"""From a face in a frame to the network's input: the one definition that training and inference share.

The network gets the face's grey pixels, 0 to 255, at its input's size. Nothing is computed in floating point: an int8
model's input scale makes the quantized value equal to the pixel, and a float model gets the same numbers as floats.
"""

from __future__ import annotations

import cv2
import numpy as np

from fer_edge.types import Box, Pixels


def crop(grey: Pixels, box: Box) -> Pixels:
    """The pixels of `grey` (height, width) in `box`; beyond the frame's edge the edge pixels are repeated.

    A view if the box is inside the frame, else a copy. A box wholly outside repeats the nearest edge.
    """
    height, width = grey.shape
    x, y, w, h = box
    if x >= 0 and y >= 0 and x + w <= width and y + h <= height:
        return grey[y : y + h, x : x + w]
    rows = np.clip(np.arange(y, y + h), 0, height - 1)
    columns = np.clip(np.arange(x, x + w), 0, width - 1)
    return grey[rows[:, None], columns]


def resize(face: Pixels, size: tuple[int, int], out: Pixels | None = None) -> Pixels:
    """`face` (height, width) uint8, resized to `size` (height, width); into `out`, if given.

    Area averaging if both sides shrink, else bilinear. Bilinear interpolation alone would skip pixels of a large face
    and let noise through (OpenCV's own advice, docs of ``cv2.resize``).
    """
    height, width = size
    shrinks = face.shape[0] >= height and face.shape[1] >= width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(face, (width, height), dst=out, interpolation=interpolation)  # type: ignore[return-value]


def face_pixels(grey: Pixels, box: Box, size: tuple[int, int], out: Pixels | None = None) -> Pixels:
    """The face in `box` of the frame `grey`, cropped and resized to `size` (height, width), uint8."""
    return resize(crop(grey, box), size, out)
