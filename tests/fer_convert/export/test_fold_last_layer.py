"""What is folded into the last layer is what the card says, whatever the layer takes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("sklearn")

from fer_convert.data.faces import Faces
from fer_convert.export import class_prior, last_layer, quantize
from fer_convert.export.ground_truth import GroundTruth
from fer_convert.export.load import LoadedModel

FREQUENCIES = np.array([0.9, 0.1])
MODEL = SimpleNamespace()  # the functions that look into it are replaced


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> GroundTruth:
    """Faces of which the network is too sure: its logits are those of the votes, one and a half times."""
    rng = np.random.default_rng(2)
    pixels, votes = rng.integers(0, 256, (400, 2, 2), dtype=np.uint8), rng.dirichlet([2, 2], 400)
    faces = Faces(pixels[:0], np.zeros(0, np.int64))
    odds = votes**1.5

    def predict(_: Any, asked: np.ndarray) -> np.ndarray:
        assert asked is pixels
        return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)

    monkeypatch.setattr(quantize, "predict", predict)
    return GroundTruth(faces, faces, "PublicTest", pixels, votes, FREQUENCIES, 0.7, {"name": "votes.csv"})


def loaded(class_weights: str = "none") -> LoadedModel:
    return LoadedModel(MODEL, Path("m.keras"), "", ("often", "rare"), (2, 2), (0.0, 255.0), class_weights=class_weights)


class Layer:
    """What takes the place of `last_layer.fold`: takes a shift, a temperature alone, or nothing."""

    def __init__(self, takes: str) -> None:
        self.takes, self.temperature, self.shift = takes, 0.0, np.zeros(2)

    def fold(self, _: Any, temperature: float, shift: np.ndarray) -> bool:
        self.temperature, self.shift = temperature, shift
        return self.takes == "both" or (self.takes == "temperature" and not shift.any())


@pytest.mark.parametrize(
    ("left", "class_weights", "share"),
    [(1.0, "none", 1.0), (0.4, "none", 0.4), (0.7, "sqrt", 0.5), (0.7, "balanced", 0.0)],
)
def test_card_says_what_is_left_in(
    left: float, class_weights: str, share: float, truth: GroundTruth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than the network has learned, with the temperature of the votes."""
    layer, lines = Layer("both"), []
    monkeypatch.setattr(last_layer, "fold", layer.fold)
    entry = quantize._fold_last_layer(MODEL, loaded(class_weights), truth, left, lines.append)
    assert entry == {
        "share": share,
        "temperature": pytest.approx(layer.temperature, rel=1e-5),
        "frequencies": {"often": 0.9, "rare": 0.1},
    }
    learned = class_prior.LEARNED_PRIOR[class_weights]
    np.testing.assert_allclose(layer.shift[0] - layer.shift[1], (learned - share) * np.log(9), atol=1e-9)
    adjusted = class_prior.adjust(quantize.predict(MODEL, truth.confidence_faces), layer.shift)
    assert layer.temperature == last_layer.fit_temperature(adjusted, truth.confidence_targets)
    if share == learned:
        assert layer.temperature == pytest.approx(1.5, abs=0.05)
    assert "fitted to votes on 400 faces" in lines[0]


def test_layer_without_bias_keeps_its_prior(truth: GroundTruth, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that it learned, which the device can still change."""
    monkeypatch.setattr(last_layer, "fold", Layer("temperature").fold)
    entry = quantize._fold_last_layer(MODEL, loaded(), truth, 0.4, str)
    assert entry is not None
    assert entry["share"] == 1.0
    assert entry["temperature"] == pytest.approx(1.5, abs=0.05)


def test_unfoldable_layers_have_no_prior(truth: GroundTruth, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its last layers are is not known, so neither is what a factor would do."""
    lines: list[str] = []
    monkeypatch.setattr(last_layer, "fold", Layer("nothing").fold)
    assert quantize._fold_last_layer(MODEL, loaded(), truth, 0.4, lines.append) is None
    assert lines[0].startswith("warning: the model's last layers take neither")


@pytest.mark.parametrize(
    ("learned_from", "votes", "expected"),
    [
        ("labels", "v.csv", "m.keras learned from labels; it is measured and calibrated on the votes of v.csv"),
        ("votes", None, "m.keras learned from votes; it is measured and calibrated on labels without --votes"),
        ("votes", "v.csv", ""),
        ("labels", None, ""),
        ("", "v.csv", ""),
    ],
)
def test_other_targets_are_said(learned_from: str, votes: str | None, expected: str) -> None:
    """They are allowed."""
    lines: list[str] = []
    model = SimpleNamespace(path=Path("m.keras"), learned_from=learned_from)
    quantize._say_other_targets(model, Path(votes) if votes else None, lines.append)  # type: ignore[arg-type]
    assert bool(lines) == bool(expected)
    assert expected in "".join(lines)
