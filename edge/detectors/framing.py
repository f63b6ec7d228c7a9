"""What detectors share: a smaller picture to search, and boxes framed as the network's training faces are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from edge.types import Box, Pixels


@dataclass(frozen=True)
class Framing:
    """How FER2013 would frame a face that a detector found: a square about a moved centre.

    Every detector frames faces in its own way, and a network reads best what is framed as in training. The constants
    are the mean difference between a detector's boxes and the frames of FER2013 faces drawn into known places.
    """

    scale: float  # the square's side, as a multiple of the longer side of the found box
    right: float  # how far the centre moves, as a share of the square's side
    down: float

    def apply(self, x: float, y: float, width: float, height: float) -> Box:
        """The square for the box that a detector found, all in pixels."""
        side = max(width, height) * self.scale
        left = x + width / 2 + self.right * side - side / 2
        top = y + height / 2 + self.down * side - side / 2
        return Box(round(left), round(top), max(round(side), 1), max(round(side), 1))


def shrink(grey: Pixels, width: int) -> tuple[Pixels, float]:
    """`grey` at most `width` pixels wide, and the factor from its pixels to those of `grey`."""
    factor = grey.shape[1] / width
    if factor <= 1:
        return grey, 1.0
    small = cv2.resize(grey, (width, max(round(grey.shape[0] / factor), 1)), interpolation=cv2.INTER_AREA)
    return small, factor  # type: ignore[return-value]
