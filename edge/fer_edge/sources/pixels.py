"""The grey picture in a camera's memory, for each pixel format by libcamera's name.

A row takes `stride` bytes: its pixels, then padding that the image processor needs and that is not part of the picture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer_edge.types import Pixels


class _Layout(NamedTuple):
    size: int  # bytes a pixel in the first plane
    conversion: str = ""  # OpenCV's name of the conversion to grey; "": the first plane is the luminance


# The name of a packed format lists the colours from the highest byte of a little-endian number to the lowest, so the
# order in memory is reversed: RGB888 is B, G, R.
PIXEL_FORMATS = {
    "YUV420": _Layout(1),
    "YVU420": _Layout(1),
    "NV12": _Layout(1),
    "NV21": _Layout(1),
    "R8": _Layout(1),
    "RGB888": _Layout(3, "COLOR_BGR2GRAY"),
    "BGR888": _Layout(3, "COLOR_RGB2GRAY"),
    "XRGB8888": _Layout(4, "COLOR_BGRA2GRAY"),
    "XBGR8888": _Layout(4, "COLOR_RGBA2GRAY"),
}


def grey(buffer: NDArray[np.uint8], layout: str, width: int, height: int, stride: int) -> Pixels:
    """The grey picture, (height, width) uint8, in `buffer`, whose `layout` is one of PIXEL_FORMATS; a view if possible.

    Raises ValueError if `buffer` is too short for such a picture.
    """
    size, conversion = PIXEL_FORMATS[layout]
    if stride < width * size or len(buffer) < height * stride:
        raise ValueError(f"{len(buffer)} bytes in rows of {stride} cannot hold {width} x {height} pixels in {layout}")
    rows = buffer[: height * stride].reshape(height, stride)[:, : width * size]
    if not conversion:
        return rows
    import cv2  # late: the usual formats need no conversion

    packed = rows.reshape(height, width, size)  # still a view: OpenCV skips the padding
    return np.asarray(cv2.cvtColor(packed, getattr(cv2, conversion)), np.uint8)
