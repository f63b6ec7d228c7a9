"""How the device itself is: the message of the health topic, and the thread that sends it at intervals.

{"time": RFC 3339, "state": as fer_edge.types.State, "problems": [in words], "fps": frames a second or null,
 "celsius": the processor's or null, "disk": percent in use or null, "started": RFC 3339, "version", "model",
 "today": see `DayCounts`}
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fer_edge import __version__
from fer_edge.bench.machine import MachineState, describe, sample
from fer_edge.classifiers import cards
from fer_edge.classifiers.runtimes import find_runtime
from fer_edge.doctor import storage, thermal
from fer_edge.doctor.finding import Finding, ask
from fer_edge.errors import FerEdgeError, first_line
from fer_edge.retry import Retry
from fer_edge.settings import ClassifierSettings, Settings
from fer_edge.sources.thermal import ROOT
from fer_edge.stopwatch import since_start
from fer_edge.types import INVENTED_SOURCE, Frame, State

_log = logging.getLogger(__name__)

CLOCK_STEP = timedelta(seconds=10)  # by which the wall clock must move before the time of the start is another one


class Health:
    """What the device reports of itself. It is asked for in one thread, and may take seconds."""

    def __init__(
        self,
        settings: Settings,
        root: Path = ROOT,
        ask: Callable[..., str] = ask,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`root`: where the machine's files are; `ask`: the output of a program."""
        self._settings, self._root, self._ask, self._clock = settings, root, ask, clock
        self._started: datetime | None = None
        self._frame: tuple[int, float] | None = None  # number and time, seconds, of the frame at the last message

    def message(self, state: State, frame: Frame | None, today: dict[str, Any]) -> dict[str, Any]:
        """The message; `frame` is the newest, None if there is none."""
        now = self._clock()
        machine = sample(self._root, lambda: self._ask("vcgencmd", "get_throttled"))
        return {
            "time": now.isoformat(timespec="milliseconds"),
            "state": state,
            "problems": [f"{found.name}: {found.says}" for found in self._problems(state, machine)],
            "fps": self._fps(state, frame),
            "celsius": None if machine.celsius is None else round(machine.celsius),
            "disk": self._disk(),
            "started": self._start(now).isoformat(timespec="seconds"),
            "version": __version__,
            "model": "none" if _is_invented(frame) else model_name(self._settings.classifier),
            "today": today,
        }

    def _problems(self, state: State, machine: MachineState) -> Iterator[Finding]:
        """What a person should look after."""
        if state == "lost":
            yield Finding("camera", "failure", "lost; it is opened again as soon as it answers")
        found = [thermal.temperature(machine)]
        found += [thermal.throttling(machine.throttled)] if machine.throttled is not None else []
        found += [storage.disk(self._settings.log)] if self._writes_log else []
        yield from (finding for finding in found if finding.level == "failure")

    @property
    def _writes_log(self) -> bool:
        return "log" in self._settings.run.sinks and self._settings.log.store != "memory"

    def _disk(self) -> int | None:
        """Percent of the disk with the log, or else the queue, that are in use."""
        path = Path(self._settings.log.path if self._writes_log else self._settings.mqtt.queue)
        try:
            usage = shutil.disk_usage(path.absolute().parent)
        except OSError:
            return None
        return round(100 * (1 - usage.free / max(usage.total, 1)))

    def _fps(self, state: State, frame: Frame | None) -> float | None:
        before, self._frame = self._frame, None
        if state != "running" or frame is None:
            return None
        self._frame = frame.number, frame.time
        if before is None or frame.time <= before[1] or frame.number < before[0]:
            return None
        return round((frame.number - before[0]) / (frame.time - before[1]), 1)

    def _start(self, now: datetime) -> datetime:
        """When the program started. A Raspberry Pi without a clock of its own learns the time after that."""
        started = now - timedelta(seconds=since_start())
        if self._started is None or abs(started - self._started) > CLOCK_STEP:
            self._started = started
        return self._started


def board(root: Path = ROOT) -> str:
    """The Raspberry Pi's model, "Raspberry Pi 5 Model B Rev 1.0"; of other machines the processor's name."""
    return describe(root).board


def _is_invented(frame: Frame | None) -> bool:
    return frame is not None and frame.source == INVENTED_SOURCE


def model_name(settings: ClassifierSettings) -> str | None:
    """The name of the model that the settings mean, as `fer-edge models` lists it; None if it is not there any more."""
    if settings.name != "tflite":
        return settings.name
    try:
        known = [] if cards.is_path(settings.model) else cards.scan()[0]
        runtime, _ = find_runtime(settings.runtime)
        return cards.choose(settings.model, settings.variant, runtime, known).name
    except FerEdgeError:
        return None


class Ticker:
    """Calls `tick` in a thread of its own every `seconds`, and at once after `wake`. A failure is logged once."""

    def __init__(self, seconds: float, tick: Callable[[bool], None]) -> None:
        """`tick` gets whether it was woken; False: the time is over."""
        self._seconds, self._tick = seconds, tick
        self._woken, self._retry = threading.Event(), Retry()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="mqtt health", daemon=True)

    def start(self) -> None:
        """Begin; the first call of `tick` is after `wake`, or `seconds`."""
        self._thread.start()

    def wake(self) -> None:
        """Call `tick` soon. Returns at once."""
        self._woken.set()

    def stop(self) -> None:
        """Call it no more. Does not wait for a call that goes on, which may ask a slow disk. May be called twice."""
        self._stopped = True
        self._woken.set()

    def _run(self) -> None:
        while True:
            woken = self._woken.wait(self._seconds)
            self._woken.clear()
            if self._stopped:
                return
            try:
                self._tick(woken)
            except Exception as error:  # noqa: BLE001 (the predictions go on without it)
                if not self._retry.failing:
                    self._retry.failed(0.0)
                    _log.error(f"mqtt: no health is sent: {first_line(error)}; the rest goes on")
