"""Folding the input's scaling changes nothing that a model says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_convert import backend
from fer_convert.export import fold, load

# The first test to need it waits for TensorFlow, which on a busy machine takes long.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

FACES = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 1)).astype(np.float32)


def loaded(model: Any, values: tuple[float, float]) -> load.Loaded:
    return load.Loaded(model, Path("model.keras"), "", ("a", "b"), (20, 20), values)


def network(first: dict[str, Any], norm: bool = True, rescaling: bool = False, activation: str = "relu") -> Any:
    keras = backend.keras()
    keras.utils.set_random_seed(2)
    image = keras.Input((20, 20, 1))
    x = keras.layers.Rescaling(1 / 100, offset=-0.7)(image) if rescaling else image
    x = keras.layers.Conv2D(4, 3, **first)(x)
    if norm:
        x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Activation(activation)(x)
    x = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, x)
    rng = np.random.default_rng(1)
    model.set_weights([np.abs(rng.normal(0.5, 0.5, w.shape)) + 0.1 for w in model.get_weights()])
    return model


@pytest.mark.parametrize("rescaling", [False, True])
@pytest.mark.parametrize(
    ("first", "norm"),
    [({"use_bias": False}, True), ({"use_bias": True}, True), ({"use_bias": True, "strides": 2}, False)],
)
def test_it_is_exact_and_leaves_no_layer(first: dict[str, Any], norm: bool, rescaling: bool) -> None:
    model = network(first, norm, rescaling)
    before = [w.copy() for w in model.get_weights()]
    folded = fold.for_pixels(loaded(model, (-1.0, 1.0)))
    np.testing.assert_allclose(
        folded.predict_on_batch(FACES), model.predict_on_batch(FACES / 127.5 - 1), rtol=1e-4, atol=1e-6
    )
    keras = backend.keras()
    assert not any(isinstance(layer, keras.layers.Rescaling) for layer in folded.layers)
    for kept, was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, was)


@pytest.mark.parametrize(
    ("first", "norm"),
    [({"padding": "same"}, True), ({"use_bias": False}, False), ({"use_bias": False, "activation": "relu"}, True)],
)
def test_where_it_would_not_be_exact_a_layer_scales(first: dict[str, Any], norm: bool) -> None:
    model = network(first, norm)
    scaled = fold.for_pixels(loaded(model, (-1.0, 1.0)))
    assert any(isinstance(layer, backend.keras().layers.Rescaling) for layer in scaled.layers)
    np.testing.assert_allclose(
        scaled.predict_on_batch(FACES), model.predict_on_batch(FACES / 127.5 - 1), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("rescaling", [False, True])
def test_a_model_inside_a_model_is_folded_too(tmp_path: Path, rescaling: bool) -> None:
    keras = backend.keras()
    inner = network({"use_bias": False}, rescaling=rescaling)
    image = keras.Input((20, 20, 1), name="pixels")
    middle = keras.Model(image, inner(keras.layers.Rescaling(1 / 127.5, offset=-1.0)(image)))
    outer = keras.Sequential([keras.Input((20, 20, 1)), middle], name="outer")
    outer.save(tmp_path / "nested.keras")
    found = load.load(tmp_path / "nested.keras")
    assert found.model.name == "outer"
    folded = fold.for_pixels(found)
    for model in (found.model, folded):
        assert not any(isinstance(layer, keras.Model) for layer in model.layers)
        np.testing.assert_allclose(model.predict_on_batch(FACES), outer.predict_on_batch(FACES), rtol=1e-4, atol=1e-6)
    if not rescaling:
        assert not any(isinstance(layer, keras.layers.Rescaling) for layer in folded.layers)


def test_a_model_of_pixels_stays_as_it_is() -> None:
    model = network({"padding": "same"})
    same = fold.for_pixels(loaded(model, load.PIXELS))
    np.testing.assert_array_equal(same.predict_on_batch(FACES), model.predict_on_batch(FACES))
