"""The emotion net speaks for a face by being sure of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from fer_edge.detectors.face_verifier import USUAL_LOG_ODDS, FaceVerifier, entropy
from fer_edge.types import Box, Pixels, Prediction
from hypothesis import given
from hypothesis import strategies as st

GREY, BOX = np.zeros((48, 64), np.uint8), Box(8, 8, 32, 32)


class Says:
    """A classifier that always answers the same."""

    def __init__(self, *scores: float, usual: tuple[float, float] | None = (0.5, 0.25)) -> None:
        self.labels = tuple(f"label{number}" for number in range(len(scores)))
        self.usual_entropy, self._scores = usual, scores

    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]:
        assert grey.shape == GREY.shape
        return [Prediction(self.labels, self._scores) for _ in boxes]


def test_lower_entropy_raises_the_odds() -> None:
    """The lower the entropy of the prediction, the higher the odds of a face."""
    log_odds = [FaceVerifier(Says(top, 1 - top)).log_odds(GREY, BOX) for top in (0.5, 0.7, 0.9, 1.0)]
    assert log_odds == sorted(log_odds)
    assert log_odds[0] < 0 < log_odds[-1]


def test_usual_entropy_means_a_face() -> None:
    """The usual entropy gives the same odds for every model."""
    scores = (0.7, 0.2, 0.1)
    assert FaceVerifier(Says(*scores, usual=(entropy(scores), 0.2))).log_odds(GREY, BOX) == pytest.approx(
        USUAL_LOG_ODDS
    )


def test_only_high_entropy_lowers_the_odds() -> None:
    """A deviation more than usual still counts for a face, two deviations more count against one."""
    scores = (0.5, 0.3, 0.2)
    for deviations, is_face in ((1, True), (2, False)):
        usual = (entropy(scores) - deviations * 0.1, 0.1)
        assert (FaceVerifier(Says(*scores, usual=usual)).log_odds(GREY, BOX) > 0) == is_face


def test_nan_scores_are_ignored() -> None:
    """A model whose scores are not numbers does not change the odds."""
    assert FaceVerifier(Says(math.nan, math.nan)).log_odds(GREY, BOX) == 0.0
    assert FaceVerifier(Says(math.nan, 0.5, 0.5)).log_odds(GREY, BOX) == 0.0


def test_unknown_usual_entropy_is_ignored() -> None:
    """A model whose card states no usual entropy does not change the odds."""
    assert FaceVerifier(Says(1.0, 0.0, usual=None)).log_odds(GREY, BOX) == 0.0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12).filter(lambda scores: sum(scores) > 0.01))
def test_entropy_is_a_share(scores: list[float]) -> None:
    shares = [score / sum(scores) for score in scores]
    assert -1e-9 <= entropy(shares) <= 1 + 1e-9


def test_entropy_at_its_ends() -> None:
    assert entropy((1.0, 0.0, 0.0)) == 0.0
    assert entropy((1 / 3,) * 3) == pytest.approx(1.0)
    assert entropy((0.5, 0.5, 0.0, 0.0)) == pytest.approx(math.log(2) / math.log(4))
