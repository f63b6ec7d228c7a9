"""The data's own label from votes: right where labels are wrong, and as sure as it is right."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert.data.votes import Votes
from fer_convert.training.label_regression import label_probabilities
from numpy.typing import NDArray

Labels = NDArray[np.int64]


def people(n: int, seed: int) -> tuple[Votes, Labels, Labels]:
    """Votes on n faces, the label of each, wrong in a third, and what it shows: what seven of ten people see."""
    rng = np.random.default_rng(seed)
    shown = rng.integers(0, 7, n)
    counts = np.stack([rng.multinomial(10, np.where(np.arange(10) == label, 0.7, 0.3 / 9)) for label in shown])
    labels = np.where(rng.random(n) < 0.33, rng.integers(0, 7, n), shown)
    return Votes(counts[:, :7], counts[:, 7:]), labels, shown


def test_soft_labels_correct_labels() -> None:
    """They find the true class behind wrong labels, and are as confident as they are right."""
    votes, labels, shown = people(3000, 1)
    found = label_probabilities(votes, labels, 7)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (labels == shown).mean() < 0.75
    assert (found.argmax(axis=1) == shown).mean() > 0.95
    assert found.max(axis=1).mean() == pytest.approx((found.argmax(axis=1) == labels).mean(), abs=0.05)


def test_other_votes_count() -> None:
    """What people who saw none of the classes said tells faces apart, too."""
    other = np.repeat(np.arange(2), 50)
    votes = Votes(np.zeros((100, 2), np.int64), np.eye(2, dtype=np.int64)[other] * 3)
    found = label_probabilities(votes, other, 2)
    np.testing.assert_array_equal(found.argmax(axis=1), other)
    assert found.max(axis=1).min() > 0.9


def test_predictions_count_beside_votes() -> None:
    """Votes that say nothing give way to the teachers' predictions."""
    votes, labels, shown = people(3000, 2)
    blind = Votes(np.ones_like(votes.counts), np.ones_like(votes.others))
    predictions = np.where(np.eye(7)[shown] > 0, 0.7, 0.05).astype(np.float32)
    assert (label_probabilities(blind, labels, 7).argmax(axis=1) == shown).mean() < 0.3
    assert (label_probabilities(blind, labels, 7, predictions).argmax(axis=1) == shown).mean() > 0.95


def test_absent_class_has_no_probability() -> None:
    """A class that no face has gets a probability of 0, and the others keep their places."""
    votes, labels, _ = people(500, 3)
    kept = labels != 1
    found = label_probabilities(votes[kept], labels[kept], 7)
    assert found.shape == (kept.sum(), 7)
    assert (found[:, 1] == 0).all()
    assert (found.argmax(axis=1) == labels[kept]).mean() > 0.6


def test_certain_predictions_are_finite() -> None:
    """A teacher that gives a class a probability of 0 does not make the logarithm infinite."""
    votes, labels, shown = people(300, 4)
    found = label_probabilities(votes, labels, 7, np.eye(7, dtype=np.float32)[shown])
    assert np.isfinite(found).all()
    assert (found.argmax(axis=1) == shown).mean() > 0.95


def test_face_without_votes_is_finite() -> None:
    """Nobody need have voted on each face."""
    votes, labels, _ = people(200, 5)
    votes.counts[0], votes.others[0] = 0, 0
    assert np.isfinite(label_probabilities(votes, labels, 7)).all()
