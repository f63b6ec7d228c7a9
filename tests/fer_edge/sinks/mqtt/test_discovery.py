"""The discovery message has the fields that Home Assistant documents, and no other: one it does not know voids all.

Sources: home-assistant.io/integrations/mqtt (device discovery payload), /sensor.mqtt and the pages of the other
platforms; and in home-assistant/core, homeassistant/components/mqtt/schemas.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from fer_edge.errors import SettingsError
from fer_edge.settings import KioskSettings, MqttSettings, RunSettings, Settings, parse
from fer_edge.sinks.mqtt import discovery as module
from fer_edge.sinks.mqtt.discovery import discovery, page_url
from fer_edge.sinks.mqtt.names import Topics
from fer_edge.types import EMOTIONS

TOPICS = Topics("hall", "homeassistant")
ROOT = {
    "device": dict,
    "origin": dict,
    "components": dict,
    "availability_topic": str,
    "state_topic": str,
}
DEVICE = {
    "identifiers": list,
    "name": str,
    "manufacturer": str,
    "model": str,
    "sw_version": str,
    "hw_version": str,
    "suggested_area": str,
    "configuration_url": str,
}
ORIGIN = {"name": str, "sw_version": str, "support_url": str}


def made(mqtt: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(discovery(TOPICS, EMOTIONS, parse({"mqtt": mqtt or {}, **more}), "Pi 5"))
    return message


def conforms(part: dict[str, Any], schema: dict[str, type]) -> bool:
    return all(key in schema and type(value) is schema[key] and value for key, value in part.items())


def test_every_field_is_a_documented_one() -> None:
    mqtt = {"device": "hall", "area": "Hall", "support_url": "https://example.org/help"}
    message = made(mqtt, run={"sinks": ["kiosk"]}, kiosk={"address": "192.168.1.5"})
    assert conforms(message, ROOT)
    assert set(message) == set(ROOT)
    assert conforms(message["device"], DEVICE)
    assert set(message["device"]) == set(DEVICE)
    assert conforms(message["origin"], ORIGIN)
    assert set(message["origin"]) == set(ORIGIN)


def test_device_says_what_the_settings_say() -> None:
    mqtt = {"device": "hall", "area": "Hall", "support_url": "https://example.org/help"}
    message = made(mqtt, run={"sinks": ["kiosk"]}, kiosk={"address": "192.168.1.5"})
    device = message["device"]
    assert device["identifiers"] == ["fer-edge_hall"]
    assert (device["name"], device["suggested_area"], device["hw_version"]) == ("fer-edge hall", "Hall", "Pi 5")
    assert device["configuration_url"] == "http://192.168.1.5:8600/"
    assert message["origin"]["support_url"] == "https://example.org/help"


def test_unset_fields_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Home Assistant refuses an empty address, and shows an empty room."""
    monkeypatch.setattr(module.platform, "node", lambda: "raspberrypi")
    message = json.loads(discovery(TOPICS, EMOTIONS, Settings()))
    assert set(message["device"]) == {"identifiers", "name", "manufacturer", "model", "sw_version"}
    assert message["device"]["name"] == "fer-edge raspberrypi"
    assert set(message["origin"]) == {"name", "sw_version"}


def test_unique_ids_stay() -> None:
    """Another one would make a second entity, and the history of the first would end."""
    parts = made()["components"]
    for key in ("emotion", "confidence", "faces", "pause"):
        assert parts[key]["unique_id"] == f"fer-edge_hall_{key}"
    assert len({part["unique_id"] for part in parts.values()}) == len(parts)
    assert all(part["qos"] == 1 for part in parts.values())


def test_topics_are_those_that_are_used() -> None:
    message = made()
    assert message["state_topic"] == TOPICS.state
    assert message["availability_topic"] == TOPICS.availability  # online and offline are its default payloads


@pytest.mark.parametrize(("heartbeat", "seconds"), [(60.0, 180), (1.0, 30), (90.5, 272)])
def test_values_expire_after_three_messages(heartbeat: float, seconds: int) -> None:
    parts = made({"heartbeat_seconds": heartbeat})["components"]
    assert parts["emotion"]["expire_after"] == parts["problem"]["expire_after"] == seconds


@pytest.mark.parametrize(
    ("address", "port", "sinks", "url"),
    [
        ("127.0.0.1", 8600, ("kiosk",), ""),
        ("::1", 8600, ("kiosk",), ""),
        ("localhost", 8600, ("kiosk",), ""),
        ("192.168.1.5", 8600, ("log",), ""),
        ("192.168.1.5", 0, ("kiosk",), ""),
        ("no address", 8600, ("kiosk",), ""),
        ("192.168.1.5", 80, ("kiosk",), "http://192.168.1.5:80/"),
        ("fd00::5", 8600, ("kiosk",), "http://[fd00::5]:8600/"),
        ("0.0.0.0", 8600, ("kiosk",), "http://raspberrypi.local:8600/"),
        ("::", 8600, ("kiosk",), "http://raspberrypi.local:8600/"),
    ],
)
def test_page_that_the_home_can_open(
    address: str, port: int, sinks: tuple[str, ...], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.platform, "node", lambda: "raspberrypi.lan")
    kiosk = replace(KioskSettings(), address=address, port=port)
    assert page_url(Settings(run=RunSettings(sinks=sinks), kiosk=kiosk)) == url


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://", "ftp://a/b", "https://ann:geheim@a/", "a b"])
def test_other_links_are_refused(url: str) -> None:
    """It becomes a link on Home Assistant's page; a password in it would be seen by everybody there."""
    with pytest.raises(SettingsError, match=r"mqtt\.support_url: must look like https://example\.org/help") as caught:
        parse({"mqtt": {"support_url": url}})
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("area", ["x" * 300, "a\nb", "\x1b[31m"])
def test_area_is_a_plain_name(area: str) -> None:
    with pytest.raises(SettingsError, match=r"mqtt\.area: has "):
        parse({"mqtt": {"area": area}})
    assert parse({"mqtt": {"area": "Küche"}}).mqtt == replace(MqttSettings(), area="Küche")
