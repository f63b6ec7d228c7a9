"""The message from which Home Assistant (2024.11 and newer) makes the device.

Its form: home-assistant.io/integrations/mqtt/#device-discovery-payload and the pages of the MQTT sensor and switch.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from typing import Any

from fer_edge import __version__
from fer_edge.sinks.mqtt.names import Topics
from fer_edge.types import UNCERTAIN

MODEL = "Facial expressions"
CONFIDENCE_TEMPLATE = "{{ (100 * value_json.confidence) | round | int if value_json.confidence is not none else None }}"
PAUSED_TEMPLATE = "{{ 'ON' if value_json.state == 'paused' else 'OFF' }}"


def discovery(topics: Topics, labels: Sequence[str]) -> bytes:
    """The message; `labels` are the model's."""
    # A model may have a label of that name, too.
    options = list(dict.fromkeys([*labels, UNCERTAIN]))
    parts = {
        "emotion": _sensor("Emotion", "{{ value_json.emotion }}", "mdi:emoticon-outline")
        | {"device_class": "enum", "options": options},
        "confidence": _sensor("Confidence", CONFIDENCE_TEMPLATE, "mdi:gauge")
        | {"unit_of_measurement": "%", "state_class": "measurement", "suggested_display_precision": 0},
        "faces": _sensor("Faces present", "{{ value_json.faces }}", "mdi:account-group")
        | {"state_class": "measurement", "suggested_display_precision": 0},
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
    message = {
        "device": {
            "identifiers": [f"fer-edge_{topics.device}"],
            "name": f"fer-edge {platform.node() or topics.device}",
            "manufacturer": "fer-edge",
            "model": MODEL,
            "sw_version": __version__,
        },
        "origin": {"name": "fer-edge", "sw_version": __version__},
        "availability_topic": topics.availability,
        "state_topic": topics.state,
        "components": {
            key: part | {"unique_id": f"fer-edge_{topics.device}_{key}", "qos": 1} for key, part in parts.items()
        },
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _sensor(name: str, template: str, icon: str) -> dict[str, Any]:
    return {"platform": "sensor", "name": name, "value_template": template, "icon": icon}
