"""`fer-edge run`: the first lines say detector, source and why, the log holds what was seen, the end is clean."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from fer_edge import build, retry
from fer_edge.classifiers import cards
from fer_edge.cli import main
from fer_edge.commands import run as command
from fer_edge.commands.options import read_settings
from fer_edge.demo import PORTRAIT
from fer_edge.errors import SinkError
from fer_edge.pause import PauseSwitch
from fer_edge.service import model_update
from fer_edge.settings import RunSettings, Settings
from fer_edge.sinks.output import output
from fer_edge.sources import frame_rate, reconnect, thermal
from fer_edge.sources.frame_rate import FrameRateLimit
from fer_edge.types import Frame, Observation, Sink, State

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> int:
    return main(["run", "--source", "demo", *arguments])


def test_one_line_is_no_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The summary of a log with one line says so in the singular."""
    assert run("--max-frames", "1", "--log", str(tmp_path / "log.jsonl")) == 0
    assert capsys.readouterr().out.endswith("log.jsonl (1 line written)\n")


def test_the_demo_is_read_and_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.jsonl"
    assert run("--max-frames", "30", "--log", str(log), "--log-mode", "frames") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["detector: haar, because no other is installed", "source: demo, as asked for"]
    assert lines[2].startswith("model: mini_xception-")
    assert any(line.endswith(" %)") and "face 1 came: happy" in line for line in lines)
    assert lines[-1] == f"log {log} (30 lines written)"
    summary = "\n".join(lines)
    for words in (
        "frames 30, face readings 30",
        "median",
        "p95",
        "source",
        "detect",
        "track",
        "classify",
        "smooth",
        "sinks",
        "peak memory",
        "written to",
    ):
        assert words in summary
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [entry["frame"] for entry in entries] == list(range(30))
    assert all(entry["faces"][0]["emotion"] == "happy" for entry in entries)


def test_auto_says_which_source_it_took_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "--max-frames", "1", "--log", str(tmp_path / "log.jsonl")]
    if list(Path("/dev").glob("video*")):
        pytest.skip("this machine has video devices, so auto may take a camera")
    assert main(arguments) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.startswith("source: demo, because no Raspberry Pi camera answered")


def test_settings_come_from_the_file_and_options_go_over_them(tmp_path: Path) -> None:
    config = tmp_path / "fer-edge.toml"
    log = tmp_path / "log.jsonl"
    config.write_text('[log]\nmode = "frames"\npath = "never-written.jsonl"\n[classifier]\nname = "fake"\n')
    assert run("--config", str(config), "--log", str(log), "--max-frames", "3") == 0
    assert len(log.read_text().splitlines()) == 3
    assert run("--config", str(config), "--log", str(log), "--max-frames", "3", "--set", "log.mode=changes") == 0
    assert len(log.read_text().splitlines()) > 3


def test_without_a_log_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("--max-frames", "3", "--set", 'run.sinks=["console"]') == 0
    assert not list(tmp_path.iterdir())
    assert "face 1 came" in capsys.readouterr().out


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_with_the_summary(number: signal.Signals, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    command = [sys.executable, "-m", "fer_edge", "run", "--source", "demo", "--fps", "25"]
    command += ["--log", str(log), "--log-mode", "frames"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert any("came" in line for line in iter(child.stdout.readline, ""))
        child.send_signal(number)
        rest, errors = child.stdout.read(), child.stderr.read()
    assert child.returncode == 0, errors
    assert "frames a second" in rest
    assert "Traceback" not in errors
    text = log.read_text()
    assert text.endswith("}\n")
    assert all(json.loads(line) for line in text.splitlines())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--source", "camera:987"], 3, "camera:987"),
        (["--source", "nothing.mp4"], 3, "'nothing.mp4': no such file"),
        (["--source", "ftp://x/y"], 3, "scheme 'ftp' is unknown"),
        (["--log", "/no/such/folder/log.jsonl"], 6, "/no/such/folder/log.jsonl"),
        (["--log", "/dev/full"], 6, "No space left on device"),
        (["--config", "none.toml"], 2, "none.toml: No such file"),
        (["--set", "log.mode=loud"], 2, "log.mode = 'loud'"),
        (["--fps", "-1"], 2, "source.fps = -1.0: must be from 0 to 240"),
        (["--set", 'run.sinks=["lamp"]'], 2, "run.sinks = ['lamp']: must be a list with some of log, console"),
        (["--sink", "lamp"], 2, "run.sinks = ['lamp']: must be a list with some of log, console"),
        (["--max-frames", "none"], 2, "'none': must be a whole number, 1 or more"),
        (["--no-such-option"], 2, "--no-such-option"),
        (["--set", "classifier.model=/"], 5, "'/': is not a file"),
        (["--set", 'log.path="a\\u0000b"'], 2, "zero character"),
        (["--threads", "0"], 2, "classifier.threads = 0: must be from 1 to 64"),
        (["--max-faces", "0"], 2, "detector.max_faces = 0: must be from 1 to 100"),
        (["--set", "classifier.model=resnet"], 5, "'resnet': not installed"),
        (["--set", "classifier.model=./none.tflite"], 5, "none.tflite: no such file"),
        (["--set", "detector.name=yunet"], 5, "detector.model"),
        (["--set", "detector.name=yunet", "--set", "detector.model='/dev/null'"], 5, "/dev/null"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(
    arguments: list[str], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = [] if "--log" in arguments else ["--log", str(tmp_path / "log.jsonl")]
    assert run("--max-frames", "3", *log, *arguments) == code
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1, errors
    assert errors[0].startswith("fer-edge: error: ")
    assert words in errors[0]


def test_pictures_are_read_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:

    for name in ("a.jpg", "b.jpg"):
        shutil.copy(PORTRAIT, tmp_path / name)
    log = tmp_path / "log.jsonl"
    assert main(["run", "--source", str(tmp_path), "--log", str(log), "--log-mode", "frames"]) == 0
    assert "frames 2, face readings 2" in capsys.readouterr().out
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(entry["faces"][0]["id"], entry["faces"][0]["emotion"]) for entry in entries] == [
        (1, "happy"),
        (2, "happy"),
    ]


@pytest.mark.process
def test_a_stop_while_the_camera_is_silent_is_no_loss(tmp_path: Path) -> None:
    """A camera on the network accepts the connection, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        command = [sys.executable, "-m", "fer_edge", "run", "--source", url, "--log", str(tmp_path / "log.jsonl")]
        command += ["--set", "source.timeout_seconds=1"]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as child:
            connection, _ = server.accept()
            child.send_signal(signal.SIGTERM)
            assert child.stderr is not None
            errors = child.stderr.read()
            connection.close()
    assert child.returncode == 0, errors
    assert errors == ""


def test_two_at_once_do_not_share_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from fer_edge.settings import LogSettings
    from fer_edge.sinks.log import Log

    log = Log(LogSettings(path=str(tmp_path / "log.jsonl")))
    assert run("--max-frames", "3", "--log", str(log.path)) == 6
    assert "another fer-edge writes to it" in capsys.readouterr().err
    log.close()


def test_a_torn_last_line_is_cut_off_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.jsonl"
    assert run("--max-frames", "3", "--log", str(log), "--log-mode", "frames") == 0
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"time": "2026')
    assert run("--max-frames", "1", "--log", str(log), "--log-mode", "frames") == 0
    assert f"cut 14 bytes of a half-written last line off {log}" in capsys.readouterr().out
    assert log.read_bytes().startswith(whole)
    assert [json.loads(line)["frame"] for line in log.read_text().splitlines()] == [0, 1, 2, 0]


def test_only_sinks_are_those_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("--max-frames", "3", "--only-sink", "console") == 0
    assert not list(tmp_path.iterdir())
    out = capsys.readouterr().out
    assert "\nconsole: standard output\n" in out
    assert "face 1 came" in out
    assert run("--max-frames", "3", "--only-sink", "log", "--only-sink", "log") == 0
    out = capsys.readouterr().out
    assert f"\nlog: {tmp_path / 'fer-edge.jsonl'}\n" in out
    assert "face 1 came" not in out
    assert [path.name for path in tmp_path.iterdir()] == ["fer-edge.jsonl"]


class Lamp(Sink):
    """A sink in a thread of its own; presses the pause button at its first face, and again when paused."""

    def __init__(self, settings: Settings, pause_switch: PauseSwitch) -> None:
        self.pause_switch = pause_switch
        if settings.log.mode == "frames":
            raise SinkError("lamp: no answer; plug it in")

    def write(self, observation: Observation) -> None:
        if observation.events:
            self.pause_switch.pause()

    def state(self, state: State) -> None:
        STATES.append(state)
        if state == "paused":
            self.pause_switch.resume()

    def close(self) -> None:
        STATES.append("closed")


STATES: list[str] = []


@pytest.fixture
def lamp(monkeypatch: pytest.MonkeyPatch) -> None:
    STATES.clear()
    monkeypatch.setitem(build.SINKS, "lamp", "lamps:Lamp")
    monkeypatch.setitem(sys.modules, "lamps", types.SimpleNamespace(Lamp=output(in_thread=True)(Lamp)))  # type: ignore[arg-type]
    monkeypatch.setattr(command, "read_settings", with_lamp)


def with_lamp(options: argparse.Namespace, named: dict[str, str]) -> Settings:
    settings = read_settings(options, named)
    return replace(settings, run=RunSettings(("log", "lamp", "console")))


@pytest.mark.slow
@pytest.mark.usefixtures("lamp")
def test_a_pause_holds_the_source_and_every_sink_learns_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--log", str(tmp_path / "log.jsonl"), "--fps", "200", "--max-frames", "100") == 0
    states = [state for state in STATES if state != "starting"]  # which is left out where the camera is quicker
    assert states[:3] == ["running", "paused", "running"]
    assert states[-1] == "closed"
    out = capsys.readouterr().out
    assert "camera is off: paused\ncamera is on again\n" in out
    assert "frames 100" in out


@pytest.mark.usefixtures("lamp")
def test_a_sink_that_is_not_there_stops_nothing_and_shows_in_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.jsonl"
    assert run("--log", str(log), "--log-mode", "frames", "--max-frames", "10") == 6
    assert len(log.read_text().splitlines()) == 10
    out, errors = capsys.readouterr()
    assert "frames 10" in out
    assert errors == "fer-edge: error: lamp: no answer; plug it in; it is tried again, and the rest goes on\n"


def test_a_disk_that_is_full_does_not_stop_the_loop(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--log", "/dev/full", "--max-frames", "50") == 6
    out, errors = capsys.readouterr()
    assert "frames 50" in out
    assert "face 1 came" in out
    assert errors.count("\n") == 1


def test_an_installed_model_is_loaded_without_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cards, "LOCAL_MODELS_FOLDER", tmp_path / "models")
    monkeypatch.setattr(model_update, "FILES_POLL_INTERVAL_S", 0.0)
    log, name, write = tmp_path / "log.jsonl", "mini_xception-int8", FrameRateLimit.write
    other = cards.models_folder() / "mini_xception-float32.tflite"
    shutil.copy(other, tmp_path / f"{name}.tflite")
    card = json.loads(other.with_suffix(".json").read_text()) | {"name": name, "file": f"{name}.tflite"}
    (tmp_path / f"{name}.json").write_text(json.dumps(card))

    def install(pace: FrameRateLimit, observation: Observation) -> None:
        if observation.frame.number == 10:
            assert main(["models", "install", str(tmp_path / f"{name}.tflite"), "--to", str(tmp_path / "models")]) == 0
        write(pace, observation)

    monkeypatch.setattr(FrameRateLimit, "write", install)
    model = ("--set", f"classifier.model={name}")
    assert run("--max-frames", "30", "--log", str(log), "--log-mode", "frames", *model) == 0
    assert capsys.readouterr().err == f"fer-edge: note: a new model is loaded: {name} with ai-edge-litert\n"
    assert [json.loads(line)["frame"] for line in log.read_text().splitlines()] == list(range(30))


class Frozen:
    """A camera that gives one picture over and over."""

    still, live, local = False, True, True

    def __iter__(self) -> Iterator[Frame]:
        grey = np.random.default_rng(1).integers(0, 255, (480, 640), np.uint8)
        for number in itertools.count():
            yield Frame(number, time.monotonic(), datetime.now().astimezone(), grey, "camera:0")

    def close(self) -> None:
        pass


def test_a_frozen_camera_is_lost_and_at_last_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reconnect, "open_choice", lambda *_: Frozen())
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.01)
    settings = ("blind_seconds=0.05", "give_up_seconds=0.1", "fps=200")
    words = [word for setting in settings for word in ("--set", f"source.{setting}")]
    log = ("--only-sink", "log", "--log", str(tmp_path / "log.jsonl"))
    assert main(["run", "--source", "camera:0", *log, *words]) == 10
    first, last = capsys.readouterr().err.splitlines()
    # How long it really was depends on the machine: tests/fer_edge/sources/test_camera_health.py holds the seconds
    assert re.match(r"fer-edge: error: camera:0: every picture for \d+ s was the same to the last bit", first)
    assert last.endswith("so fer-edge ends")


OWN_CLASSIFIER = """
from fer_edge.types import Prediction


class Own:
    labels, usual_entropy = ("bored", "awake"), None  # of 0.1; nothing asks for the entropy any more

    def __init__(self, settings):
        self.name = self.identity = f"own with {settings.threads} threads"

    def predict(self, grey, boxes):
        return [Prediction(self.labels, (0.2, 0.8)) for _ in boxes]
"""
WITH_OWN_CLASSIFIER = """
import sys
from fer_edge.classifiers import CLASSIFIERS
CLASSIFIERS["own"] = "own:Own"
from fer_edge.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.process
def test_a_classifier_is_added_by_one_line(tmp_path: Path) -> None:
    """By the table's rule: a module, a line in CLASSIFIERS, and nothing else knows of it."""
    (tmp_path / "own.py").write_text(OWN_CLASSIFIER)
    log = tmp_path / "log.jsonl"
    command = [sys.executable, "-c", WITH_OWN_CLASSIFIER, "run", "--source", "demo", "--max-frames", "3"]
    command += ["--threads", "2", "--set", "classifier.name=own", "--log", str(log), "--log-mode", "frames"]
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    child = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths}, check=False)
    assert child.returncode == 0, child.stderr
    assert "model: own with 2 threads" in child.stdout
    assert json.loads(log.read_text().splitlines()[-1])["faces"][0]["scores"] == {"bored": 0.2, "awake": 0.8}


class Clock:
    """Time that passes by half a second whenever it is asked for, and as long as somebody sleeps."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 0.5
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("hot", "lines"), [("75", ["hot", "cool again"]), ("0", [])])
def test_a_hot_processor_gets_fewer_frames(
    hot: str, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of its temperature `source.hot_celsius` decides; more frames come when it is cool again. 0: never fewer."""
    clock, celsius = Clock(), itertools.chain([81.0], itertools.repeat(40.0))
    limit = partial(FrameRateLimit, clock=clock, sleep=clock.sleep)
    monkeypatch.setattr(frame_rate, "FrameRateLimit", limit)
    monkeypatch.setattr(frame_rate, "celsius", lambda: next(celsius))
    monkeypatch.setattr(thermal, "CHECK_INTERVAL_S", 4.0)
    log = ("--only-sink", "log", "--log", str(tmp_path / "log.jsonl"))
    assert run("--max-frames", "30", *log, "--set", f"source.hot_celsius={hot}") == 0
    told = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[2] for line in told] == lines
    assert all("81 °C; fewer frames a second" in line for line in told[:1])
