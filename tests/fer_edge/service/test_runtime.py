"""What runs changes between two frames, and faces keep their numbers; what cannot be used changes nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_edge.build import make_classifier
from fer_edge.classifiers import cards
from fer_edge.classifiers.cards import models_folder
from fer_edge.demo import PORTRAIT
from fer_edge.detectors.auto import DetectorChoice
from fer_edge.detectors.fake import FakeDetector
from fer_edge.detectors.following import Following
from fer_edge.errors import ModelError, SettingsError, SinkError, SourceLost
from fer_edge.pause import PauseSwitch
from fer_edge.service import model_update
from fer_edge.service.model_install import install_model
from fer_edge.service.runtime import Runtime
from fer_edge.service.signals import Signals
from fer_edge.settings import ClassifierSettings, DetectorSettings, Settings, parse
from fer_edge.sources.demo import Demo
from fer_edge.tracking.tracker import NoTracking
from fer_edge.types import EMOTIONS, Box, Classifier, Frame, Prediction

NAME = "mini_xception-int8"
FACE = [Box(0, 0, 40, 40)]
TFLITE = {"name": "tflite", "model": NAME}


class Running:
    """A runtime that is started, and the settings that it reads next: change `settings`."""

    def __init__(self, tables: dict[str, dict[str, Any]]) -> None:
        self.settings: Settings | Exception = parse(tables)
        self.pause_switch = PauseSwitch()
        self.runtime = Runtime(self.read, Signals(self.pause_switch), self.pause_switch)

    def read(self) -> Settings:
        if isinstance(self.settings, Exception):
            raise self.settings
        return self.settings

    def change(self, tables: dict[str, dict[str, Any]]) -> None:
        """Read settings again that differ in `tables`."""
        self.settings = parse(tables, self.runtime.settings)
        self.runtime.reload()


Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts a runtime on the demo without outputs, with the fake classifier; tables go over that."""
    started: list[Running] = []

    def make(**tables: dict[str, Any]) -> Running:
        usual = {"source": {"name": "demo"}, "run": {"sinks": []}, "classifier": {"name": "fake"}}
        started.append(Running(usual | tables))
        return started[-1]

    yield make
    for running in started:
        running.runtime.close()


def proven(running: Running) -> Classifier:
    """What the model goes back to if it fails."""
    return running.runtime.model._proven


def on_trial(running: Running) -> bool:
    return running.runtime.model._trial_left > 0


def test_faces_keep_number_and_history(
    start: Start, make_prediction: Callable[..., Prediction], capsys: pytest.CaptureFixture[str]
) -> None:
    running = start()
    parts = running.runtime.parts
    tracks, gone = parts.tracker.update(0.0, FACE)
    parts.smoother.update(0.0, tracks, [make_prediction("happy")], gone)
    running.change({"smoother": {"seconds": 0, "margin": 0, "hold_seconds": 0}, "tracker": {"hold_seconds": 0}})
    assert running.runtime.settings is running.settings
    assert "note: settings read again: tracker.hold_seconds 0.6 -> 0.0; " in capsys.readouterr().err
    parts = running.runtime.parts
    tracks, gone = parts.tracker.update(0.1, FACE)
    assert [track.id for track in tracks] == [1]
    (face,), events = parts.smoother.update(0.1, tracks, [make_prediction("sad")], gone)
    assert face.emotion == "sad"
    assert [event.kind for event in events] == ["changed"]
    assert parts.tracker.update(0.2, []) == ([], {1})


def test_detector_and_model_are_replaced(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    running = start()
    before = running.runtime.parts
    assert running.runtime.model.name == "fake"
    running.change({"classifier": {"name": "tflite"}, "detector": {"max_faces": 1}})
    assert running.runtime.parts.detector is not before.detector
    assert running.runtime.model.name.startswith("mini_xception-")
    assert "the model is another file" in capsys.readouterr().err
    assert len(running.runtime.parts.classifier.predict(np.zeros((64, 64), np.uint8), FACE)) == 1


def test_installed_detector_is_taken(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the next reload, with a line; none is written while it stays the same, or is named."""
    running = start()
    assert capsys.readouterr().out.startswith(
        "detector: haar, because no other is installed\nsource: demo, as asked for\n"
    )
    running.change({})
    assert "detector" not in capsys.readouterr().err

    def choose(settings: DetectorSettings, *_: object) -> DetectorChoice:
        return DetectorChoice("fake", replace(settings, name="fake"), "fake, the best one installed")

    with monkeypatch.context() as patch:
        patch.setattr("fer_edge.service.runtime.choose_detector", choose)
        running.change({})
    assert isinstance(running.runtime.parts.detector, FakeDetector)
    assert running.runtime.settings.detector.name == "auto"
    assert capsys.readouterr().err.startswith("fer-edge: note: detector: fake, the best one installed\n")
    running.change({"detector": {"name": "haar"}})
    line = "fer-edge: note: settings read again: detector.name auto -> haar; the model is the same\n"
    assert capsys.readouterr().err == line
    assert isinstance(running.runtime.parts.detector, Following)


@pytest.mark.parametrize("error", [SettingsError("settings fer-edge.toml: not TOML"), ModelError("model x: no file")])
def test_unusable_settings_change_nothing(error: Exception, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    running = start()
    settings, parts = running.runtime.settings, running.runtime.parts
    running.settings = error
    running.runtime.reload()
    assert (running.runtime.settings, running.runtime.parts) == (settings, parts)
    assert capsys.readouterr().err == f"fer-edge: error: {error}; the old settings stay\n"


@pytest.mark.parametrize(
    "tables",
    [
        {"classifier": {"model": "./none.tflite", "name": "tflite"}},
        {"log": {"path": "/"}, "classifier": TFLITE, "smoother": {"seconds": 1}},
        {"detector": {"name": "yunet"}, "log": {"mode": "frames"}},
    ],
)
def test_one_bad_part_changes_nothing(
    tables: dict[str, dict[str, Any]], start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model, the detector and the outputs change together, or none of them."""
    running = start(run={"sinks": ["log"]}, log={"path": str(tmp_path / "log.jsonl")})
    runtime = running.runtime
    settings, parts, watcher = runtime.settings, runtime.parts, runtime.model_watcher
    running.change(tables)
    assert (runtime.settings, runtime.parts, runtime.model_watcher) == (settings, parts, watcher)
    assert runtime.model.name == "fake"
    assert [sink.name for sink in runtime.outputs.sinks] == ["log"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("the old settings stay")


def test_source_settings_wait_for_the_next_start(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    start().change({"source": {"fps": 10, "width": 320}})
    lines = capsys.readouterr().err.splitlines()
    assert lines[1].startswith(
        "fer-edge: note: source.width, source.fps: counts from the next start on: sudo systemctl"
    )


def test_still_pictures_stay_untracked(start: Start) -> None:
    running = start(source={"name": str(PORTRAIT)})
    parts = running.runtime.parts
    assert isinstance(parts.tracker, NoTracking)
    running.change({})
    assert running.runtime.parts.tracker is parts.tracker
    assert running.runtime.parts.classifier is parts.classifier


def test_a_failed_start_closes_everything(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    close = Demo.close
    monkeypatch.setattr(Demo, "close", lambda self: (closed.append("demo"), close(self)))
    with pytest.raises(SinkError):
        start(run={"sinks": ["log"]}, log={"path": str(tmp_path / "no" / "log.jsonl")})
    assert closed == ["demo"]


@pytest.mark.parametrize("stopped", [True, False])
def test_a_loss_after_a_stop_is_no_news(stopped: bool, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = start().runtime

    def lose(_: Demo) -> Iterator[Frame]:
        runtime._signals.stopped = stopped
        raise SourceLost("camera:0: is gone")
        yield

    monkeypatch.setattr(Demo, "__iter__", lose)
    with nullcontext() if stopped else pytest.raises(SourceLost):
        assert runtime.run() == 0


def test_tour_is_read_from_its_script(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever model and detector the settings name, also after new ones; outputs get the settings as they are."""
    running = start(source={"name": "tour"}, classifier=TFLITE, detector={"name": "haar"})
    running.change({"run": {"pause_minutes": 2}, "classifier": TFLITE, "smoother": {"certain": 0.3}})
    assert running.runtime.run(max_frames=3) == 0
    assert type(running.runtime.parts.detector).__name__ == "TourDetector"
    assert running.runtime.model.name == "none, the readings are invented"
    assert running.runtime.settings.detector.name == "haar"
    assert running.pause_switch.limit_seconds == 120
    assert "detector: none, the readings are invented" in capsys.readouterr().out


def test_a_pause_ends_the_wait_for_the_next_frame(start: Start, make_frame: Callable[..., Frame]) -> None:
    """Or the camera would stay on for as long as `source.idle_fps` allows."""
    running = start(source={"name": "demo", "fps": 0.1})
    frame_rate = running.runtime.frame_rate
    frame_rate._sleep = lambda _: pytest.fail("it waits")
    frames = frame_rate.frames([make_frame(0), make_frame(1)])
    next(frames)
    running.pause_switch.pause()
    assert next(frames).number == 1


def test_the_end_is_reported_before_outputs_close(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """An output may take seconds to close: the service manager is not to take that for a hang."""
    closed: list[str] = []
    runtime = start().runtime
    monkeypatch.setattr(runtime.watchdog, "close", lambda: closed.append("watchdog"))
    monkeypatch.setattr(runtime.outputs, "close", lambda: closed.append("outputs"))
    runtime.run(max_frames=1)
    assert closed == ["watchdog", "outputs"]
    assert runtime.sinks[-1] is runtime.watchdog  # what it reports went all the way through


def test_a_reload_watches_the_new_model(
    start: Start, models: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_update, "FILES_POLL_INTERVAL_S", 0.0)
    running, model = start(), models("float32")
    running.change({"classifier": {"name": "tflite", "model": str(model)}})
    model.with_suffix(".json").touch()
    assert [running.runtime.model_watcher.changed() for _ in range(2)] == [False, True]


def test_reload_loads_a_replaced_model(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(models_folder(), folder)
    monkeypatch.setattr(cards, "models_folder", lambda: folder)
    running = start(classifier=TFLITE)
    used = running.runtime.model.identity
    model, other = folder / f"{NAME}.tflite", folder / "mini_xception-float32.tflite"
    model.write_bytes(other.read_bytes()[:1000])
    running.change({})
    assert running.runtime.model.identity == used
    assert "cut off" in capsys.readouterr().err
    card = json.loads(other.with_suffix(".json").read_text()) | {"name": model.stem, "file": model.name}
    model.with_suffix(".json").write_text(json.dumps(card))
    model.write_bytes(other.read_bytes())
    running.change({})
    assert running.runtime.model.identity == card["sha256"]
    assert "settings read again: the model is another file" in capsys.readouterr().err


def test_an_installed_model_is_loaded_once(
    start: Start, local: Path, models: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """And a broken one never."""
    running = start(classifier=TFLITE)
    runtime = running.runtime
    before, used = runtime.parts, runtime.model.identity
    runtime.update_model()
    assert runtime.parts is before
    assert capsys.readouterr().err == ""
    install_model(models("float32"), None, local)
    runtime.update_model()
    assert runtime.parts.tracker is before.tracker
    assert runtime.model.identity != used
    assert "note: a new model is loaded: mini_xception-int8 with " in capsys.readouterr().err
    used = runtime.model.identity
    (local / f"{NAME}.tflite").write_bytes(b"cut off")
    runtime.update_model()
    assert runtime.model.identity == used
    assert "not a TFLite file" in (err := capsys.readouterr().err)
    assert err.endswith("; the model in use stays\n")


def test_other_labels_are_refused(
    start: Start, local: Path, models: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    running = start(classifier=TFLITE)
    used = running.runtime.model.identity
    model = models("float32")
    card = json.loads(model.with_suffix(".json").read_text())
    card |= {"labels": [*card["labels"][:-1], "bored"], "prior": None}
    model.with_suffix(".json").write_text(json.dumps(card))
    install_model(model, None, local)
    running.runtime.update_model()
    assert running.runtime.model.identity == used
    assert "other labels than before; try: sudo systemctl restart fer-edge" in capsys.readouterr().err


def test_only_a_proven_model_is_gone_back_to(start: Start, local: Path, models: Callable[[str], Path]) -> None:
    """A trial goes on over a reload and over another installation."""
    running = start(classifier=TFLITE)
    runtime, shipped = running.runtime, running.runtime.model.identity
    assert not on_trial(running)
    install_model(models("float32"), None, local)
    runtime.update_model()
    first = runtime.model.identity
    assert on_trial(running)
    running.change({})
    assert on_trial(running)
    assert proven(running).identity == shipped
    install_model(models("dynamic"), None, local)
    runtime.update_model()
    assert runtime.model.identity != first
    assert proven(running).identity == shipped


def test_a_model_that_fails_later_gives_way(
    start: Start, local: Path, models: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the parts, so whatever is built around the model uses the proven one again, too."""
    running = start(classifier=TFLITE)
    runtime, shipped = running.runtime, running.runtime.model.identity
    install_model(models("float32"), None, local)
    runtime.update_model()

    def fail(*_: object) -> list[Prediction]:
        raise RuntimeError("tensor 3 was not allocated")

    monkeypatch.setattr(runtime.model._used, "predict", fail)
    assert len(runtime.parts.classifier.predict(np.zeros((64, 64), np.uint8), FACE)) == 1
    assert runtime.model.identity == shipped
    assert runtime.parts.classifier.identity == proven(running).identity == shipped


def set_prior(model: Path, prior: dict[str, Any] | None) -> None:
    """Change the card of `model`."""
    card = model.with_suffix(".json")
    card.write_text(json.dumps(json.loads(card.read_text()) | {"prior": prior}))


def test_reload_changes_the_prior(
    start: Start, models: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """In what is built around the model, too; it stays the same model, and is not put on trial."""
    model, grey = models("float32"), np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)
    frequencies = dict.fromkeys(EMOTIONS, 0.16) | {"fear": 0.04}
    set_prior(model, {"share": 1.0, "temperature": 1.0, "frequencies": frequencies})
    running = start(classifier={"name": "tflite", "model": str(model)})
    runtime = running.runtime

    def odds() -> float:
        (read,) = runtime.model.predict(grey, FACE)
        return read.score("fear") / read.score("sad")

    before, identity = odds(), runtime.model.identity
    running.change({"classifier": {"prior": 0}})
    assert odds() == pytest.approx(4 * before, rel=1e-4)
    assert runtime.model.identity == runtime.parts.classifier.identity == identity
    assert not on_trial(running)
    assert "classifier.prior -1.0 -> 0.0; the model is the same" in capsys.readouterr().err
    running.change({"classifier": {"prior": -1}})
    assert odds() == before


def test_reload_refuses_a_prior_without_a_card(
    start: Start, models: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that cannot take the prior goes on as before."""
    model = models("float32")
    set_prior(model, None)
    running = start(classifier={"name": "tflite", "model": str(model)})
    before = running.runtime.settings
    running.change({"classifier": {"prior": 1}, "tracker": {"hits": 3}})
    assert running.runtime.settings is before
    assert "does not say what its prior is" in (err := capsys.readouterr().err)
    assert err.endswith("; the old settings stay\n")


@pytest.mark.parametrize("change", ["update_model", "reload"])
def test_what_comes_during_a_load_is_news(
    change: str, start: Start, local: Path, models: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_update, "FILES_POLL_INTERVAL_S", 0.0)
    runtime = start(classifier=TFLITE).runtime
    install_model(models("float32"), None, local)

    def slow(settings: ClassifierSettings) -> Classifier:
        loaded = make_classifier(settings)
        install_model(models("dynamic"), None, local)
        return loaded

    monkeypatch.setattr("fer_edge.service.runtime.make_classifier", slow)
    getattr(runtime, change)()
    assert [runtime.model_watcher.changed() for _ in range(2)] == [False, True]
