"""Turns pictures the right way up: a camera that hangs on its side or head, looks into a mirror, or has wide pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fer_edge.types import Pixels

# OpenCV is imported late: a Raspberry Pi's camera mostly needs nothing of it here.

MIN_STRETCH = 0.01  # of a side; less is rounding, and changes no face
MAX_ASPECT = 8.0  # a wider or higher pixel is a mistake in the file, and would need much memory

_ROTATE_CODES = {90: 0, 180: 1, 270: 2}  # cv2.ROTATE_90_CLOCKWISE, ROTATE_180, ROTATE_90_COUNTERCLOCKWISE


class Mounting:
    """Makes pixels square, then rotates, then mirrors; a picture that needs none of it is returned as it is."""

    def __init__(self, rotate: int = 0, flip: bool = False, aspect: float = 1.0) -> None:
        """`rotate`: degrees clockwise, 0, 90, 180 or 270; `flip`: left is right; `aspect`: a pixel's width / height."""
        self._rotate, self._flip = _ROTATE_CODES.get(rotate), flip
        usable = math.isfinite(aspect) and 1 / MAX_ASPECT <= aspect <= MAX_ASPECT
        self._aspect = aspect if usable and abs(aspect - 1) >= MIN_STRETCH else 1.0
        self.needed = self._aspect != 1 or self._rotate is not None or flip

    def apply(self, picture: Pixels) -> Pixels:
        """`picture`, (height, width, 3) or (height, width), as a person sees the scene; nothing is lost of it."""
        if not self.needed:
            return picture
        import cv2

        turned: Any = picture
        if self._aspect != 1:  # the shorter side grows, so that no pixel is lost
            height, width = picture.shape[:2]
            wide, high = max(self._aspect, 1.0), max(1 / self._aspect, 1.0)
            turned = cv2.resize(turned, (round(width * wide), round(height * high)), interpolation=cv2.INTER_LINEAR)
        if self._rotate is not None:
            turned = cv2.rotate(turned, self._rotate)
        if self._flip:
            turned = cv2.flip(turned, 1)
        return np.asarray(turned, np.uint8)


def pixel_aspect(capture: Any) -> float:
    """A pixel's width over its height in the pictures of an open cv2.VideoCapture; 1 if the video does not say."""
    import cv2

    wide, high = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    if not (wide > 0 and high > 0):  # 0: not known
        return 1.0
    # OpenCV rotates a telephone's video as its file asks for; what the file says of its pixels is meant before that.
    return float(high / wide if capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180 == 90 else wide / high)
