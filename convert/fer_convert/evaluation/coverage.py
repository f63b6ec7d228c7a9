"""Risk and coverage: how often a model is right on the faces for which it is confident enough to show its prediction.

A face is shown if its confidence is at least a threshold, as `smoother.certain` decides on the device. A lower
threshold shows more faces, and more of them are wrong (El-Yaniv, Wiener, "On the Foundations of Noise-free Selective
Classification", JMLR 11, 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_POINTS = 101  # of a curve


@dataclass(frozen=True)
class CoveragePoint:
    """What is shown at one threshold; shares, 0 to 1."""

    threshold: float  # shown are the faces with this confidence or more
    coverage: float  # of the faces, the share that is shown
    accuracy: float  # of the faces shown, the share that is predicted right


def coverage_points(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> tuple[CoveragePoint, ...]:
    """A point for each value that the `confidence` (n,) of the n faces has, one or more, from the highest down."""
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    # Faces of the same confidence are shown together or not at all.
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    right = np.cumsum(correct[order])
    return tuple(
        CoveragePoint(float(falling[i]), (i + 1) / len(order), float(right[i]) / (i + 1)) for i in last.tolist()
    )


def lowest_threshold(points: tuple[CoveragePoint, ...], accuracy: float) -> CoveragePoint | None:
    """The one of `points` with the most coverage at which `accuracy` is reached; None if it is at none."""
    return max((p for p in points if p.accuracy >= accuracy), key=lambda p: p.coverage, default=None)


def thinned(points: tuple[CoveragePoint, ...]) -> tuple[CoveragePoint, ...]:
    """At most MAX_POINTS of `points`, evenly spread, the first and the last among them."""
    rows = np.unique(np.linspace(0, len(points) - 1, MAX_POINTS).round().astype(int))
    return tuple(points[row] for row in rows.tolist())
