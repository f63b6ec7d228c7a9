"""A device's name is a valid topic, its own, and the same at each start."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from fer_edge.errors import SettingsError
from fer_edge.settings import parse
from fer_edge.sinks.mqtt.names import Topics, device_name


def machine(root: Path, **files: str) -> Path:
    for place, text in {"serial": "proc/device-tree/serial-number", "id": "etc/machine-id"}.items():
        if place in files:
            (root / text).parent.mkdir(parents=True, exist_ok=True)
            (root / text).write_text(files[place])
    return root


def test_name_hides_the_serial_number(tmp_path: Path) -> None:
    """A name is made from the serial number and does not tell it."""
    root = machine(tmp_path, serial="10000000abcdef01\0", id="0123456789abcdef0123456789abcdef\n")
    name = device_name(root)
    assert re.fullmatch("[0-9a-f]{12}", name)
    assert name == device_name(root)
    assert "abcdef01" not in name
    machine(tmp_path, id="copied card\n")
    assert device_name(root) == name
    machine(tmp_path, serial="10000000abcdef02\0")
    assert device_name(root) != name


def test_name_falls_back_to_machine_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one the machine id counts and then the network card."""
    monkeypatch.setattr(uuid, "getnode", lambda: 0xB827EB000001)
    card = device_name(tmp_path)
    first_start = device_name(machine(tmp_path, id="uninitialized\n"))
    assert first_start == card
    assert device_name(machine(tmp_path, id="0123456789abcdef0123456789abcdef\n")) != card


def test_machine_without_identity_needs_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is its own a name is asked for."""
    monkeypatch.setattr(uuid, "getnode", lambda: 0x010000000001)
    with pytest.raises(SettingsError, match=r"mqtt\.device = '': this machine has no serial number.*give it one"):
        device_name(tmp_path)


def test_topics() -> None:
    topics = Topics("hall", "homeassistant")
    assert topics.state == "fer-edge/hall/state"
    assert topics.availability == "fer-edge/hall/availability"
    assert topics.pause == "fer-edge/hall/pause/set"
    assert topics.config == "homeassistant/device/fer-edge_hall/config"
    assert topics.status == "homeassistant/status"


@pytest.mark.parametrize(
    ("key", "value"),
    [("device", "hall/2"), ("device", "a b"), ("device", "+"), ("device", "x" * 65), ("discovery_prefix", "ha/#")],
)
def test_what_is_no_topic_is_refused(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"mqtt\.{key}: must look like"):
        parse({"mqtt": {key: value}})
