"""What the page of the device's state shows is so, and holds no secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fer_edge.errors import SinkError
from fer_edge.pause import PauseSwitch
from fer_edge.service.outputs import Outputs
from fer_edge.settings import parse
from fer_edge.settings_reference import tables
from fer_edge.sinks.event_queue import EventQueue
from fer_edge.sinks.guard import Guarded
from fer_edge.sinks.kiosk.sink import Kiosk
from fer_edge.sinks.program import Program
from fer_edge.stopwatch import Stopwatch
from fer_edge.types import Observation, Sink

House = Callable[..., Any]
Make = Callable[..., Observation]


class Broken(Sink):
    """Cannot be written."""

    def write(self, observation: Observation) -> None:
        raise SinkError("thing: token=0123456789abcdef is refused; check it")

    def close(self) -> None:
        """There is nothing to close."""


@pytest.fixture
def queue(make_observation: Make, with_event: Callable[..., Observation]) -> Iterator[Guarded]:
    """An output that goes on by itself while its other side does not answer."""

    def send(_: object) -> None:
        raise SinkError("hook: no answer; check it")

    inner = EventQueue("hook", ("changed",), 10, send)
    guarded = Guarded("hook", inner)
    guarded.write(with_event(make_observation(1, "happy")))
    while not guarded.last_error:
        pass
    yield guarded
    guarded.close()


def test_diagnostics_are_the_program_s(house: House, make_observation: Make, queue: Guarded) -> None:
    built = house()
    watch = Stopwatch(iter([0.0, 0.0, 0.010, 0.030]).__next__)
    watch.start()
    watch.lap("source")
    watch.lap("detect")
    broken = Guarded("thing", Broken())
    broken.write(make_observation(1, "happy"))
    program = Program(watch, "camera:0, the first", lambda: "a model", lambda: [broken, queue], None)
    built.sink.attach(program)
    built.sink.write(make_observation(1, "happy"))
    found = built.ask("/api/v1/diagnostics").json
    assert (found["state"], found["source"], found["model"]) == ("running", "camera:0, the first", "a model")
    assert [stage["stage"] for stage in found["stages"]] == ["source", "detect"]
    assert found["stages"][1]["median_ms"] == pytest.approx(10, rel=0.02)
    thing, hook = found["outputs"]
    assert (thing["name"], thing["failing"]) == ("thing", True)
    assert "0123456789abcdef" not in thing["last_error"]
    assert "is refused" in thing["last_error"]
    assert hook == {"name": "hook", "failing": True, "last_error": "hook: no answer; check it"}


def test_rate_is_the_newest(house: House, make_observation: Make) -> None:
    """Frames a second since the page asked before; nothing while the camera is off."""
    built = house()
    built.sink.state("running")
    for number, moment in ((0, 0.0), (50, 10.0), (80, 12.0)):
        seen = make_observation(number)
        built.sink.write(replace(seen, frame=replace(seen.frame, number=number, time=moment)))
        found = built.ask("/api/v1/diagnostics").json
    assert found["fps"] == 15
    assert (found["model"], found["stages"], found["outputs"]) == (None, [], [])
    built.sink.state("paused")
    assert built.ask("/api/v1/diagnostics").json["fps"] is None


def test_settings_say_who_set_them(tmp_path: Path) -> None:
    """A default, the file, or the command line; what may be a secret is not shown."""
    config = tmp_path / "fer-edge.toml"
    config.write_text('[log]\nmode = "frames"\nkeep_days = 30\n[webhook]\nurl = "https://a.b/?key=geheim"\n')
    table = {"log": {"mode": "frames", "path": "there.jsonl"}, "webhook": {"url": "https://a.b/?key=geheim"}}
    settings = parse(table | {"kiosk": {"port": 0}, "detector": {"width": 640}})
    with closing(Kiosk(settings, PauseSwitch())) as sink:
        sink.attach(Program(Stopwatch(), "", str, list, config))
        sink.state("running")
        found = json.loads(ask(sink, "/api/v1/settings"))
    assert "geheim" not in json.dumps(found)
    assert found["file"] == str(config)
    entries = {entry["name"]: entry for part in found["tables"] for entry in part["settings"]}
    assert list(entries) == [entry.name for part in tables() for entry in part.settings]
    wanted = {
        "log.mode": ('"frames"', "file"),
        "log.keep_days": ("30.0", "file"),
        "log.path": (None, "command"),
        "webhook.url": (None, "file"),
        "detector.width": ("640", "command"),
        "detector.name": ('"auto"', "default"),
    }
    assert {name: (entries[name]["value"], entries[name]["set_by"]) for name in wanted} == wanted
    assert entries["log.mode"]["default"] == '"changes"'
    assert entries["log.mode"]["meaning"].startswith("changes: a line for each change")


def ask(sink: Kiosk, path: str) -> bytes:
    """What the server answers."""
    from urllib.request import urlopen

    with urlopen(f"http://127.0.0.1:{sink.port}{path}", timeout=10) as answer:
        return bytes(answer.read())


def test_program_reaches_the_kiosk(tmp_path: Path) -> None:
    """Whenever it is opened: at the start, and again with new settings."""
    outputs = Outputs(PauseSwitch())
    outputs.program = program = Program(Stopwatch(), "", str, list, None)
    with closing(outputs):
        for port in (0, 0):
            outputs.reconfigure(parse({"kiosk": {"port": port, "live": True}, "run": {"sinks": ["kiosk"]}}))
            (guarded,) = outputs.sinks
            assert isinstance(guarded, Guarded)
            assert isinstance(guarded.sink, Kiosk)
            assert guarded.sink._state.program is program
            outputs.reconfigure(parse({"run": {"sinks": []}}))


@pytest.mark.slow
def test_doctor_s_findings_are_shown(house: House) -> None:
    """Without the camera's, which is in use; with the settings that are."""
    found = house(sinks=("log", "kiosk")).ask("/api/v1/doctor").json
    names = [finding["name"] for finding in found["findings"]]
    assert {"Python", "OpenCV", "model files", "disk"} <= set(names)
    assert not {"camera", "pictures"} & set(names)
    assert found["verdict"] in ("ok", "warning", "failure")
    assert found["time"] > 1.7e9


def test_checks_that_fail_say_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise SinkError("kiosk: the checks did not end")

    monkeypatch.setattr("fer_edge.sinks.kiosk.api.examine", broken)
    answer = house().ask("/api/v1/doctor")
    assert (answer.status, answer.json["error"]) == (503, "kiosk: the checks did not end")
