"""Figures that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert.evaluation.metrics import Confusion, calibration, measure, parity
from fer_edge.errors import ModelError


def test_small_case_by_hand() -> None:
    """Four faces of two classes, every figure computed by hand."""
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]], np.float32)
    found = measure(probabilities, np.array([0, 0, 1, 1]), ("calm", "tense"), "test")
    assert found.accuracy == 0.75
    assert found.confusion == ((2, 0), (1, 1))
    calm, tense = found.classes
    assert (calm.precision, calm.recall) == (pytest.approx(2 / 3), 1.0)
    assert (tense.precision, tense.recall, tense.f1) == (1.0, 0.5, pytest.approx(2 / 3))
    assert found.macro_recall == 0.75
    assert found.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    # each face alone in its bin: |1 - .9|, |1 - .8|, |1 - .7|, |0 - .6|, a quarter each
    assert found.ece == pytest.approx((0.1 + 0.2 + 0.3 + 0.6) / 4, abs=1e-6)
    shares = {"accuracy": 0.75, "macro_recall": 0.75, "macro_f1": 0.7333, "ece": 0.3}
    assert found.summary() == {"split": "test", "faces": 4, **shares}


def test_class_without_faces_is_zero() -> None:
    """A class that no face has gets an F1 of 0, not NaN, and no part in the macro-recall."""
    found = measure(np.eye(3, dtype=np.float32)[[0, 1]], np.array([0, 1]), ("a", "b", "c"), "test")
    assert found.classes[2].faces == 0
    assert found.classes[2].f1 == 0
    assert found.macro_recall == 1


def test_bins_hold_every_face() -> None:
    """Each face is in one bin; a confidence on an edge belongs to the lower one."""
    probabilities = np.array([[1.0, 0.0], [0.5, 0.5], [0.58, 0.42]], np.float32)
    bins = calibration(probabilities, np.array([0, 0, 1]), bins=10)
    assert [b.faces for b in bins] == [0, 0, 0, 0, 1, 1, 0, 0, 0, 1]
    assert sum(b.faces for b in bins) == 3


def test_top_confusions_are_ordered_pairs() -> None:
    """A as b is another confusion than b as a; the largest come first."""
    labels = np.repeat([0, 1, 2], [6, 4, 2])
    read = np.array([0, 0, 0, 1, 1, 2, 1, 0, 0, 0, 0, 0])
    found = measure(np.eye(3, dtype=np.float32)[read], labels, ("a", "b", "c"), "test")
    pairs = [Confusion("b", "a", 3, 4), Confusion("a", "b", 2, 6), Confusion("c", "a", 2, 2), Confusion("a", "c", 1, 6)]
    assert found.top_confusions() == pairs
    assert found.top_confusions(most=2) == pairs[:2]
    assert found.as_json()["top_confusions"][0] == {"shows": "b", "read_as": "a", "faces": 3, "of": 4}
    assert measure(np.eye(3, dtype=np.float32)[labels], labels, ("a", "b", "c"), "test").top_confusions() == []


def test_parity_has_a_sign() -> None:
    """Points may be negative; agreement counts equal predictions, right or wrong."""
    labels = np.array([0, 1, 2, 0])
    found = parity(predicted=np.array([0, 1, 1, 1]), reference=np.array([0, 1, 2, 2]), labels=labels)
    assert (found.points, found.agreement) == (-25.0, 0.5)


def test_predictions_that_are_no_numbers() -> None:
    """A model that predicts NaN is refused, not measured."""
    scores = np.array([[0.9, 0.1], [np.nan, np.nan]], np.float32)
    with pytest.raises(ModelError, match="predictions for 1 of 2 faces are not numbers"):
        measure(scores, np.array([0, 0]), ("calm", "tense"), "PublicTest")


def test_macro_f1_counts_classes_alike() -> None:
    """A class of one face counts as much as one of three."""
    found = measure(np.eye(2, dtype=np.float32)[[0, 0, 1, 1]], np.array([0, 0, 0, 1]), ("a", "b"), "test")
    assert found.macro_recall == pytest.approx((2 / 3 + 1) / 2)
    assert [entry.f1 for entry in found.classes] == [pytest.approx(0.8), pytest.approx(2 / 3)]
    assert found.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)


def test_calibration_error_weighs_bins_by_faces() -> None:
    """Three faces of one confidence count three times as much as one of another."""
    probabilities = np.array([[0.9, 0.1]] * 3 + [[0.6, 0.4]], np.float32)
    found = measure(probabilities, np.array([0, 0, 1, 1]), ("a", "b"), "test")
    assert found.ece == pytest.approx((3 * abs(2 / 3 - 0.9) + 0.6) / 4, abs=1e-6)


def test_bins_have_equal_width() -> None:
    """Bin 3 of 10 is above 0.3 and up to 0.4."""
    bins = calibration(np.array([[0.35, 0.33, 0.32]], np.float32), np.array([0]), bins=10)
    assert [(b.low, b.high) for b in bins] == [(k / 10, (k + 1) / 10) for k in range(10)]
    assert (bins[3].faces, bins[3].accuracy) == (1, 1.0)


def test_agreement_does_not_depend_on_labels() -> None:
    """Both models may be wrong in the same way."""
    found = parity(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), np.array([0, 0, 0, 0]))
    assert (found.points, found.agreement) == (25.0, 0.75)


def test_one_invalid_probability_is_enough() -> None:
    """A row with one NaN is refused, whatever its other values are."""
    with pytest.raises(ModelError, match="predictions for 1 of 2 faces are not numbers"):
        measure(np.array([[0.9, 0.1], [0.9, np.nan]], np.float32), np.array([0, 0]), ("a", "b"), "test")
