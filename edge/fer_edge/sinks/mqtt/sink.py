"""Predictions by an MQTT broker: each change to fer-edge/DEVICE/state. Home Assistant finds the device by itself."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fer_edge.pause import PauseSwitch
from fer_edge.settings import MqttSettings, Settings
from fer_edge.sinks.mqtt import broker
from fer_edge.sinks.mqtt.discovery import discovery
from fer_edge.sinks.mqtt.fake import FakeClient
from fer_edge.sinks.mqtt.link import Announcement, Link
from fer_edge.sinks.mqtt.names import Topics, device_name
from fer_edge.sinks.mqtt.outbox import Outbox
from fer_edge.sinks.mqtt.reports import Reports
from fer_edge.sinks.mqtt.store import MessageStore
from fer_edge.sinks.output import output
from fer_edge.types import Observation, Sink, State

ANNOUNCE_INTERVAL_S = 60.0  # between two answers to Home Assistant's start, which others could send without end


def _modules(settings: Settings) -> Sequence[str]:
    return ("paho.mqtt",) if settings.mqtt.client == "paho" else ()


@output(in_thread=True, network=True, requires=_modules, extra="mqtt")
def open_mqtt(settings: Settings, pause_switch: PauseSwitch) -> Mqtt:
    """The connection that the settings name. Raises SettingsError, and SinkError if the queue cannot be opened."""
    return Mqtt(settings.mqtt, pause_switch)


class Mqtt(Sink):
    """Sends what changes; other clients may pause the loop by it."""

    def __init__(self, settings: MqttSettings, pause_switch: PauseSwitch) -> None:
        self.topics = Topics(settings.device or device_name(), settings.discovery_prefix)
        self.connector = _Connector(settings, self.topics)
        self.connector.new_client()  # settings that cannot work are refused now
        self._pause_switch = pause_switch
        self._reports = Reports(settings)
        self._announced_at = -math.inf  # moment of the last answer to Home Assistant's start
        self._store = MessageStore(Path(settings.queue), settings.queue_messages)
        self._labels: Sequence[str] = self._store.labels
        handlers = {self.topics.pause: self._on_pause}
        if settings.discovery_prefix:
            handlers[self.topics.status] = self._on_home_assistant
        outbox = Outbox(self._store, settings.flush_seconds)
        goodbye = Announcement(self.topics.availability, b"offline")
        self.link = Link(self.connector, outbox, self.topics.state, goodbye, handlers, settings.spread_seconds)
        self.link.start(self._birth(), self._reports.repeated)

    @property
    def waiting(self) -> int:
        """Messages on the disk."""
        return self._store.count

    def write(self, observation: Observation) -> None:
        """Send it if it has something new. Raises SinkError."""
        for face in observation.faces:
            if face.prediction.labels != self._labels:
                self._labels = face.prediction.labels
                self.link.announce(self._birth(), partial(setattr, self._store, "labels", self._labels))
        report = self._reports.for_observation(observation)
        if report is not None:
            self.link.send(report)

    def state(self, state: State) -> None:
        """Send it. Raises SinkError."""
        report = self._reports.for_state(state)
        if report is not None:
            self.link.send(report)

    def close(self) -> None:
        """Send what waits, for a second at most, and that the device is offline."""
        self.link.close()

    def _birth(self) -> list[Announcement]:
        config = (
            [Announcement(self.topics.config, discovery(self.topics, self._labels))] if self.topics.discovery else []
        )
        return [*config, Announcement(self.topics.availability, b"online")]

    def _on_pause(self, payload: bytes) -> None:
        if payload == b"ON":
            self._pause_switch.pause()
        elif payload == b"OFF":
            self._pause_switch.resume()

    def _on_home_assistant(self, payload: bytes) -> None:
        now = time.monotonic()
        if payload == b"online" and now - self._announced_at >= ANNOUNCE_INTERVAL_S:
            self._announced_at = now
            self.link.announce(self._birth())


class _Connector:
    """How the link reaches the broker that the settings name."""

    def __init__(self, settings: MqttSettings, topics: Topics) -> None:
        self._settings, self._topics = settings, topics
        self.clients: list[Any] = []  # of the fake broker

    def new_client(self) -> Any:
        if self._settings.client == "paho":
            return broker.make_client(self._settings, self._topics)
        self.clients.append(FakeClient())
        return self.clients[-1]

    def connect(self, client: Any) -> None:
        client.connect(self._settings.host, broker.port(self._settings), self._settings.keepalive_seconds)

    def explain(self, cause: Any) -> str:
        return broker.explain(cause, self._settings)
