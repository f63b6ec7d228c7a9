"""From a face in a frame to the network's input: the one definition that training and inference share.

The network gets the face's grey pixels, 0 to 255, at its input's size. Nothing is computed in floating point: an int8
model's input scale makes the quantized value equal to the pixel, and a float model gets the same numbers as floats.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

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
    """The face in `box` of the frame `grey`, upright, cropped and resized to `size` (height, width), uint8.

    The mirror image of it if the box says so.
    """
    if box.tilt:
        side = max(box.width, box.height)
        upright = turned_square(grey, box.x + box.width / 2, box.y + box.height / 2, side, box.tilt, max(size))
    else:
        upright = crop(grey, box)
    face = resize(upright, size, out)
    if box.mirrored:
        face[...] = face[:, ::-1].copy()
    return face


def turned_square(grey: Pixels, x: float, y: float, side: float, tilt: float, size: int) -> Pixels:
    """The square of `side` pixels about (x, y) of `grey` (height, width), as (size, size) uint8.

    (x, y) is counted as a Box is: (0, 0) is the outer corner of the first pixel. The square is turned so that a head
    that is tilted by `tilt` degrees, clockwise, is upright. Beyond the frame's edge the edge pixels are repeated. A
    large square is shrunk by area averaging first, as in `resize`.
    """
    height, width = grey.shape
    shrink = max(int(side / size / 1.5), 1)
    angle = math.radians(tilt)
    reach = side / 2 * (abs(math.cos(angle)) + abs(math.sin(angle))) + shrink + 2
    left, right = (min(max(int(edge), 0), width - 1) for edge in (x - reach, x + reach))
    top, bottom = (min(max(int(edge), 0), height - 1) for edge in (y - reach, y + reach))
    region = grey[top : bottom + 1, left : right + 1]
    x, y, scale = x - left, y - top, size / side
    if shrink > 1 and min(region.shape) >= shrink:
        small = region.shape[1] // shrink, region.shape[0] // shrink
        whole = region[: small[1] * shrink, : small[0] * shrink]  # by whole pixels it is several times as fast
        region = cv2.resize(whole, small, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        x, y, scale = x / shrink, y / shrink, scale * shrink
    # OpenCV counts from the first pixel's middle.
    matrix: NDArray[np.float64] = cv2.getRotationMatrix2D((x - 0.5, y - 0.5), tilt, scale)  # type: ignore[assignment]
    matrix[:, 2] += size / 2 - np.array((x, y))
    return cv2.warpAffine(  # type: ignore[return-value]
        region, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


MEAN_LEVEL, DEVIATION, MIN_DEVIATION = 128.0, 50.0, 4.0  # grey levels; of less contrast there is mostly noise


def even_light(pixels: Pixels) -> Pixels:
    """`pixels` uint8 with a mean of MEAN_LEVEL and a standard deviation of DEVIATION, however dark or flat they are."""
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(pixels))
    gain = DEVIATION / max(deviation, MIN_DEVIATION)
    table = np.clip((np.arange(256) - mean) * gain + MEAN_LEVEL + 0.5, 0, 255).astype(np.uint8)
    return cv2.LUT(pixels, table)  # type: ignore[return-value]
