"""What detectors share: a smaller picture to search, and squares framed like the network's training faces."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2

from fer_edge.detectors.candidate import Candidate
from fer_edge.types import Box, Pixels, TiltedBox

ASPECT_RATIO = 4 / 3  # of the frame that the settings' widths are given for
MAX_AREA = 4.0  # of a searched frame, in areas of that frame: reached by a panorama of 16:3


MIN_TILT = 6.0  # degrees, from which a head is turned upright: what is measured of an upright one varies by less


@dataclass(frozen=True)
class Framing:
    """How FER2013 would frame a face that a detector found: a square with a shifted centre.

    Every detector frames faces in its own way. The constants are the mean difference between a detector's boxes and the
    frames of FER2013 faces drawn at known places; the face verifier says where exactly each face is.
    """

    scale: float  # the square's side, as a multiple of the longer side of the found box
    right: float  # shift of the centre, as a share of the square's side
    down: float

    def apply(self, found: Candidate) -> Candidate:
        """The square for the square that a detector found."""
        side = found.side * self.scale
        x = found.x + found.side / 2 + self.right * side - side / 2
        y = found.y + found.side / 2 + self.down * side - side / 2
        return found._replace(x=x, y=y, side=side)


def bounding_box(face: Candidate) -> Box:
    """The square of `face` in whole pixels."""
    x, y, side = round(face.x), round(face.y), max(round(face.side), 1)
    return TiltedBox(x, y, side, side, face.tilt) if abs(face.tilt) >= MIN_TILT else Box(x, y, side, side)


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
