"""What detectors share: a smaller picture to search, and boxes framed as the network's training faces are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from fer_edge.types import Box, Pixels


@dataclass(frozen=True)
class Framing:
    """How FER2013 would frame a face that a detector found: a square about a moved centre.

    Every detector frames faces in its own way, and a network reads best what is framed as in training. The constants
    are the mean difference between a detector's boxes and the frames of FER2013 faces drawn into known places.
    """

    scale: float  # the square's side, as a multiple of the longer side of the found box
    right: float  # how far the centre moves, as a share of the square's side
    down: float

    def apply(self, x: float, y: float, side: float) -> Box:
        """The square for the one that a detector found, all in pixels."""
        wide = side * self.scale
        left = x + side / 2 + self.right * wide - wide / 2
        top = y + side / 2 + self.down * wide - wide / 2
        return Box(round(left), round(top), max(round(wide), 1), max(round(wide), 1))


def shrink(grey: Pixels, width: int, out: Pixels | None = None) -> tuple[Pixels, float]:
    """`grey` at most `width` pixels wide, and the factor from its pixels to those of `grey`.

    Written into `out`, where that is a picture of the right size from an earlier call.
    """
    factor = grey.shape[1] / width
    if factor <= 1:
        return grey, 1.0
    size = (width, max(round(grey.shape[0] / factor), 1))
    if out is grey or (out is not None and out.shape != size[::-1]):
        out = None
    small = cv2.resize(grey, size, dst=out, interpolation=cv2.INTER_AREA)
    return small, factor  # type: ignore[return-value]
