"""A model against people: each figure of a few faces by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert.data import dataset
from fer_convert.data.votes import Votes
from fer_convert.evaluation.coverage import CoveragePoint
from fer_convert.evaluation.people import People, VoteSource, compare, read_votes
from fer_edge.classifiers.prior import Prior
from fer_edge.errors import DataError, ModelError

# Two classes and one other column, ten votes each; the last two faces have no majority
COUNTS = np.array([[8, 0], [6, 4], [1, 9], [3, 7], [5, 5], [2, 2]])
OTHERS = np.array([[2], [0], [0], [0], [0], [6]])
SCORES = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.6, 0.4], [0.5, 0.5], [0.7, 0.3]], np.float32)
LABELS = np.array([0, 1, 1, 0, 0, 0])
SOURCE = VoteSource("votes.csv", "ab" * 32, Votes(COUNTS, OTHERS), None)


@pytest.fixture
def found() -> People:
    return compare(SCORES, LABELS, SOURCE, None)


def with_votes(counts: list[list[int]], others: list[int]) -> VoteSource:
    return replace(SOURCE, measured=Votes(np.array(counts), np.array(others)[:, None]))


def test_human_line(found: People) -> None:
    """One person with the majority of the others: 8 of 10 votes, 6 of 10, 9 of 10, 7 of 10."""
    assert found.voter_agreement == pytest.approx(30 / 40)
    assert found.voted_faces == 6


def test_one_vote_a_face_has_no_human_line() -> None:
    """Without other voters there is nobody to agree with."""
    found = compare(SCORES[:2], LABELS[:2], with_votes([[1, 0], [0, 1]], [0, 0]), None)
    assert found.voter_agreement is None
    assert json.loads(json.dumps(found.as_json()))["voter_agreement"] is None


def test_own_label(found: People) -> None:
    """On the four faces with a majority 0, 0, 1, 1 the labels are 0, 1, 1, 0 and the predictions 0, 0, 1, 0."""
    assert found.own_label_agreement == 0.5
    assert found.own_label_accuracy == 0.75


def test_calibration_counts_all_voters(found: People) -> None:
    """Confidence 0.9, 0.7, 0.8, 0.6 where 0.8, 0.6, 0.9, 0.3 of all ten voters said the same: 0.15 apart on average.

    The first face's two other votes count: among its votes for a class, all said the same.
    """
    assert found.ece == pytest.approx((0.1 + 0.1 + 0.1 + 0.3) / 4, abs=1e-6)
    filled = [(b.confidence, b.accuracy, b.faces) for b in found.bins if b.faces]
    assert filled == [
        (pytest.approx(0.6), pytest.approx(0.3), 1),
        (pytest.approx(0.7), pytest.approx(0.6), 1),
        (pytest.approx(0.8), pytest.approx(0.9), 1),
        (pytest.approx(0.9), pytest.approx(0.8), 1),
    ]
    assert "accuracy" not in found.as_json()["bins"][0]
    assert found.as_json()["bins"][-2]["voters"] == pytest.approx(0.8)


def test_perfect_predictions_of_the_votes() -> None:
    """A model that says the votes' shares has a calibration error of 0, and the least log loss there is."""
    shares = COUNTS[1:5] / 10
    found = compare(shares.astype(np.float32), LABELS[1:5], with_votes(COUNTS[1:5].tolist(), [0] * 4), None)
    assert found.ece == pytest.approx(0, abs=1e-6)
    assert found.fit is not None
    assert found.fit.log_loss == pytest.approx(found.fit.least_log_loss, abs=1e-6)
    assert found.fit.brier == pytest.approx(0, abs=1e-6)


def test_log_loss_and_brier_by_hand(found: People) -> None:
    """On the five faces with half of their votes for a class or more; shares are those among the classes."""
    fit = found.fit
    assert fit is not None
    assert fit.faces == 5
    losses = [
        -np.log(0.9),
        -0.6 * np.log(0.7) - 0.4 * np.log(0.3),
        -0.1 * np.log(0.2) - 0.9 * np.log(0.8),
        -0.3 * np.log(0.6) - 0.7 * np.log(0.4),
        -np.log(0.5),
    ]
    assert fit.log_loss == pytest.approx(np.mean(losses), rel=1e-6)
    entropies = [-(p * np.log(p) + (1 - p) * np.log(1 - p)) for p in (0.6, 0.1, 0.3, 0.5)]
    assert fit.least_log_loss == pytest.approx(sum(entropies) / 5)
    assert fit.brier == pytest.approx(2 * (0.1**2 + 0.1**2 + 0.1**2 + 0.3**2 + 0) / 5, rel=1e-5)
    assert fit.ece == pytest.approx((0.1 + 0.1 + 0.1 + 0.3 + 0) / 5, abs=1e-6)


def test_probability_of_zero_costs_a_bounded_loss() -> None:
    """int8 says 0 for all that is below half a step, so it is taken for that."""
    found = compare(np.eye(2, dtype=np.float32)[[0, 1]], np.array([0, 1]), with_votes([[0, 9], [0, 9]], [0, 0]), None)
    assert found.fit is not None
    assert found.fit.log_loss == pytest.approx((np.log(513) - np.log(512 / 513)) / 2, rel=1e-6)


def test_no_face_with_half_of_its_votes() -> None:
    """A class may be ahead with few votes; then there is no log loss."""
    for others, faces in (([2, 1], 1), ([2, 2], None)):  # 3 votes of 6, then of 7
        votes = Votes(np.array([[3, 0]]), np.array([others]))
        fit = compare(SCORES[:1], LABELS[:1], replace(SOURCE, measured=votes), None).fit
        assert (fit and fit.faces) == faces


def test_shown_by_hand(found: People) -> None:
    """Right are 0.9, 0.8 and 0.7, wrong is 0.6: shown from 0.7 on, as one of the two without a majority is."""
    assert [(p.coverage, p.accuracy) for p in found.curve] == [(0.25, 1.0), (0.5, 1.0), (0.75, 1.0), (1.0, 0.75)]
    assert found.shown == CoveragePoint(pytest.approx(0.7), 0.75, 1.0)
    assert found.shown_without_consensus == 0.5


def test_never_right_often_enough() -> None:
    """If the surest predictions are wrong, nothing is to be shown."""
    found = compare(SCORES[:4, ::-1], LABELS[:4], with_votes(COUNTS[:4].tolist(), [2, 0, 0, 0]), None)
    assert (found.shown, found.shown_without_consensus) == (None, None)


def test_auroc_by_hand(found: People) -> None:
    """Of the eight pairs of a face with a majority and one without, the first is the surer in six, as sure in one."""
    assert found.auroc == pytest.approx(6.5 / 8)


def test_auroc_needs_faces_of_both_kinds() -> None:
    """Faces without a vote are no faces on which people do not agree."""
    counts = [*COUNTS[:4].tolist(), [0, 0]]
    found = compare(SCORES[:5], LABELS[:5], with_votes(counts, [2, 0, 0, 0, 0]), None)
    assert (found.auroc, found.shown_without_consensus, found.voted_faces) == (None, None, 4)


def test_prior_on_consensus_faces(found: People) -> None:
    """The curve is measured on the four faces with a majority, and says whose prior it is."""
    assert (found.prior, found.model_prior) == ((), None)
    with_card = compare(SCORES, LABELS, SOURCE, Prior(0.7, 1.0, (0.5, 0.5)), 0.7)
    assert {(point.agreement, point.macro_recall) for point in with_card.prior} == {(0.75, 0.75)}
    assert with_card.model_prior == 0.7
    assert compare(SCORES, LABELS, SOURCE, Prior(1.0, 1.0, (0.5, 0.5))).model_prior is None


def test_no_number_is_refused() -> None:
    """NaN on any face of the split is refused, on those without a majority too."""
    scores = SCORES.copy()
    scores[-1] = np.nan
    with pytest.raises(ModelError, match="predictions for 1 of 6 faces are not numbers"):
        compare(scores, LABELS, SOURCE, None)


def test_votes_of_the_split(faces_csv: Path, make_votes: Callable[..., Path]) -> None:
    """The split's votes and the training split's; a split without votes is refused with those that have some."""
    data = dataset.read(faces_csv, (48, 48))
    path = make_votes(faces_csv)
    found = read_votes(path, data, "PublicTest")
    assert (len(found.measured), found.agreed.all(), found.name) == (42, True, "fer2013new.csv")
    assert found.training is not None
    assert len(found.training) == 84

    def only_training(rows: list[list[object]]) -> list[list[object]]:
        return [row if row[0] == "Training" else [*row[:2], *[0] * 10] for row in rows]

    with pytest.raises(DataError, match="not one for a face of PublicTest; give one of Training as --split"):
        read_votes(make_votes(faces_csv, only_training), data, "PublicTest")
