"""From a face in a frame to the network's input: the one definition that training and inference share.

The network sees the face's grey pixels, 0 to 255, at its input's size. Nothing is computed in floating point: an int8
model's input scale makes the quantized value equal the pixel, a float model gets the same numbers as floats.
"""

from __future__ import annotations

import cv2
import numpy as np

from fer_edge.types import Box, Pixels


def crop(grey: Pixels, box: Box) -> Pixels:
    """The pixels of `grey` (height, width) in `box`; where the box reaches over an edge, the edge is repeated.

    A view where the box lies inside the frame, else a copy. A box that lies wholly outside repeats the nearest edge.
    """
    height, width = grey.shape
    x, y, w, h = box
    if x >= 0 and y >= 0 and x + w <= width and y + h <= height:
        return grey[y : y + h, x : x + w]
    rows = np.clip(np.arange(y, y + h), 0, height - 1)
    columns = np.clip(np.arange(x, x + w), 0, width - 1)
    return grey[rows[:, None], columns]


def resize(face: Pixels, size: tuple[int, int], out: Pixels | None = None) -> Pixels:
    """`face` (height, width) uint8 at `size` (height, width); into `out`, where given.

    Area averaging where both sides shrink, else bilinear: bilinear alone would skip pixels of a large face and let
    noise through (OpenCV's own advice, docs of ``cv2.resize``).
    """
    height, width = size
    shrinks = face.shape[0] >= height and face.shape[1] >= width
    kind = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(face, (width, height), dst=out, interpolation=kind)  # type: ignore[return-value]


def face_pixels(grey: Pixels, box: Box, size: tuple[int, int], out: Pixels | None = None) -> Pixels:
    """The face in `box` of the frame `grey` as (height, width) uint8 of `size`: crop, then resize."""
    return resize(crop(grey, box), size, out)
