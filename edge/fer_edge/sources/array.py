"""A picture that a program has in memory already, as a frame."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_edge.errors import SourceError
from fer_edge.sources.options import SourceOptions, too_many_pixels
from fer_edge.types import Frame

EXPECTED_PICTURE = "it must be uint8 of shape (height, width, 3) in BGR, or (height, width) grey"


def array_frame(picture: NDArray[Any], name: str = "array", max_pixels: int | None = None) -> Frame:
    """`picture`, (height, width, 3) BGR or (height, width) grey uint8, as a frame of the source `name`, taken now.

    A picture in another layout of memory is copied; the others are looked at where they are, and never written to.
    Raises SourceError for another type or shape, for no pixels, and for more than `max_pixels` (None: as for files).
    """
    if picture.dtype != np.uint8:
        raise SourceError(f"picture: its pixels are {picture.dtype}; {EXPECTED_PICTURE}{_from_floats(picture)}")
    if picture.ndim != 2 and (picture.ndim != 3 or picture.shape[2] != 3):
        raise SourceError(f"picture: its shape is {picture.shape}; {EXPECTED_PICTURE}{_from_channels(picture)}")
    height, width = picture.shape[:2]
    if not height or not width:
        raise SourceError(f"picture: its shape is {picture.shape}, so it has no pixels; give one that has some")
    most = SourceOptions().max_pixels if max_pixels is None else max_pixels
    if height * width > most:
        raise SourceError(f"picture: {too_many_pixels(width, height, most)}")
    pixels = np.ascontiguousarray(picture)
    colour = pixels if pixels.ndim == 3 else None
    grey = pixels if colour is None else np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), np.uint8)
    return Frame(0, 0.0, datetime.now().astimezone(), grey, name, colour)


def _from_floats(picture: NDArray[Any]) -> str:
    floats = np.issubdtype(picture.dtype, np.floating)
    return "; if they go from 0 to 1: (255 * picture).astype(np.uint8)" if floats else ""


def _from_channels(picture: NDArray[Any]) -> str:
    """How to get there from the shapes that other libraries have."""
    if picture.ndim == 3 and picture.shape[2] == 4:
        return "; without its fourth channel: picture[:, :, :3]"
    if picture.ndim == 3 and picture.shape[2] == 1:
        return "; without its third axis: picture[:, :, 0]"
    if picture.ndim == 3 and picture.shape[0] == 3:
        return "; with its channels last: np.moveaxis(picture, 0, -1)"
    if picture.ndim == 4:
        return "; one picture at a time: for picture in pictures"
    return ""
