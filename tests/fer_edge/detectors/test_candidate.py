"""Squares map between pictures, are compared by what they share, and have probabilities that add up as log odds."""

from __future__ import annotations

import math

import pytest
from fer_edge.detectors.candidate import MAX_PROBABILITY, MIN_SHARED_AREA, Candidate, log_odds, probability, same_face
from hypothesis import given
from hypothesis import strategies as st


def test_squares_map_to_larger_pictures() -> None:
    """First enlarged, then shifted; score and tilt stay."""
    square = Candidate(10, 20, 30, 0.8, 12.0)
    assert square.mapped(0, 0, 1) == square
    assert square.mapped(5, -7, 2) == Candidate(25, 33, 60, 0.8, 12.0)
    assert Candidate(1, 2, 3, 0.5).tilt == 0


def test_same_face_shares_half() -> None:
    """Two squares are one face if they share half of the smaller one."""
    face = Candidate(100, 100, 60, 0.9)
    mouth = Candidate(120, 130, 20, 0.5)
    for other in (face, mouth, Candidate(110, 120, 60, 0.5), Candidate(125, 100, 60, 0.5, 40.0)):
        assert same_face(face, other)
        assert same_face(other, face)
    for other in (Candidate(135, 100, 60, 0.5), Candidate(300, 100, 60, 0.5), Candidate(20, 20, 60, 0.5)):
        assert not same_face(face, other)
        assert not same_face(other, face)


@pytest.mark.parametrize("down", [0, 30])
def test_shared_area_has_a_limit(down: int) -> None:
    """Beside each other, or at a corner: the limit is a share of the smaller square's area."""
    small = Candidate(0, 0, 100, 0.9)
    width = MIN_SHARED_AREA * 100**2 / (100 - down)
    assert same_face(small, Candidate(100 - width - 1, down, 200, 0.9))
    assert not same_face(small, Candidate(100 - width + 1, down, 200, 0.9))


@given(st.floats(1 - MAX_PROBABILITY, MAX_PROBABILITY))
def test_log_odds_are_inverted(share: float) -> None:
    assert probability(log_odds(share)) == pytest.approx(share, rel=1e-6)


def test_log_odds_at_their_ends() -> None:
    """A probability of 0 or 1 has the log odds of a millionth: no number is infinite, and doubt stays possible."""
    assert log_odds(0.5) == 0
    assert log_odds(0.9) == pytest.approx(math.log(9))
    assert log_odds(1.0) == log_odds(MAX_PROBABILITY) == pytest.approx(13.8, abs=0.1)
    assert log_odds(0.0) == pytest.approx(-log_odds(1.0))
    assert [probability(value) for value in (-255.0, 0.0, 255.0)] == [pytest.approx(0), 0.5, 1.0]
