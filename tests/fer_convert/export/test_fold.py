"""Folding the input's scaling changes no prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_convert import backend
from fer_convert.export import fold, load

# Whichever test comes first waits for TensorFlow to be imported, which takes long on a busy machine.
pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]


FACES = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 1)).astype(np.float32)


def loaded(model: Any, values: tuple[float, float]) -> load.LoadedModel:
    return load.LoadedModel(model, Path("model.keras"), "", ("a", "b"), (20, 20), values)


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
def test_folding_is_exact(first: dict[str, Any], norm: bool, rescaling: bool) -> None:
    """Pixels give what scaled values gave, no layer is left for it, and the loaded model is unchanged."""
    model = network(first, norm, rescaling)
    before = [w.copy() for w in model.get_weights()]
    folded = fold.to_pixel_input(loaded(model, (-1.0, 1.0)))
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
def test_inexact_folding_keeps_a_layer(first: dict[str, Any], norm: bool) -> None:
    """With padding, without a bias, or before a ReLU the scaling stays a layer."""
    model = network(first, norm)
    scaled = fold.to_pixel_input(loaded(model, (-1.0, 1.0)))
    assert any(isinstance(layer, backend.keras().layers.Rescaling) for layer in scaled.layers)
    np.testing.assert_allclose(
        scaled.predict_on_batch(FACES), model.predict_on_batch(FACES / 127.5 - 1), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("rescaling", [False, True])
def test_nested_model_is_folded(tmp_path: Path, rescaling: bool) -> None:
    """A model inside a model is flattened and folded."""
    keras = backend.keras()
    inner = network({"use_bias": False}, rescaling=rescaling)
    image = keras.Input((20, 20, 1), name="pixels")
    middle = keras.Model(image, inner(keras.layers.Rescaling(1 / 127.5, offset=-1.0)(image)))
    outer = keras.Sequential([keras.Input((20, 20, 1)), middle], name="outer")
    outer.save(tmp_path / "nested.keras")
    found = load.load(tmp_path / "nested.keras")
    assert found.model.name == "outer"
    folded = fold.to_pixel_input(found)
    for model in (found.model, folded):
        assert not any(isinstance(layer, keras.Model) for layer in model.layers)
        np.testing.assert_allclose(model.predict_on_batch(FACES), outer.predict_on_batch(FACES), rtol=1e-4, atol=1e-6)
    if not rescaling:
        assert not any(isinstance(layer, keras.layers.Rescaling) for layer in folded.layers)


def test_model_of_pixels_is_unchanged() -> None:
    """A model that takes pixels predicts the same."""
    model = network({"padding": "same"})
    same = fold.to_pixel_input(loaded(model, load.PIXEL_RANGE))
    np.testing.assert_array_equal(same.predict_on_batch(FACES), model.predict_on_batch(FACES))
