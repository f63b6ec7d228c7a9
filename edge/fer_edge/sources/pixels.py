"""The grey picture, and the one in colour, in a camera's memory, for each pixel format by libcamera's name.

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


def colour(buffer: NDArray[np.uint8], layout: str, width: int, height: int, stride: int) -> Pixels:
    """The picture in colour, (height, width, 3) BGR uint8, of a `layout` in PIXEL_FORMATS; grey has no colours.

    The planes of colours are half as wide and high; black is 0 and white is 255 (full range, as JPEG has it).
    Raises ValueError if `buffer` is too short.
    """
    import cv2

    size, _ = PIXEL_FORMATS[layout]
    luminance = grey(buffer, layout, width, height, stride)
    if size > 1:  # packed: B, G, R in memory, or the other way round, and perhaps a byte that is not used
        rows = buffer[: height * stride].reshape(height, stride)[:, : width * size].reshape(height, width, size)
        return np.ascontiguousarray(rows[:, :, :3] if layout in ("RGB888", "XRGB8888") else rows[:, :, 2::-1])
    if layout == "R8":
        return np.asarray(cv2.cvtColor(luminance, cv2.COLOR_GRAY2BGR), np.uint8)
    high, wide, half = -(-height // 2), -(-width // 2), -(-stride // 2)
    chroma = buffer[height * stride :][: 2 * high * half]
    if len(chroma) < 2 * high * half:
        raise ValueError(f"{len(buffer)} bytes hold no colours of {width} x {height} pixels in {layout}")
    if layout in ("NV12", "NV21"):  # in pairs
        pairs = chroma.reshape(high, 2 * half)[:, : 2 * wide].reshape(high, wide, 2)
        first, second = pairs[:, :, 0], pairs[:, :, 1]
    else:
        first, second = (plane.reshape(high, half)[:, :wide] for plane in np.split(chroma, 2))
    if layout in ("YUV420", "NV12"):  # blue first; OpenCV wants red first
        first, second = second, first
    planes = [cv2.resize(np.ascontiguousarray(plane), (width, height)) for plane in (first, second)]
    return np.asarray(cv2.cvtColor(cv2.merge([luminance, *planes]), cv2.COLOR_YCrCb2BGR), np.uint8)
