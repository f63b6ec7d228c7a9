"""The message from which Home Assistant (2024.11 and newer) makes the device.

Its form: home-assistant.io/integrations/mqtt/#device-discovery-payload.
"""

from __future__ import annotations

import ipaddress
import math
import platform
from collections.abc import Sequence
from typing import Any

from fer_edge import __version__
from fer_edge.settings import MqttSettings, Settings
from fer_edge.sinks.kiosk.origin import is_loopback
from fer_edge.sinks.mqtt.entities import entities
from fer_edge.sinks.mqtt.names import Topics
from fer_edge.sinks.mqtt.reports import to_json

MODEL = "Facial expressions"
MIN_HEALTH_INTERVAL_S = 10.0  # between two messages of how the device is, also if the heartbeats come more often
MISSED_MESSAGES = 3  # after which Home Assistant shows a value as unavailable


def health_seconds(settings: MqttSettings) -> float:
    """Seconds between two messages of how the device is, and between heartbeats while the camera does not run."""
    return max(settings.heartbeat_seconds, MIN_HEALTH_INTERVAL_S)


def discovery(
    topics: Topics, labels: Sequence[str], settings: Settings, board: str = "", has_sensor: bool = True
) -> bytes:
    """The message; `labels` are the model's.

    `board`: the machine's name, "" if it has none; `has_sensor`: whether its processor's temperature is known.
    """
    expire_seconds = math.ceil(MISSED_MESSAGES * health_seconds(settings.mqtt))
    known = entities(topics, labels, expire_seconds, has_sensor)
    message = {
        "device": _device(topics, settings, board),
        "origin": _filled(name="fer-edge", sw_version=__version__, support_url=settings.mqtt.support_url),
        "availability_topic": topics.availability,
        "state_topic": topics.state,
        "components": {
            key: entity | {"unique_id": f"fer-edge_{topics.device}_{key}", "qos": 1} for key, entity in known.items()
        },
    }
    return to_json(message)


def _device(topics: Topics, settings: Settings, board: str) -> dict[str, Any]:
    name = settings.mqtt.device or platform.node() or topics.device
    return {"identifiers": [f"fer-edge_{topics.device}"]} | _filled(
        name=f"fer-edge {name}",
        manufacturer="fer-edge",
        model=MODEL,
        sw_version=__version__,
        hw_version=board,
        suggested_area=settings.mqtt.area,
        configuration_url=page_url(settings),
    )


def _filled(**fields: str) -> dict[str, str]:
    """`fields` without the empty ones, which Home Assistant would refuse or show."""
    return {key: value for key, value in fields.items() if value}


def page_url(settings: Settings) -> str:
    """The kiosk's page, as browsers in the home reach it; "" if there is none, or only this device may open it."""
    kiosk = settings.kiosk
    if "kiosk" not in settings.run.sinks or is_loopback(kiosk.address) or not kiosk.port:
        return ""
    try:
        address = ipaddress.ip_address(kiosk.address)
    except ValueError:  # the kiosk says what is wrong with it
        return ""
    host = f"[{address}]" if address.version == 6 else str(address)
    if address.is_unspecified:  # it listens on all, and the home knows this machine by its name
        name = platform.node().partition(".")[0]
        host = f"{name}.local" if name else ""
    return f"http://{host}:{kiosk.port}/" if host else ""
