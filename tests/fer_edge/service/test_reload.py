"""New settings change the parts of a loop that runs, and faces keep their numbers; bad ones change nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fer_edge.classifiers import cards
from fer_edge.errors import ModelError, SettingsError
from fer_edge.pause import PauseSwitch
from fer_edge.service.outputs import Outputs
from fer_edge.service.reload import describe, reload, start_parts
from fer_edge.settings import Settings, parse
from fer_edge.types import Box, Prediction

FAKE = {"classifier": {"name": "fake"}, "run": {"sinks": []}}
FACE = [Box(0, 0, 40, 40)]


@pytest.fixture
def old() -> Settings:
    return parse(FAKE)


@pytest.fixture
def outputs() -> Outputs:
    return Outputs(PauseSwitch())


def test_faces_keep_their_numbers_and_their_history(
    old: Settings, outputs: Outputs, make_prediction: Callable[..., Prediction], capsys: pytest.CaptureFixture[str]
) -> None:
    parts = start_parts(old, still=False)
    tracks, gone = parts.tracker.update(0.0, FACE)
    parts.smoother.update(0.0, tracks, [make_prediction("happy")], gone)
    new = parse({"smoother": {"seconds": 0, "margin": 0, "hold_seconds": 0}, "tracker": {"hold_seconds": 0}}, old)
    settings, parts = reload(lambda: new, old, parts, outputs)
    assert settings is new
    assert "note: settings read again: tracker.hold_seconds 0.6 -> 0.0; " in capsys.readouterr().err
    tracks, gone = parts.tracker.update(0.1, FACE)
    assert [track.id for track in tracks] == [1]
    (face,), events = parts.smoother.update(0.1, tracks, [make_prediction("sad")], gone)
    assert face.emotion == "sad"
    assert [event.kind for event in events] == ["changed"]
    assert parts.tracker.update(0.2, []) == ([], {1})


def test_the_detector_and_the_model_are_made_anew(
    old: Settings, outputs: Outputs, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = start_parts(old, still=False)
    new = parse({"classifier": {"name": "tflite"}, "detector": {"max_faces": 1}}, old)
    _, changed = reload(lambda: new, old, parts, outputs)
    assert changed.detector is not parts.detector
    assert describe(parts) == "FakeClassifier"
    assert describe(changed).startswith("mini_xception-")
    assert "the model is another file" in capsys.readouterr().err
    assert len(changed.classifier.predict(np.zeros((64, 64), np.uint8), FACE)) == 1


@pytest.mark.parametrize("error", [SettingsError("settings fer-edge.toml: not TOML"), ModelError("model x: no file")])
def test_settings_that_cannot_be_used_are_told_and_the_old_ones_stay(
    error: Exception, old: Settings, outputs: Outputs, capsys: pytest.CaptureFixture[str]
) -> None:
    def read() -> Settings:
        raise error

    parts = start_parts(old, still=False)
    assert reload(read, old, parts, outputs) == (old, parts)
    assert capsys.readouterr().err == f"fer-edge: error: {error}; the old settings stay\n"


@pytest.mark.parametrize(
    "tables", [{"classifier": {"model": "./none.tflite", "name": "tflite"}}, {"log": {"path": "/"}}]
)
def test_parts_that_cannot_be_made_leave_the_old_ones(
    tables: dict[str, dict[str, str]], outputs: Outputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = parse({**FAKE, "run": {"sinks": ["log"]}, "log": {"path": str(tmp_path / "log.jsonl")}})
    outputs.follow(old)
    parts = start_parts(old, still=False)
    assert reload(lambda: parse(tables, old), old, parts, outputs) == (old, parts)
    assert [sink.name for sink in outputs.sinks] == ["log"]
    assert capsys.readouterr().err.endswith("the old settings stay\n")
    outputs.close()


def test_what_counts_from_the_next_start_on_is_said(
    old: Settings, outputs: Outputs, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = start_parts(old, still=False)
    reload(lambda: parse({"source": {"fps": 10, "width": 320}}, old), old, parts, outputs)
    lines = capsys.readouterr().err.splitlines()
    assert lines[1].startswith(
        "fer-edge: note: source.width, source.fps: counts from the next start on: sudo systemctl"
    )


def test_pictures_stay_strangers(old: Settings, outputs: Outputs) -> None:
    parts = start_parts(old, still=True)
    _, changed = reload(lambda: old, old, parts, outputs)
    assert changed.tracker is parts.tracker
    assert type(changed.classifier) is type(parts.classifier)


def test_a_model_that_was_replaced_is_taken_up_and_a_broken_one_is_not(
    outputs: Outputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(cards.models_folder(), folder)
    monkeypatch.setattr(cards, "models_folder", lambda: folder)
    settings = parse({"classifier": {"model": "mini_xception-int8"}, "run": {"sinks": []}})
    parts = start_parts(settings, still=False)
    model, other = folder / "mini_xception-int8.tflite", folder / "mini_xception-float32.tflite"
    model.write_bytes(other.read_bytes()[:1000])
    assert reload(lambda: settings, settings, parts, outputs) == (settings, parts)
    assert "cut off" in capsys.readouterr().err
    card = json.loads(other.with_suffix(".json").read_text()) | {"name": model.stem, "file": model.name}
    model.with_suffix(".json").write_text(json.dumps(card))
    model.write_bytes(other.read_bytes())
    _, changed = reload(lambda: settings, settings, parts, outputs)
    assert changed.classifier is not parts.classifier
    assert "settings read again: the model is another file" in capsys.readouterr().err
