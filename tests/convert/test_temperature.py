"""One temperature makes confidence honest, and changes no answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convert import backend, networks, temperature
from convert.engine import predict
from convert.metrics import calibration


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)


def error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return sum(abs(b.accuracy - b.confidence) * b.faces for b in calibration(probabilities, labels)) / len(labels)


@given(factor=st.floats(0.4, 3.0), seed=st.integers(0, 1000))
def test_a_model_that_is_too_sure_by_a_factor_is_found_out(factor: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (4000, 7))
    labels = (rng.random((4000, 1)) < softmax(logits).cumsum(axis=1)).argmax(axis=1)
    found = temperature.fit(softmax(logits * factor), labels)
    assert found == pytest.approx(factor, rel=0.12)
    assert error(softmax(logits * factor / found), labels) < 0.035


def test_probabilities_of_zero_are_no_obstacle() -> None:
    certain = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    low, high = temperature.LIMITS
    assert low <= temperature.fit(certain, np.array([0, 1, 2, 1])) <= high
    assert temperature.fit(certain, np.array([0, 1, 2, 0])) == pytest.approx(low, rel=0.01)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", networks.NETWORKS)
def test_folded_in_it_divides_what_reaches_the_softmax(name: str) -> None:
    backend.keras()
    model = networks.build(name, 7, (48, 48))
    faces = np.random.default_rng(0).integers(0, 256, (8, 48, 48), dtype=np.uint8)
    before = predict(model, faces)
    assert temperature.fold(model, 2.5)
    np.testing.assert_allclose(predict(model, faces), softmax(np.log(before) / 2.5), rtol=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_network_that_does_not_end_so_is_left_alone() -> None:
    keras = backend.keras()
    image = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(image)
    behind_relu = keras.layers.Dense(3, activation="relu")(flat)
    for result in (keras.layers.Activation("softmax")(behind_relu), keras.layers.Dense(3, activation="sigmoid")(flat)):
        model = keras.Model(image, result)
        weights = model.get_weights()
        assert not temperature.fold(model, 2.0)
        for a, b in zip(weights, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
