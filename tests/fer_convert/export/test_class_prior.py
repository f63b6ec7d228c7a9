"""How frequent the classes are, how much of that is left in, and what the card says of it."""

from __future__ import annotations

import numpy as np
import pytest
from fer_convert.export import class_prior
from fer_edge.classifiers.prior import parse_prior
from hypothesis import given
from hypothesis import strategies as st


def shift_of(labels: np.ndarray, classes: int, left: float, learned: float = 1.0) -> np.ndarray:
    return class_prior.logit_shift(class_prior.frequencies_of(labels, classes), left, learned)


def test_prior_is_halved() -> None:
    """With half of the prior left in, odds of 9 to 1 become 3 to 1."""
    labels = np.repeat([0, 1], [900, 100])
    shift = shift_of(labels, 2, left=0.5)
    even = np.array([[0.9, 0.1]], np.float32)  # no more than the prior
    assert class_prior.adjust(even, shift) == pytest.approx(np.array([[0.75, 0.25]]), abs=1e-6)


@pytest.mark.parametrize(("weights", "ahead"), [("none", 0.75), ("sqrt", 0.9), ("balanced", 0.9)])
def test_class_weights_are_not_counted_twice(weights: str, ahead: float) -> None:
    """What class weights took out in training is not subtracted again."""
    learned = class_prior.LEARNED_PRIOR[weights]
    shift = shift_of(np.repeat([0, 1], [900, 100]), 2, left=0.5, learned=learned)
    assert class_prior.adjust(np.array([[0.9, 0.1]], np.float32), shift)[0, 0] == pytest.approx(ahead, abs=1e-6)


@given(counts=st.lists(st.integers(0, 50), min_size=2, max_size=9).filter(any))
def test_shift_is_finite_and_centred(counts: list[int]) -> None:
    """Absent classes give no infinite shift, equally frequent ones none."""
    shift = shift_of(np.repeat(np.arange(len(counts)), counts), len(counts), left=0.7)
    assert np.isfinite(shift).all()
    assert shift.sum() == pytest.approx(0, abs=1e-9)
    assert len(set(counts)) != 1 or not shift.any()


def test_absent_class_is_as_one_face() -> None:
    """Its logarithm must be finite, and the card allows no frequency of 0."""
    assert class_prior.frequencies_of(np.array([0, 0, 2, 2]), 3).tolist() == [0.5, 0.25, 0.5]


@given(left=st.floats(0, 1), wanted=st.floats(0, 1), temperature=st.floats(0.25, 4), seed=st.integers(0, 1000))
def test_device_changes_what_was_converted(left: float, wanted: float, temperature: float, seed: int) -> None:
    """Converted with one prior and set to another on the device is converted with that one."""
    rng = np.random.default_rng(seed)
    learned, frequencies = rng.dirichlet([1] * 7, 20).astype(np.float32), rng.dirichlet([3] * 7) + 1e-3

    def converted(share: float) -> np.ndarray:
        odds = class_prior.adjust(learned, class_prior.logit_shift(frequencies, share)) ** (1 / temperature)
        return odds / odds.sum(axis=1, keepdims=True)

    entry = class_prior.card_entry(left, temperature, frequencies / frequencies.sum(), tuple("abcdefg"))
    prior = parse_prior(entry, "abcdefg")
    assert prior is not None
    changed = converted(left) * np.array(prior.factors(wanted))
    np.testing.assert_allclose(changed / changed.sum(axis=1, keepdims=True), converted(wanted), atol=1e-4)


def test_card_has_short_numbers() -> None:
    """Six digits are more than any figure here is good to, also of a rare class."""
    entry = class_prior.card_entry(0.7, 0.78658352, np.array([0.000034832491, 0.99996516]), ("rare", "usual"))
    assert entry == {
        "share": 0.7,
        "temperature": 0.786584,
        "frequencies": {"rare": 0.0000348325, "usual": 0.999965},
    }
