"""Each entity has the fields that Home Assistant documents for its platform, and templates that give what it takes.

Sources: home-assistant.io/integrations/sensor.mqtt and the pages of the other platforms; in home-assistant/core, the
files of those names in homeassistant/components/mqtt, and schemas.py for MQTT_ENTITY_COMMON_SCHEMA.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from fer_edge.settings import MqttSettings, Settings
from fer_edge.sinks.mqtt.counts import DayCounts
from fer_edge.sinks.mqtt.entities import Entity, entities
from fer_edge.sinks.mqtt.health import Health
from fer_edge.sinks.mqtt.names import Topics
from fer_edge.sinks.mqtt.reports import Reports
from fer_edge.types import EMOTIONS, EVENT_KINDS, UNCERTAIN, State

TOPICS = Topics("hall", "homeassistant")
COMMON = {
    "platform": str,
    "name": str,
    "icon": str,
    "state_topic": str,
    "value_template": str,
    "entity_category": str,
    "enabled_by_default": bool,
    "json_attributes_topic": str,
    "json_attributes_template": str,
}
READ = COMMON | {"device_class": str, "expire_after": int}
SCHEMAS: dict[str, dict[str, type]] = {
    "sensor": READ
    | {"options": list, "state_class": str, "unit_of_measurement": str, "suggested_display_precision": int},
    "binary_sensor": READ,
    "switch": COMMON | {"command_topic": str, "payload_on": str, "payload_off": str},
    "event": COMMON | {"event_types": list},
    "update": COMMON | {"device_class": str, "title": str, "latest_version_topic": str},
}
DEVICE_CLASSES = {
    "sensor": {"enum", "temperature", "timestamp"},
    "binary_sensor": {"occupancy", "problem"},
    "update": {"firmware"},
}


@pytest.fixture
def known() -> dict[str, Entity]:
    return entities(TOPICS, EMOTIONS, 180, has_sensor=True)


def test_every_field_is_a_documented_one(known: dict[str, Entity]) -> None:
    for key, entity in known.items():
        schema = SCHEMAS[entity["platform"]]
        assert {name for name, value in entity.items() if type(value) is not schema.get(name)} == set(), key
        assert re.fullmatch(r"mdi:[a-z-]+", entity["icon"])
        assert entity.get("device_class") in {None, *DEVICE_CLASSES.get(entity["platform"], set())}
        assert entity.get("entity_category") in {None, "diagnostic"}
        assert entity.get("state_class") in {None, "measurement", "total_increasing"}
        assert ("json_attributes_topic" in entity) == ("json_attributes_template" in entity)
    assert len({entity["name"] for entity in known.values()}) == len(known)


def test_all_entities_are_there(known: dict[str, Entity]) -> None:
    assert {key: entity["platform"] for key, entity in known.items()} == {
        **dict.fromkeys(("emotion", "confidence", "faces", "camera", "today"), "sensor"),
        **dict.fromkeys(("fps", "temperature", "disk", "uptime", "model"), "sensor"),
        **dict.fromkeys(("occupancy", "problem"), "binary_sensor"),
        "face": "event",
        "pause": "switch",
        "update": "update",
    }


def test_only_people_and_pause_are_no_diagnostics(known: dict[str, Entity]) -> None:
    plain = {key for key, entity in known.items() if "entity_category" not in entity}
    assert plain == {"emotion", "confidence", "faces", "occupancy", "face", "pause", "today"}


def test_noisy_ones_are_disabled(known: dict[str, Entity]) -> None:
    assert {key for key, entity in known.items() if not entity.get("enabled_by_default", True)} == {
        "fps",
        "temperature",
    }


def test_no_sensor_means_no_temperature(known: dict[str, Entity]) -> None:
    assert set(known) - set(entities(TOPICS, EMOTIONS, 180, has_sensor=False)) == {"temperature"}


def test_enums_have_all_options(known: dict[str, Entity]) -> None:
    """A value that is no option is refused by Home Assistant."""
    assert known["emotion"]["options"] == [*EMOTIONS, UNCERTAIN]
    assert known["camera"]["options"] == list(get_args(State))
    assert known["face"]["event_types"] == list(EVENT_KINDS)
    for key in ("emotion", "camera"):
        assert known[key]["device_class"] == "enum"
        assert not {"state_class", "unit_of_measurement"} & set(known[key])  # not allowed beside options
    own = entities(TOPICS, ("müde", UNCERTAIN), 180, has_sensor=True)["emotion"]
    assert own["options"] == ["müde", UNCERTAIN]


def test_topics_are_those_that_are_used(known: dict[str, Entity]) -> None:
    topics = {key: entity.get("state_topic") for key, entity in known.items()}
    assert {key for key, topic in topics.items() if topic is None} == {
        *("emotion", "confidence", "faces", "occupancy", "camera", "pause")
    }
    assert {key for key, topic in topics.items() if topic == TOPICS.event} == {"face"}
    assert known["faces"]["json_attributes_topic"] == TOPICS.state
    assert known["today"]["state_topic"] == known["problem"]["json_attributes_topic"] == TOPICS.health
    assert known["pause"]["command_topic"] == TOPICS.pause
    assert known["update"]["latest_version_topic"] == "fer-edge/latest_version"


class Shown:
    """What Home Assistant shows of a message; `None` is `unknown` to it."""

    def __init__(self, known: dict[str, Entity]) -> None:
        self._jinja = pytest.importorskip("jinja2", reason="needs jinja2, the language of the templates")
        self._known = known

    def __call__(self, message: dict[str, Any], *keys: str) -> list[str]:
        return [self._render(self._known[key]["value_template"], message) for key in keys]

    def attributes(self, message: dict[str, Any], key: str) -> Any:
        return json.loads(self._render(self._known[key]["json_attributes_template"], message))

    def _render(self, template: str, message: dict[str, Any]) -> str:
        strict = self._jinja.Environment(undefined=self._jinja.StrictUndefined)  # a missing key is an error in its log
        return str(strict.from_string(template).render(value_json=message))


@pytest.fixture
def shown(known: dict[str, Entity]) -> Shown:
    return Shown(known)


PEOPLE = ("emotion", "confidence", "faces", "occupancy", "camera", "pause")


def test_people_are_shown(shown: Shown, make_observation: Any) -> None:
    seen = Reports(MqttSettings()).for_observation(make_observation(0, "happy", "sad")) or {}
    assert shown(seen, *PEOPLE) == ["happy", "70", "2", "ON", "running", "OFF"]
    assert shown.attributes(seen, "faces") == {
        "faces": [
            {"id": 1, "emotion": "happy", "confidence": 0.7},
            {"id": 2, "emotion": "sad", "confidence": 0.7},
        ],
        "invented": False,
    }


def test_empty_room_is_not_occupied(shown: Shown, make_observation: Any) -> None:
    empty = Reports(MqttSettings()).for_observation(make_observation(0)) or {}
    assert shown(empty, *PEOPLE) == ["None", "None", "0", "OFF", "running", "OFF"]


@pytest.mark.parametrize("state", ["paused", "lost", "starting"])
def test_nothing_is_known_without_camera(state: State, shown: Shown) -> None:
    """Neither occupied nor empty: lights stay as they are."""
    off = Reports(MqttSettings()).for_state(state) or {}
    pause = "ON" if state == "paused" else "OFF"
    assert shown(off, *PEOPLE) == ["None", "None", "None", "None", state, pause]
    assert shown.attributes(off, "faces")["faces"] == []


def test_messages_of_older_versions_are_read(shown: Shown) -> None:
    """They may wait in the queue while fer-edge is upgraded."""
    old = {"state": "running", "emotion": "happy", "confidence": 0.9, "faces": 1, "readings": []}
    assert shown(old, "occupancy", "faces") == ["ON", "1"]
    assert shown.attributes(old, "faces") == {"faces": [], "invented": False}


def test_device_is_shown(shown: Shown, tmp_path: Path) -> None:
    day = datetime(2026, 1, 1, 12)
    health = Health(Settings(), tmp_path, lambda *_: "", lambda: day.replace(tzinfo=UTC))
    message = json.loads(json.dumps(health.message("lost", None, DayCounts(clock=lambda: day).as_dict())))
    assert shown(message, "today", "problem", "fps", "temperature") == ["0", "ON", "None", "None"]
    assert shown.attributes(message, "problem")["problems"][0].startswith("camera: lost")
    assert shown.attributes(message, "today") == {"date": "2026-01-01", "came": 0, "emotions": {}}
    (uptime, model, installed) = shown(message, "uptime", "model", "update")
    assert datetime.fromisoformat(uptime).tzinfo is not None
    assert model.startswith("mini_xception")
    assert json.loads(installed) == {"installed_version": message["version"]}
    fine = shown(message | {"problems": []}, "problem")
    assert fine == ["OFF"]
