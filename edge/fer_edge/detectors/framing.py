"""What detectors share: a smaller picture to search, and boxes framed like the network's training faces."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from fer_edge.types import Box, Pixels


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
    """`grey` at most `width` pixels wide, and the factor from its pixels to those of `grey`.

    Written into `out` if that has the right size, as a result of an earlier call has.
    """
    factor = grey.shape[1] / width
    if factor <= 1:
        return grey, 1.0
    size = (width, max(round(grey.shape[0] / factor), 1))
    if out is grey or (out is not None and out.shape != size[::-1]):
        out = None
    small = cv2.resize(grey, size, dst=out, interpolation=cv2.INTER_AREA)
    return small, factor  # type: ignore[return-value]
