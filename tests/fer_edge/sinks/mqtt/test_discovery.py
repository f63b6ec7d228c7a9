"""The discovery message has the fields that Home Assistant documents, and no other: one it does not know voids all.

Sources: home-assistant.io/integrations/mqtt (device discovery payload), /sensor.mqtt and /switch.mqtt; and in
home-assistant/core, homeassistant/components/mqtt/schemas.py and sensor.py.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from fer_edge.sinks.mqtt.discovery import discovery
from fer_edge.sinks.mqtt.names import Topics
from fer_edge.types import EMOTIONS, UNCERTAIN

TOPICS = Topics("hall", "homeassistant")
ROOT = {
    "device": dict,
    "origin": dict,
    "components": dict,
    "availability_topic": str,
    "state_topic": str,
}
DEVICE = {"identifiers": list, "name": str, "manufacturer": str, "model": str, "sw_version": str}
ORIGIN = {"name": str, "sw_version": str}
ENTITY = {"platform": str, "unique_id": str, "name": str, "icon": str, "qos": int, "value_template": str}
SENSOR = ENTITY | {
    "device_class": str,
    "options": list,
    "state_class": str,
    "unit_of_measurement": str,
    "suggested_display_precision": int,
}
SWITCH = ENTITY | {"command_topic": str, "payload_on": str, "payload_off": str}


@pytest.fixture
def message() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(discovery(TOPICS, EMOTIONS))
    return made


def conforms(part: dict[str, Any], schema: dict[str, type]) -> bool:
    return all(key in schema and type(value) is schema[key] for key, value in part.items())


def test_every_field_is_a_documented_one(message: dict[str, Any]) -> None:
    assert conforms(message, ROOT)
    assert set(message) == set(ROOT)
    assert conforms(message["device"], DEVICE)
    assert message["device"]["identifiers"] == ["fer-edge_hall"]
    assert conforms(message["origin"], ORIGIN)
    assert message["origin"]["name"] == "fer-edge"  # required
    for part in message["components"].values():
        assert conforms(part, SWITCH if part["platform"] == "switch" else SENSOR)
        assert re.fullmatch(r"mdi:[a-z-]+", part["icon"])
        assert part["qos"] == 1


def test_four_entities_are_announced(message: dict[str, Any]) -> None:
    """The entities are the emotion the confidence the faces and a switch."""
    parts = message["components"]
    assert {key: part["platform"] for key, part in parts.items()} == {
        "emotion": "sensor",
        "confidence": "sensor",
        "faces": "sensor",
        "pause": "switch",
    }
    assert len({part["unique_id"] for part in parts.values()}) == 4
    assert all(part["unique_id"].startswith("fer-edge_hall_") for part in parts.values())


def test_emotion_is_an_enum(message: dict[str, Any]) -> None:
    """The emotion is an enum with its options."""
    emotion = message["components"]["emotion"]
    assert emotion["device_class"] == "enum"
    assert emotion["options"] == [*EMOTIONS, UNCERTAIN]
    assert not {"state_class", "unit_of_measurement"} & set(emotion)  # not allowed beside options
    own = json.loads(discovery(TOPICS, ("müde", UNCERTAIN)))["components"]["emotion"]
    assert own["options"] == ["müde", UNCERTAIN]


def test_numbers_have_units(message: dict[str, Any]) -> None:
    """Numbers have units that home assistant draws."""
    parts = message["components"]
    assert (parts["confidence"]["unit_of_measurement"], parts["confidence"]["state_class"]) == ("%", "measurement")
    assert parts["faces"]["state_class"] == "measurement"


def test_topics_are_those_that_are_used(message: dict[str, Any]) -> None:
    assert message["state_topic"] == TOPICS.state
    assert message["availability_topic"] == TOPICS.availability  # online and offline are its default payloads
    assert message["components"]["pause"]["command_topic"] == TOPICS.pause


def test_templates_give_what_home_assistant_takes(message: dict[str, Any]) -> None:
    """Rendered as Home Assistant renders them; `None` is `unknown` to it."""
    jinja2 = pytest.importorskip("jinja2", reason="needs jinja2, the language of the templates")
    parts = message["components"]

    def shown(**report: Any) -> list[str]:
        templates = [parts[key]["value_template"] for key in ("emotion", "confidence", "faces", "pause")]
        return [jinja2.Template(template).render(value_json=report) for template in templates]

    seen = {"state": "running", "emotion": "happy", "confidence": 0.93, "faces": 2}
    assert shown(**seen) == ["happy", "93", "2", "OFF"]
    nobody = {"state": "paused", "emotion": None, "confidence": None, "faces": 0}
    assert shown(**nobody) == ["None", "None", "0", "ON"]
