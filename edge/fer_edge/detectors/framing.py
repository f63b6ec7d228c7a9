"""What detectors share: a smaller picture to search, and boxes framed like the network's training faces."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2

from fer_edge.types import Box, Pixels

ASPECT_RATIO = 4 / 3  # of the frame that the settings' widths are given for
MAX_AREA = 4.0  # of a searched frame, in areas of that frame: reached by a panorama of 16:3


@dataclass(frozen=True)
class Framing:
    """How FER2013 would frame a face that a detector found: a square with a shifted centre.

    Every detector frames faces in its own way, and a network is most accurate on faces framed as in its training. The
    constants are the mean difference between a detector's boxes and the frames of FER2013 faces drawn at known places.
    """

    scale: float  # the square's side, as a multiple of the longer side of the found box
    right: float  # shift of the centre, as a share of the square's side
    down: float

    def apply(self, x: float, y: float, side: float) -> Box:
        """The bounding box for the square (x, y, side) that a detector found, all in pixels."""
        width = side * self.scale
        left = x + side / 2 + self.right * width - width / 2
        top = y + side / 2 + self.down * width - width / 2
        return Box(round(left), round(top), max(round(width), 1), max(round(width), 1))


def shrink(grey: Pixels, width: int, out: Pixels | None = None) -> tuple[Pixels, float]:
    """`grey` (height, width) shrunk, and the factor from its pixels to those of `grey`.

    One with the aspect ratio 4:3 becomes `width` pixels wide. Of another shape, upright or wide, it gets the same
    shorter side, so that a face that takes a given share of it keeps its pixels, as far as MAX_AREA allows. Written
    into `out` if that has the right size, as a result of an earlier call has.
    """
    height, full_width = grey.shape
    shorter = width / ASPECT_RATIO
    factor = max(min(height, full_width) / shorter, math.sqrt(height * full_width / (MAX_AREA * width * shorter)))
    if factor <= 1:
        return grey, 1.0
    size = (max(round(full_width / factor), 1), max(round(height / factor), 1))
    if out is grey or (out is not None and out.shape != size[::-1]):
        out = None
    small = cv2.resize(grey, size, dst=out, interpolation=cv2.INTER_AREA)
    return small, factor  # type: ignore[return-value]
