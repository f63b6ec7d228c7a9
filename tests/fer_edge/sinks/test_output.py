"""What outputs declare is enough: no other module lists them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import types
from dataclasses import replace
from pathlib import Path

import pytest
from fer_edge import build
from fer_edge.doctor.service import needs_network
from fer_edge.doctor.software import importable
from fer_edge.lookup import lookup
from fer_edge.pause import PauseSwitch
from fer_edge.settings import RunSettings, Settings, parse
from fer_edge.sinks import SINKS
from fer_edge.sinks.guard import Guarded
from fer_edge.sinks.mailbox import Mailbox
from fer_edge.sinks.output import Output
from fer_edge.types import Observation, Sink

ROOT = Path(__file__).parents[3]


def named(name: str) -> Output[Sink]:
    found = lookup(SINKS, name, "sink")
    assert isinstance(found, Output)
    return found


class Lamp(Sink):
    def __init__(self, settings: Settings, pause_switch: PauseSwitch) -> None:
        pass

    def write(self, observation: Observation) -> None:
        pass

    def close(self) -> None:
        pass


def test_each_output_says_what_it_is() -> None:
    """Hardware, displays and brokers get a thread; three need the network."""
    assert [name for name in SINKS if named(name).in_thread] == ["led", "mqtt", "crops", "oled"]
    assert [name for name in SINKS if named(name).network] == ["kiosk", "webhook", "mqtt"]


@pytest.mark.parametrize("in_thread", [True, False])
def test_new_output_is_one_line(monkeypatch: pytest.MonkeyPatch, in_thread: bool) -> None:
    """The loop, the doctor and the settings take it from the table alone."""
    lamp = Output(Lamp, in_thread, network=True, requires=lambda _: (), extra="")
    monkeypatch.setitem(SINKS, "lamp", "lamps:open_lamp")
    monkeypatch.setitem(sys.modules, "lamps", types.SimpleNamespace(open_lamp=lamp))  # type: ignore[arg-type]
    sink = build.make_sink("lamp", Settings())
    sink.close()
    assert isinstance(sink, Mailbox if in_thread else Guarded)
    assert not needs_network(Settings())
    assert needs_network(replace(Settings(), run=RunSettings(("lamp",))))


@pytest.mark.parametrize(
    ("name", "tables", "modules"),
    [
        ("log", {}, ()),
        ("kiosk", {}, ("starlette", "uvicorn")),
        ("mqtt", {}, ("paho.mqtt",)),
        ("mqtt", {"mqtt": {"client": "fake"}}, ()),
        ("led", {}, ("gpiozero", "lgpio")),
        ("led", {"led": {"chip": "mock"}}, ("gpiozero",)),
        ("oled", {"oled": {"device": "ssd1306"}}, ("luma.core", "luma.oled.device")),
        ("oled", {"oled": {"device": "st7789"}}, ("luma.core", "luma.lcd.device")),
        ("oled", {"oled": {"device": "dummy"}}, ("luma.core",)),
    ],
)
def test_libraries_are_those_of_the_settings(
    name: str, tables: dict[str, dict[str, object]], modules: tuple[str, ...]
) -> None:
    """A stand-in that is chosen by name needs no library of the real thing."""
    assert tuple(named(name).requires(parse(tables))) == modules


def test_every_extra_exists() -> None:
    """Every extra is one of the project."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name in SINKS:
        output = named(name)
        assert (output.extra in extras) == bool(output.requires(Settings())) == bool(output.extra)


def test_looking_imports_no_library() -> None:
    """The doctor asks every output of the settings what it needs, on a device that has none of it."""
    program = (
        "import sys\nfrom fer_edge.lookup import lookup\nfrom fer_edge.settings import Settings\n"
        "from fer_edge.sinks import SINKS\n"
        "for name in SINKS: lookup(SINKS, name, 'sink').requires(Settings())\n"
        "print(*{'paho', 'gpiozero', 'luma', 'starlette', 'uvicorn'} & set(sys.modules))"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == ""


def test_what_can_be_imported() -> None:
    assert importable("json.decoder")
    assert not importable("json.nothing")
    assert not importable("nothing_of_the_kind.at_all")
