"""The grey picture in a camera's memory, for each pixel format by libcamera's name.

A row takes `stride` bytes: its pixels, then padding that image processors want and nobody should see.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer_edge.types import Pixels


class _Layout(NamedTuple):
    size: int  # bytes a pixel in the first plane
    conversion: str = ""  # what OpenCV calls the way to grey; "": the first plane is the brightness


# A name tells a packed format's colours from the highest byte of a little-endian number to the lowest, so memory holds
# them the other way round: RGB888 is B, G, R.
FORMATS = {
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
    """The brightness, (height, width), of a picture in `layout`, one of FORMATS; a view where it lies there as such.

    Raises ValueError where `buffer` is too short for such a picture.
    """
    size, conversion = FORMATS[layout]
    if stride < width * size or len(buffer) < height * stride:
        raise ValueError(
            f"{len(buffer)} bytes in rows of {stride} are no picture of {width} x {height} pixels in {layout}"
        )
    rows = buffer[: height * stride].reshape(height, stride)[:, : width * size]
    if not conversion:
        return rows
    import cv2  # only here: the usual formats need no conversion

    packed = rows.reshape(height, width, size)  # still a view: OpenCV steps over the padding
    return np.asarray(cv2.cvtColor(packed, getattr(cv2, conversion)), np.uint8)
