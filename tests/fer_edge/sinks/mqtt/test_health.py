"""How the device is: what is measured, what is a problem, and the thread that tells of it."""

from __future__ import annotations

import queue
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fer_edge.settings import ClassifierSettings, Settings, parse
from fer_edge.sinks.mqtt import health as module
from fer_edge.sinks.mqtt.health import Health, Ticker, board, model_name
from fer_edge.types import INVENTED_SOURCE, Frame

SOON = 10.0  # seconds
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Machine:
    """A Raspberry Pi's files in a folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.throttled, self.now = root, "throttled=0x0\n", NOON
        self.settings = parse({"log": {"path": str(root / "log.jsonl")}})
        self.write("proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
        self.heat(51.4)

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def heat(self, celsius: float) -> None:
        self.write("sys/class/thermal/thermal_zone0/temp", f"{1000 * celsius:.0f}\n")

    def health(self, settings: Settings | None = None) -> Health:
        return Health(settings or self.settings, self.root, lambda *_: self.throttled, lambda: self.now)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def frame(make_observation: Any, number: int, source: str = "camera:0") -> Frame:
    made: Frame = replace(make_observation(number).frame, source=source)
    return made


def test_machine_is_measured(machine: Machine) -> None:
    message = machine.health().message("running", None, {"came": 3})
    assert (message["time"], message["state"], message["celsius"]) == ("2026-01-01T12:00:00.000+00:00", "running", 51)
    assert 0 <= message["disk"] <= 100
    assert message["problems"] == []
    assert message["today"] == {"came": 3}
    assert board(machine.root) == "Raspberry Pi 5 Model B Rev 1.0"


@pytest.mark.parametrize(
    ("celsius", "throttled", "state", "words"),
    [
        (85.0, "throttled=0x0\n", "running", "temperature: 85 °C: throttled"),
        (50.0, "throttled=0x1\n", "running", "power: throttled now: under-voltage"),
        (50.0, "throttled=0x0\n", "lost", "camera: lost"),
    ],
)
def test_problems_are_named(celsius: float, throttled: str, state: Any, words: str, machine: Machine) -> None:
    machine.heat(celsius)
    machine.throttled = throttled
    (problem,) = machine.health().message(state, None, {})["problems"]
    assert problem.startswith(words)


@pytest.mark.parametrize("state", ["running", "paused", "starting"])
def test_past_throttling_is_no_problem(state: Any, machine: Machine) -> None:
    """What is over, a pause and a warm processor are none: nobody has to come."""
    machine.heat(72.0)
    machine.throttled = "throttled=0x50000\n"
    assert machine.health().message(state, None, {})["problems"] == []


def test_full_disk_is_a_problem(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = module.shutil.disk_usage(machine.root)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(total=10**9, free=10**6, used=10**9))
    message = machine.health().message("running", None, {})
    assert message["disk"] == 100
    assert message["problems"][0].startswith("disk: 0.0 GB free")
    without_log = machine.health(replace(machine.settings, run=replace(machine.settings.run, sinks=("mqtt",))))
    assert without_log.message("running", None, {})["problems"] == []


def test_what_is_not_known_is_null(tmp_path: Path) -> None:
    settings = parse({"log": {"path": str(tmp_path / "none" / "log.jsonl")}})
    message = Health(settings, tmp_path, lambda *_: "").message("running", None, {})
    assert (message["celsius"], message["disk"], message["fps"]) == (None, None, None)


def test_frame_rate_is_of_the_interval(machine: Machine, make_observation: Any) -> None:
    """25 frames are a second in the tests' source."""
    health = machine.health()
    rates = [
        health.message(state, seen, {})["fps"]
        for state, seen in (
            ("running", frame(make_observation, 0)),
            ("running", frame(make_observation, 1500)),
            ("running", frame(make_observation, 1500)),  # it hangs
            ("paused", frame(make_observation, 1500)),
            ("running", frame(make_observation, 3000)),  # the pause is no time in which frames came
            ("running", frame(make_observation, 4500)),
            ("running", replace(frame(make_observation, 0), time=9999.0)),  # the camera was opened again
        )
    ]
    assert rates == [None, 25.0, None, None, None, 25.0, None]


def test_start_does_not_wander(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same from message to message, or its history would fill; another once the clock is set."""
    uptime = 3600.0
    monkeypatch.setattr(module, "since_start", lambda: uptime)
    health = machine.health()
    first = health.message("running", None, {})["started"]
    assert first == "2026-01-01T11:00:00+00:00"
    machine.now += timedelta(seconds=1.4)
    uptime += 0.1
    assert health.message("running", None, {})["started"] == first
    machine.now += timedelta(days=30)
    assert health.message("running", None, {})["started"] == "2026-01-31T11:00:01+00:00"


def test_model_is_named_as_in_the_list(tmp_path: Path) -> None:
    assert (model_name(ClassifierSettings()) or "").startswith("mini_xception-")
    assert model_name(ClassifierSettings(model="mini_xception", variant="int8")) == "mini_xception-int8"
    assert model_name(ClassifierSettings(name="fake")) == "fake"
    assert model_name(ClassifierSettings(model=str(tmp_path / "gone.tflite"))) is None


def test_invented_readings_are_of_no_model(machine: Machine, make_observation: Any) -> None:
    seen = frame(make_observation, 0, INVENTED_SOURCE)
    assert machine.health().message("running", seen, {})["model"] == "none"


def test_ticker_wakes_at_once() -> None:
    ticks: queue.Queue[bool] = queue.Queue()
    ticker = Ticker(3600.0, ticks.put)
    ticker.start()
    ticker.wake()
    assert ticks.get(timeout=SOON) is True
    ticker.stop()
    ticker.stop()
    ticker._thread.join(SOON)
    assert not ticker._thread.is_alive()
    assert ticks.empty()


def test_ticker_ticks_at_intervals() -> None:
    ticks: queue.Queue[bool] = queue.Queue()
    ticker = Ticker(0.001, ticks.put)
    ticker.start()
    assert [ticks.get(timeout=SOON) for _ in range(3)] == [False] * 3
    ticker.stop()


def test_failing_tick_is_logged_once(logged: queue.Queue[str]) -> None:
    """A broken disk must not end the predictions, nor fill the log."""
    calls: queue.Queue[bool] = queue.Queue()

    def broken(woken: bool) -> None:
        calls.put(woken)
        raise OSError("input/output error")

    ticker = Ticker(0.001, broken)
    ticker.start()
    for _ in range(3):
        calls.get(timeout=SOON)
    ticker.stop()
    ticker._thread.join(SOON)
    assert logged.get_nowait() == "error: mqtt: no health is sent: input/output error; the rest goes on"
    assert logged.empty()
