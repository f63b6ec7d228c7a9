"""Equalizing ranges for int8 leaves the float network what it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fer_convert import backend, networks
from fer_convert.export import equalize, fold, load
from fer_convert.training.engine import predict

# Whichever test comes first waits for TensorFlow to be imported, which takes long on a busy machine.
pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]


FACES = np.random.default_rng(0).integers(0, 256, (40, 48, 48), dtype=np.uint8)


def uneven(model: Any) -> Any:
    """`model` with channels whose ranges differ by a hundred, as training leaves them, and one that is nothing."""
    keras = backend.keras()
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma = np.exp(rng.normal(0, 1.5, layer.gamma.shape))
            gamma[0] = 0
            layer.gamma.assign(gamma)
            layer.beta.assign(np.where(gamma, rng.normal(0, 1, gamma.shape), 0))
    return model


def ranges(model: Any, layer: Any) -> Any:
    """The largest value in each channel that `layer` gives for the faces."""
    keras = backend.keras()
    given = keras.Model(model.input, layer.output).predict_on_batch(FACES[..., None].astype(np.float32))
    return np.abs(np.asarray(given)).max(axis=(0, 1, 2))


def test_equalizing_keeps_predictions() -> None:
    """Predictions stay, the ranges of the channels become equal, channels of zeros stay zero."""
    backend.keras()
    model = uneven(networks.build("mini_xception", 7, (48, 48)))
    before, relu = predict(model, FACES), model.get_layer("module3_relu")
    wide = ranges(model, relu)
    assert (
        equalize.equalize(model, FACES) == 12
    )  # eight separable convolutions, four of them behind a ReLU of their own
    np.testing.assert_allclose(predict(model, FACES), before, atol=1e-4)
    even = ranges(model, relu)
    assert wide[wide > 0].max() > 20 * wide[wide > 0].min()
    np.testing.assert_allclose(even[wide > 0], even.max(), rtol=1e-3)
    assert (even[wide == 0] == 0).all()


def test_plain_network_is_unchanged() -> None:
    """A network without separable convolutions keeps its weights."""
    backend.keras()
    model = networks.build("cnn4", 7, (48, 48))
    weights = model.get_weights()
    assert equalize.equalize(model, FACES) == 0
    for a, b in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_published_model_is_equalized(shared: Any) -> None:
    """The published .hdf5 keeps its predictions."""
    loaded = load.load(shared / "peers" / "fer2013_mini_XCEPTION.102-0.66.hdf5")
    model = fold.to_pixel_input(loaded)
    faces = np.random.default_rng(2).integers(0, 256, (16, 64, 64), dtype=np.uint8)
    before = predict(model, faces)
    assert equalize.equalize(model, faces) >= 8
    np.testing.assert_allclose(predict(model, faces), before, atol=1e-3)
