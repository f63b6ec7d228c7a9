"""Accuracy and coverage: figures that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from fer_convert.evaluation.coverage import CoveragePoint, coverage_points, lowest_threshold, thinned

CONFIDENCE = np.array([0.5, 0.75, 0.25, 1.0, 0.5], np.float32)
CORRECT = np.array([True, True, False, True, False])


def test_points_by_hand() -> None:
    """From the surest face down; faces of the same confidence come together."""
    assert coverage_points(CONFIDENCE, CORRECT) == (
        CoveragePoint(1.0, 0.2, 1.0),
        CoveragePoint(0.75, 0.4, 1.0),
        CoveragePoint(0.5, 0.8, 0.75),  # four faces, one of the two at 0.5 is wrong
        CoveragePoint(0.25, 1.0, 0.6),
    )


def test_order_of_faces_changes_nothing() -> None:
    """Equal confidences have no order."""
    assert coverage_points(CONFIDENCE[::-1], CORRECT[::-1]) == coverage_points(CONFIDENCE, CORRECT)


@pytest.mark.parametrize(("accuracy", "threshold"), [(1.0, 0.75), (0.8, 0.75), (0.75, 0.5), (0.6, 0.25), (0.1, 0.25)])
def test_lowest_threshold_that_suffices(accuracy: float, threshold: float) -> None:
    """The most faces at which the accuracy is reached, exactly reached included."""
    found = lowest_threshold(coverage_points(CONFIDENCE, CORRECT), accuracy)
    assert found is not None
    assert found.threshold == threshold


def test_threshold_below_a_dip() -> None:
    """A mistake among the surest faces does not end the search."""
    points = coverage_points(np.array([0.9, 0.8, 0.7, 0.6], np.float32), np.array([False, True, True, True]))
    found = lowest_threshold(points, 0.75)
    assert found is not None
    assert found.coverage == 1.0


def test_no_threshold_suffices() -> None:
    """If the surest face is wrong, and all others, there is none."""
    assert lowest_threshold(coverage_points(CONFIDENCE, np.zeros(5, bool)), 0.88) is None


def test_thinned_curve_keeps_its_ends() -> None:
    """A long curve has 101 points, a short one all of its own."""
    points = tuple(CoveragePoint(1 - i / 1000, i / 1000, 1.0) for i in range(1000))
    found = thinned(points)
    assert len(found) == 101
    assert (found[0], found[-1]) == (points[0], points[-1])
    assert thinned(points[:7]) == points[:7]
