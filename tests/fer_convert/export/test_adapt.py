"""Classifiers as others build them become grey pixels in, probabilities out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_convert import backend
from fer_convert.export import class_prior, fold, last_layer, load
from fer_edge.errors import ModelError
from numpy.typing import NDArray

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]

Numbers = NDArray[np.float32]


def faces(channels: int = 1) -> Numbers:
    grey = np.random.default_rng(0).integers(0, 256, (3, 24, 24, 1)).astype(np.float32)
    return np.repeat(grey, channels, axis=3)


def build(path: Path, classes: int, activation: str, channels: int = 1, separate: bool = False) -> Any:
    """A small network, saved at `path`; `separate`: its activation is a layer."""
    keras = backend.keras()
    keras.utils.set_random_seed(1)
    image = keras.Input((24, 24, channels))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="first")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(classes, activation=None if separate else activation, name="last")(x)
    if separate:
        x = keras.layers.Softmax()(x) if activation == "softmax" else keras.layers.Activation(activation)(x)
    model = keras.Model(image, x)
    model.save(path)
    return model


def softmax(logits: Numbers) -> Numbers:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Numbers = powers / powers.sum(axis=1, keepdims=True)
    return shares


@pytest.mark.parametrize("separate", [False, True])
def test_logits_get_a_softmax(separate: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = build(tmp_path / "m.keras", 3, "linear", separate=separate)
    capsys.readouterr()
    found = load.load(tmp_path / "m.keras", (0.0, 1.0))
    said = capsys.readouterr().err
    wanted = softmax(model.predict_on_batch(faces() / 255))
    np.testing.assert_allclose(found.model.predict_on_batch(faces() / 255), wanted, atol=1e-5)
    assert "a softmax is put there" in said
    assert said.count("\n") == 1
    assert last_layer.fold(fold.to_pixel_input(found), 2.0, np.array([0.1, 0.0, -0.1]))


@pytest.mark.parametrize("separate", [False, True])
def test_sigmoids_become_one_softmax(separate: bool, tmp_path: Path) -> None:
    """Of what is before them, so that the largest stays the largest, and a sure answer stays sure."""
    model = build(tmp_path / "m.h5", 3, "sigmoid", separate=separate)
    found = load.load(tmp_path / "m.h5")
    shares = model.predict_on_batch(faces() / 127.5 - 1)
    wanted = softmax(np.log(shares / (1 - shares)))
    np.testing.assert_allclose(found.model.predict_on_batch(faces() / 127.5 - 1), wanted, atol=1e-5)


def test_one_sigmoid_becomes_two_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exactly; the prior and the temperature can be folded into it."""
    model = build(tmp_path / "m.keras", 1, "sigmoid")
    found = load.load(tmp_path / "m.keras", labels=("frown", "smile"))
    share = model.predict_on_batch(faces())
    np.testing.assert_allclose(found.model.predict_on_batch(faces()), np.hstack([1 - share, share]), atol=1e-5)
    assert found.labels == ("frown", "smile")
    assert "it is made two" in capsys.readouterr().err
    changed = fold.to_pixel_input(found)
    assert last_layer.fold(changed, 1.0, np.array([0.5, -0.5]))
    adjusted = class_prior.adjust(np.hstack([1 - share, share]), np.array([0.5, -0.5]))
    np.testing.assert_allclose(changed.predict_on_batch(faces()), adjusted, atol=1e-5)


def test_one_number_is_no_classifier(tmp_path: Path) -> None:
    build(tmp_path / "m.keras", 1, "linear")
    with pytest.raises(ModelError, match="gives one number, and not by a sigmoid"):
        load.load(tmp_path / "m.keras")


@pytest.mark.parametrize("separate", [False, True])
def test_probabilities_stay_as_they_are(separate: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = build(tmp_path / "m.keras", 3, "softmax", separate=separate)
    capsys.readouterr()
    found = load.load(tmp_path / "m.keras")
    assert len(found.model.layers) == len(model.layers)
    assert capsys.readouterr().err == ""
    assert last_layer.fold(fold.to_pixel_input(found), 2.0, np.zeros(3))


def test_not_a_number_is_refused(tmp_path: Path) -> None:
    model = build(tmp_path / "m.keras", 3, "softmax")
    model.set_weights([values * np.nan for values in model.get_weights()])
    model.save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match="gives nan for a picture"):
        load.load(tmp_path / "m.keras")


def test_colours_are_the_grey_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It predicts for a grey face what it did for the same face in three equal colours; that is said once."""
    model = build(tmp_path / "m.keras", 3, "softmax", channels=3)
    capsys.readouterr()
    found = load.load(tmp_path / "m.keras", (-1.0, 1.0))
    said = capsys.readouterr().err
    assert (found.size, found.model.input_shape) == ((24, 24), (None, 24, 24, 1))
    wanted = model.predict_on_batch(faces(3) / 127.5 - 1)
    np.testing.assert_allclose(fold.to_pixel_input(found).predict_on_batch(faces()), wanted, atol=1e-5)
    assert "takes colours; faces are grey here" in said
    assert said.count("\n") == 1


def test_labels_fit_the_outputs(tmp_path: Path) -> None:
    build(tmp_path / "m.keras", 3, "softmax")
    with pytest.raises(ModelError, match="3 outputs, but 2 labels in --labels"):
        load.load(tmp_path / "m.keras", labels=("a", "b"))
    assert load.load(tmp_path / "m.keras", labels=("a", "b", "c")).labels == ("a", "b", "c")
    assert not load.load(tmp_path / "m.keras").labels_said
