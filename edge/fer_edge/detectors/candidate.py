"""A square that may be a face, and what two of them share."""

from __future__ import annotations

import math
from typing import NamedTuple

MIN_SHARED_AREA = 0.5  # of the smaller square, from which two squares are one face
MAX_PROBABILITY = 1 - 1e-6  # that is told from certainty


class Candidate(NamedTuple):
    """A square that may be a face, in pixels of the picture that was searched."""

    x: float
    y: float
    side: float
    score: float  # probability of a face, 0 to 1
    tilt: float = 0.0  # of the head, degrees, clockwise; the square itself is upright

    def mapped(self, right: float, down: float, factor: float) -> Candidate:
        """The same square in a picture `factor` times as large, which begins `right` and `down` pixels before it."""
        return self._replace(x=self.x * factor + right, y=self.y * factor + down, side=self.side * factor)


def same_face(a: Candidate, b: Candidate) -> bool:
    """Whether two squares show one face: they share at least half of the smaller one, as a face and its mouth do.

    Intersection over union would not do: a mouth covers little of its face.
    """
    width = min(a.x + a.side, b.x + b.side) - max(a.x, b.x)
    height = min(a.y + a.side, b.y + b.side) - max(a.y, b.y)
    if width <= 0 or height <= 0:
        return False
    return width * height > MIN_SHARED_AREA * min(a.side, b.side) ** 2


def log_odds(probability: float) -> float:
    """Of a `probability` of 0 to 1; 14 at most, and -14 at least."""
    limited = min(max(probability, 1 - MAX_PROBABILITY), MAX_PROBABILITY)
    return math.log(limited / (1 - limited))


def probability(log_odds: float) -> float:
    """The inverse of `log_odds`."""
    return 1 / (1 + math.exp(-log_odds))
