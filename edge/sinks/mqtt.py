"""Readings by an MQTT broker: each change to fer-edge/DEVICE/state, and Home Assistant finds the device by itself.

`edge/mqtt` has the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from edge.control import Control
from edge.mqtt import broker
from edge.mqtt.discovery import discovery
from edge.mqtt.fake import FakeClient
from edge.mqtt.link import Link, Post
from edge.mqtt.names import Topics, own_name
from edge.mqtt.outbox import Outbox
from edge.mqtt.reports import Reports
from edge.mqtt.store import Store
from edge.settings import MqttSettings, Settings
from edge.types import Observation, Sink, State


def open_mqtt(settings: Settings, control: Control) -> Mqtt:
    """The connection that the settings name. Raises SettingsError, and SinkError where messages cannot wait."""
    return Mqtt(settings.mqtt, control)


class Mqtt(Sink):
    """Sends what changes; others may pause the loop by it."""

    def __init__(self, settings: MqttSettings, control: Control) -> None:
        self.topics = Topics(settings.device or own_name(), settings.discovery_prefix)
        self.line = _Line(settings, self.topics)
        self.line.dial()  # settings that cannot work are refused now
        self._control = control
        self._reports = Reports(settings)
        self._store = Store(Path(settings.queue), settings.queue_messages)
        self._labels: Sequence[str] = self._store.labels
        heard = {self.topics.pause: self._pause}
        if settings.discovery_prefix:
            heard[self.topics.status] = self._home_assistant
        outbox = Outbox(self._store, settings.flush_seconds)
        goodbye = Post(self.topics.availability, b"offline")
        self.link = Link(self.line, outbox, self.topics.state, goodbye, heard, settings.spread_seconds)
        self.link.start(self._hello(), self._reports.again)

    @property
    def waiting(self) -> int:
        """Messages on the disk."""
        return self._store.count

    def write(self, observation: Observation) -> None:
        """Send it where it says something new. Raises SinkError."""
        for face in observation.faces:
            if face.reading.labels != self._labels:
                self._labels = face.reading.labels
                self.link.greet(self._hello(), partial(setattr, self._store, "labels", self._labels))
        report = self._reports.seen(observation)
        if report is not None:
            self.link.send(report)

    def state(self, state: State) -> None:
        """Send it. Raises SinkError."""
        report = self._reports.turned(state)
        if report is not None:
            self.link.send(report)

    def close(self) -> None:
        """Send what waits, as far as that takes no more than a second, and say that the device is offline."""
        self.link.close()

    def _hello(self) -> list[Post]:
        told = [Post(self.topics.config, discovery(self.topics, self._labels))] if self.topics.discovery else []
        return [*told, Post(self.topics.availability, b"online")]

    def _pause(self, payload: bytes) -> None:
        if payload == b"ON":
            self._control.pause()
        elif payload == b"OFF":
            self._control.resume()

    def _home_assistant(self, payload: bytes) -> None:
        if payload == b"online":
            self.link.greet(self._hello())


class _Line:
    """How the link reaches the broker that the settings name."""

    def __init__(self, settings: MqttSettings, topics: Topics) -> None:
        self._settings, self._topics = settings, topics
        self.clients: list[Any] = []  # those of the fake

    def dial(self) -> Any:
        if self._settings.client == "paho":
            return broker.make_client(self._settings, self._topics)
        self.clients.append(FakeClient())
        return self.clients[-1]

    def connect(self, client: Any) -> None:
        client.connect(self._settings.host, broker.port(self._settings), self._settings.keepalive_seconds)

    def why(self, cause: Any) -> str:
        return broker.why(cause, self._settings)
