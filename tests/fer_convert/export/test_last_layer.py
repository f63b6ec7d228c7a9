"""A temperature, which is fitted and folded into the last layer with a prior."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("scipy")
pytest.importorskip("sklearn")

from fer_convert import backend, networks
from fer_convert.evaluation.metrics import calibration
from fer_convert.export import last_layer
from fer_convert.training.engine import predict


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)


def error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return sum(abs(b.accuracy - b.confidence) * b.faces for b in calibration(probabilities, labels)) / len(labels)


@given(factor=st.floats(0.4, 3.0), seed=st.integers(0, 1000))
def test_temperature_is_found(factor: float, seed: int) -> None:
    """Logits multiplied by a factor have that factor as their temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (4000, 7))
    labels = (rng.random((4000, 1)) < softmax(logits).cumsum(axis=1)).argmax(axis=1)
    found = last_layer.fit_temperature(softmax(logits * factor), np.eye(7)[labels])
    assert found == pytest.approx(factor, rel=0.12)
    assert error(softmax(logits * factor / found), labels) < 0.035


def test_zero_probabilities_have_a_temperature() -> None:
    """Probabilities of 0 and 1 give a finite temperature within its range."""
    certain = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    low, high = last_layer.TEMPERATURE_RANGE
    assert low <= last_layer.fit_temperature(certain, np.eye(3)[[0, 1, 2, 1]]) <= high
    assert last_layer.fit_temperature(certain, np.eye(3)[[0, 1, 2, 0]]) == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(("faces", "least", "most"), [(5, 0.8, 0.91), (20, 0.85, 0.97), (3000, 0.99, 1)])
def test_few_faces_prove_little(faces: int, least: float, most: float) -> None:
    """Two easy classes of one's own leave twenty faces to validate on, all of them right."""
    probabilities, labels = np.tile(np.array([[0.8, 0.2]], np.float32), (faces, 1)), np.tile([[1.0, 0.0]], (faces, 1))
    odds = probabilities[0] ** (1 / last_layer.fit_temperature(probabilities, labels))
    assert least < odds[0] / odds.sum() < most


def test_votes_are_soft_labels() -> None:
    """A temperature fitted to how often each label occurs is that fitted to the labels, one by one."""
    rng = np.random.default_rng(4)
    probabilities = softmax(rng.normal(0, 2, (50, 3)))
    votes = rng.integers(0, 10, (50, 3)) + 1
    each = np.concatenate([np.repeat(np.arange(3), counts) for counts in votes])
    repeated = np.repeat(probabilities, votes.sum(axis=1), axis=0)
    weighted = np.repeat(votes / votes.sum(axis=1, keepdims=True), votes.sum(axis=1), axis=0)
    assert last_layer.fit_temperature(repeated, weighted) == pytest.approx(
        last_layer.fit_temperature(repeated, np.eye(3)[each]), rel=1e-3
    )


def test_confidence_is_the_share_of_votes() -> None:
    """Where eight of ten people say one thing, the confidence becomes 0.8, and not 1 as for the majority's word."""
    sure = np.tile(np.array([[0.97, 0.03]], np.float32), (3000, 1))
    odds = sure[0] ** (1 / last_layer.fit_temperature(sure, np.tile([[0.8, 0.2]], (3000, 1))))
    assert odds[0] / odds.sum() == pytest.approx(0.8, abs=0.01)


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", networks.NETWORKS)
def test_folding_changes_the_logits(name: str) -> None:
    """After folding, (z - shift) / temperature reaches the softmax, in every network."""
    backend.keras()
    model = networks.build(name, 7, (48, 48))
    faces = np.random.default_rng(0).integers(0, 256, (8, 48, 48), dtype=np.uint8)
    before = predict(model, faces)
    shift = np.linspace(-1, 1, 7)
    assert last_layer.fold(model, 2.5, shift)
    np.testing.assert_allclose(predict(model, faces), softmax((np.log(before) - shift) / 2.5), rtol=1e-3)


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_other_endings_are_unchanged() -> None:
    """A network that does not end in a layer and its softmax is not changed."""
    keras = backend.keras()
    image = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(image)
    behind_relu = keras.layers.Dense(3, activation="relu")(flat)
    for result in (keras.layers.Activation("softmax")(behind_relu), keras.layers.Dense(3, activation="sigmoid")(flat)):
        model = keras.Model(image, result)
        weights = model.get_weights()
        assert not last_layer.fold(model, 2.0, np.zeros(3))
        for a, b in zip(weights, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_without_bias_only_temperature() -> None:
    """A layer without a bias takes a temperature but no shift."""
    keras = backend.keras()
    image = keras.Input((8, 8, 1))
    logits = keras.layers.Dense(3, use_bias=False)(keras.layers.Flatten()(image))
    model = keras.Model(image, keras.layers.Activation("softmax")(logits))
    kernel = model.get_weights()[0]
    assert not last_layer.fold(model, 2.0, np.array([0.5, 0, -0.5]))
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    assert last_layer.fold(model, 2.0, np.zeros(3))
    np.testing.assert_allclose(model.get_weights()[0], kernel / 2)
