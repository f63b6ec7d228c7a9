"""What all tests share: where things lie, and frames to feed."""

from __future__ import annotations

import gc
import logging
import os
import queue
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from fer_edge.detectors import files
from fer_edge.service import log_handler
from fer_edge.types import EMOTIONS, Box, Face, Frame, Observation, Pixels, Prediction

# FFmpeg reads it once, and a test may write a video before the code under test asks for quiet.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
# Under nohup programs would inherit that a hangup means nothing, which to the service means new settings.
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)
# A slow machine is no failure; pytest's own time limit catches what hangs. The same cases in every run: the tests of a
# change fail for what it changed, and `make fuzz` looks for cases that nobody has met.
hypothesis.settings.register_profile("thorough", deadline=None, derandomize=True, max_examples=60)  # `make test`
hypothesis.settings.register_profile(  # `make fuzz`
    "fuzz", deadline=None, max_examples=10_000, suppress_health_check=list(hypothesis.HealthCheck), print_blob=True
)
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=25)
hypothesis.settings.load_profile("quick")
# Whoever runs the tests may have installed a neural detector, which "auto" would take. Not a fixture: those of modules
# make readers before any fixture of a test.
os.environ["XDG_DATA_HOME"] = "/none"
files.SYSTEM_FOLDER = Path("/none")
ROOT = Path(__file__).parent.parent
BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Rigs:
    """What became of each rig: `pytest.mark.rig("camera")` names the one that a test needs."""

    def __init__(self) -> None:
        self.ran: set[str] = set()
        self.skipped: dict[str, str] = {}  # rig -> why
        self.left: set[str] = set()  # those that were not asked for

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        item.user_properties += [("rig", name) for name in names(item)]

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.left.update(name for item in items for name in names(item))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for key, name in report.user_properties:
            if key != "rig":
                continue
            if report.skipped:
                reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "expected to fail"
                self.skipped[str(name)] = reason.removeprefix("Skipped: ")
            elif report.when == "call":
                self.ran.add(str(name))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):  # one of several processes: only it knows what it left
            session.config.workeroutput["rigs_left"] = sorted(self.left)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.left.update(getattr(node, "workeroutput", {}).get("rigs_left", ()))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for name in sorted(self.ran | set(self.skipped) | self.left):
            words = ["ran"] if name in self.ran else []
            words += [f"{'in part ' if words else ''}skipped: {self.skipped[name]}"] if name in self.skipped else []
            terminalreporter.write_line(f"rig {name}: {', '.join(words) or 'not asked for'}")


def names(item: pytest.Item) -> list[str]:
    """Of the rigs that a test needs."""
    return [marker.args[0] for marker in item.iter_markers("rig")]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Rigs())


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with data that is not the project's to ship."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared (FER2013, others' models), which is not here")
    return folder


@pytest.fixture(autouse=True)
def _printed() -> None:
    """What is logged is printed as the command line prints it, so that `capsys` has it."""
    log_handler.install()


class Logged(logging.Handler):
    """Puts each message into a queue, so that a test may wait for one of another thread."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(log_handler.OneLine())
        self.lines: queue.Queue[str] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put(self.format(record).removeprefix("fer-edge: "))


@pytest.fixture
def logged() -> Iterator[queue.Queue[str]]:
    """Lines such as "error: led: no chip", from any thread."""
    handler = Logged()
    logger = logging.getLogger("fer_edge")
    logger.addHandler(handler)
    yield handler.lines
    logger.removeHandler(handler)


@pytest.fixture
def make_frame() -> Callable[..., Frame]:
    """Frames at 25 a second, grey by default."""

    def make(number: int = 0, grey: Pixels | None = None, time: float | None = None) -> Frame:
        seconds = number / 25 if time is None else time
        picture = np.full((48, 64), 128, np.uint8) if grey is None else grey
        return Frame(number, seconds, BEGIN + timedelta(seconds=seconds), picture, "test")

    return make


def prediction(emotion: str = "happy", score: float = 0.7) -> Prediction:
    """A reading that is `score` sure of `emotion`, the rest shared evenly."""
    rest = (1 - score) / (len(EMOTIONS) - 1)
    return Prediction(EMOTIONS, tuple(score if label == emotion else rest for label in EMOTIONS))


@pytest.fixture
def make_prediction() -> Callable[..., Prediction]:
    return prediction


@pytest.fixture
def make_observation(make_frame: Callable[..., Frame]) -> Callable[..., Observation]:
    """An observation of frame `number` with one face for each of `emotions`."""

    def make(number: int = 0, *emotions: str, **frame: object) -> Observation:
        faces = tuple(Face(k, Box(k, 2, 3, 4), e, 0.7, prediction(e)) for k, e in enumerate(emotions, 1))
        return Observation(make_frame(number, **frame), faces, ())

    return make


def pytest_collection_finish() -> None:
    """Spare the garbage collector what collection left: 2,000 tests and the modules they import."""
    gc.collect()
    gc.freeze()
