"""The entities that Home Assistant makes of the topics, in the form of its documentation.

home-assistant.io/integrations: binary_sensor.mqtt, event.mqtt, sensor.mqtt, switch.mqtt and update.mqtt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from fer_edge.sinks.mqtt.names import Topics
from fer_edge.types import EVENT_KINDS, UNCERTAIN, State

Entity = dict[str, Any]

CONFIDENCE_TEMPLATE = "{{ (100 * value_json.confidence) | round | int if value_json.confidence is not none else None }}"
# A message that waited on the disk while fer-edge was upgraded has no `present`.
OCCUPANCY_TEMPLATE = (
    "{% set count = value_json.present | default(value_json.faces) %}"
    "{{ None if count is none else 'ON' if count else 'OFF' }}"
)
FACES_TEMPLATE = "{{ {'faces': value_json.readings, 'invented': value_json.invented | default(false)} | tojson }}"
PAUSED_TEMPLATE = "{{ 'ON' if value_json.state == 'paused' else 'OFF' }}"
PROBLEM_TEMPLATE = "{{ 'ON' if value_json.problems else 'OFF' }}"
PROBLEMS_TEMPLATE = "{{ {'problems': value_json.problems} | tojson }}"
TODAY_TEMPLATE = "{{ value_json.today | tojson }}"
INSTALLED_TEMPLATE = "{{ {'installed_version': value_json.version} | tojson }}"

MEASUREMENT = {"state_class": "measurement"}
DIAGNOSTIC = {"entity_category": "diagnostic"}
NOISY = DIAGNOSTIC | {"enabled_by_default": False}  # changes with every message, which fills Home Assistant's history


def entities(topics: Topics, labels: Sequence[str], expire_seconds: int, has_sensor: bool) -> dict[str, Entity]:
    """Key -> entity. `labels` are the model's; a value is unavailable after `expire_seconds` without a message.

    `has_sensor`: whether the processor's temperature is known.
    """
    expiring = {"expire_after": expire_seconds}
    known = _predictions(topics, labels) | _device(topics, has_sensor)
    return {
        key: entity | (expiring if entity["platform"] in ("sensor", "binary_sensor") else {})
        for key, entity in known.items()
    }


def _predictions(topics: Topics, labels: Sequence[str]) -> dict[str, Entity]:
    """What the camera sees; from the state topic, if no other is named."""
    # A model may have a label of that name, too.
    options = list(dict.fromkeys([*labels, UNCERTAIN]))
    return {
        "emotion": _sensor("Emotion", "{{ value_json.emotion }}", "mdi:emoticon-outline")
        | {"device_class": "enum", "options": options},
        "confidence": _sensor("Confidence", CONFIDENCE_TEMPLATE, "mdi:gauge")
        | {"unit_of_measurement": "%", "suggested_display_precision": 0}
        | MEASUREMENT,
        "faces": _sensor("Faces present", "{{ value_json.faces }}", "mdi:account-group")
        | {"suggested_display_precision": 0}
        | _attributes(topics.state, FACES_TEMPLATE)
        | MEASUREMENT,
        "occupancy": _binary_sensor("Occupancy", OCCUPANCY_TEMPLATE, "mdi:home-account", "occupancy"),
        "face": {
            "platform": "event",
            "name": "Face",
            "icon": "mdi:face-recognition",
            "state_topic": topics.event,
            "event_types": list(EVENT_KINDS),
        },
        "camera": _sensor("Camera", "{{ value_json.state }}", "mdi:camera")
        | {"device_class": "enum", "options": list(get_args(State))}
        | DIAGNOSTIC,
        "pause": {
            "platform": "switch",
            "name": "Pause",
            "icon": "mdi:camera-off",
            "command_topic": topics.pause,
            "value_template": PAUSED_TEMPLATE,
            "payload_on": "ON",
            "payload_off": "OFF",
        },
    }


def _device(topics: Topics, has_sensor: bool) -> dict[str, Entity]:
    """How the device is; from the health topic."""
    found = {
        "today": _sensor("Faces today", "{{ value_json.today.came }}", "mdi:counter")
        | {"state_class": "total_increasing", "suggested_display_precision": 0}
        | _attributes(topics.health, TODAY_TEMPLATE),
        "problem": _binary_sensor("Problem", PROBLEM_TEMPLATE, "mdi:alert-circle-outline", "problem")
        | _attributes(topics.health, PROBLEMS_TEMPLATE)
        | DIAGNOSTIC,
        "fps": _sensor("Frame rate", "{{ value_json.fps }}", "mdi:speedometer")
        | {"unit_of_measurement": "fps", "suggested_display_precision": 1}
        | MEASUREMENT
        | NOISY,
        "temperature": _sensor("Temperature", "{{ value_json.celsius }}", "mdi:thermometer")
        | {"device_class": "temperature", "unit_of_measurement": "°C", "suggested_display_precision": 0}
        | MEASUREMENT
        | NOISY,
        "disk": _sensor("Disk use", "{{ value_json.disk }}", "mdi:harddisk")
        | {"unit_of_measurement": "%", "suggested_display_precision": 0}
        | MEASUREMENT
        | DIAGNOSTIC,
        "uptime": _sensor("Uptime", "{{ value_json.started }}", "mdi:clock-start")
        | {"device_class": "timestamp"}
        | DIAGNOSTIC,
        "model": _sensor("Model", "{{ value_json.model }}", "mdi:brain") | DIAGNOSTIC,
        "update": {
            "platform": "update",
            "name": "Update",
            "icon": "mdi:package-up",
            "device_class": "firmware",
            "title": "fer-edge",
            "value_template": INSTALLED_TEMPLATE,
            "latest_version_topic": topics.latest_version,
        }
        | DIAGNOSTIC,
    }
    if not has_sensor:
        del found["temperature"]
    return {key: entity | {"state_topic": topics.health} for key, entity in found.items()}


def _sensor(name: str, template: str, icon: str) -> Entity:
    return {"platform": "sensor", "name": name, "value_template": template, "icon": icon}


def _binary_sensor(name: str, template: str, icon: str, device_class: str) -> Entity:
    return _sensor(name, template, icon) | {"platform": "binary_sensor", "device_class": device_class}


def _attributes(topic: str, template: str) -> Entity:
    return {"json_attributes_topic": topic, "json_attributes_template": template}
