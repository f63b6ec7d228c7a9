"""Predictions by an MQTT broker: each change to fer-edge/DEVICE/state. Home Assistant finds the device by itself."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fer_edge.errors import SinkError
from fer_edge.pause import PauseSwitch
from fer_edge.settings import MqttSettings, Settings
from fer_edge.sinks.mqtt import broker
from fer_edge.sinks.mqtt.counts import DayCounts
from fer_edge.sinks.mqtt.discovery import discovery, health_seconds
from fer_edge.sinks.mqtt.fake import FakeClient
from fer_edge.sinks.mqtt.health import Health, Ticker, board
from fer_edge.sinks.mqtt.link import Announcement, Link
from fer_edge.sinks.mqtt.names import Topics, device_name
from fer_edge.sinks.mqtt.outbox import Outbox
from fer_edge.sinks.mqtt.reports import Report, Reports, event_message, to_json
from fer_edge.sinks.mqtt.store import MessageStore
from fer_edge.sinks.output import output
from fer_edge.sources.thermal import celsius
from fer_edge.types import Frame, Observation, Sink, State

COUNTS_INTERVAL_S = 900.0  # between two writes of the day's counts to the disk, which spares the SD card
VERSION = 1  # of the messages, grows if a field changes its meaning or goes; new fields come without
ANNOUNCE_INTERVAL_S = 60.0  # between two answers to Home Assistant's start, which others could send without end


def _modules(settings: Settings) -> Sequence[str]:
    return ("paho.mqtt",) if settings.mqtt.client == "paho" else ()


def _where(settings: Settings) -> str:
    mqtt = settings.mqtt
    topic = Topics(mqtt.device or device_name(), mqtt.discovery_prefix).state
    if mqtt.client != "paho":
        return f"a simulated broker in memory, {topic}"
    return f"{mqtt.host}:{broker.port(mqtt)}, {topic}"


@output(
    in_thread=True,
    network=True,
    requires=_modules,
    extra="mqtt",
    also_reads=("run", "kiosk", "log", "classifier"),
    where=_where,
)
def open_mqtt(settings: Settings, pause_switch: PauseSwitch) -> Mqtt:
    """The connection that the settings name. Raises SettingsError, and SinkError if the queue cannot be opened."""
    return Mqtt(settings, pause_switch)


class Mqtt(Sink):
    """Sends what changes; other clients may pause the loop by it."""

    def __init__(self, settings: Settings, pause_switch: PauseSwitch) -> None:
        mqtt = settings.mqtt
        self.topics = Topics(mqtt.device or device_name(), mqtt.discovery_prefix)
        # So that a message says whose it is, wherever it ends up.
        self._identity = {"v": VERSION, "device": self.topics.device} | ({"area": mqtt.area} if mqtt.area else {})
        self.connector = _Connector(mqtt, self.topics)
        self.connector.new_client()  # settings that cannot work are refused now
        self._settings, self._pause_switch = settings, pause_switch
        self._reports, self._health = Reports(mqtt), Health(settings)
        self._announced_at = -math.inf  # moment of the last answer to Home Assistant's start
        self._state: State = "starting"
        self._frame: Frame | None = None  # the newest
        self._store = MessageStore(Path(mqtt.queue), mqtt.queue_messages)
        self._labels: Sequence[str] = self._store.labels
        self._counts = DayCounts(self._store.today)
        self._counts_due = time.monotonic() + COUNTS_INTERVAL_S
        self._board, self._has_sensor = board(), celsius() is not None
        handlers = {self.topics.pause: self._on_pause}
        if mqtt.discovery_prefix:
            handlers[self.topics.status] = self._on_home_assistant
        outbox = Outbox(self._store, mqtt.flush_seconds)
        goodbye = Announcement(self.topics.availability, b"offline")
        self.link = Link(self.connector, outbox, self.topics.state, goodbye, handlers, mqtt.spread_seconds)
        self.link.start(self._birth(), self._repeated)
        self._ticker = Ticker(health_seconds(mqtt), self._tick)
        self._ticker.start()

    @property
    def waiting(self) -> int:
        """Messages on the disk."""
        return self._store.count

    def write(self, observation: Observation) -> None:
        """Send it if it has something new. Raises SinkError."""
        self._frame, self._state = observation.frame, "running"
        for face in observation.faces:
            if face.prediction.labels != self._labels:
                self._labels = face.prediction.labels
                self.link.announce(self._birth(), partial(setattr, self._store, "labels", self._labels))
        report = self._reports.for_observation(observation)
        if report is not None:
            self.link.send(self._identity | report)
        if observation.events:
            self._counts.add(observation.events)
            for event in observation.events if self.topics.discovery else ():  # others read them in the report
                self.link.post(self.topics.event, event_message(observation, event), keep=False)

    @property
    def last_error(self) -> str:
        """Why the broker did not answer, in one line; "" if it always did."""
        return self.link.last_error

    @property
    def troubled(self) -> bool:
        """Whether the broker does not answer."""
        return self.link.failing

    def state(self, state: State) -> None:
        """Send it. Raises SinkError."""
        self._state = state
        report = self._reports.for_state(state)
        if report is not None:
            self.link.send(self._identity | report)
        self._ticker.wake()

    def close(self) -> None:
        """Send what waits, for a second at most, and that the device is offline."""
        self._ticker.stop()
        self.link.call(self._save_counts)
        self.link.close()

    def _tick(self, woken: bool) -> None:
        """Send how the device is; runs in the ticker's thread. While the camera is off, the heartbeat is due here."""
        message = self._health.message(self._state, self._frame, self._counts.as_dict())
        self.link.post(self.topics.health, to_json(self._identity | message), keep=True)
        if not woken and self._state != "running" and (report := self._repeated()) is not None:
            self.link.send(report)
        if self._counts.unsaved and time.monotonic() >= self._counts_due:
            self._counts_due = time.monotonic() + COUNTS_INTERVAL_S
            self.link.call(self._save_counts)

    def _repeated(self) -> Report | None:
        report = self._reports.repeated()
        return None if report is None else self._identity | report

    def _save_counts(self) -> None:
        """Keep the counts of the day for the next start. A full disk refuses it, and it is tried again later."""
        if self._counts.unsaved:
            self._counts.unsaved = False
            try:
                self._store.today = self._counts.as_dict()
            except SinkError:
                self._counts.unsaved = True

    def _birth(self) -> list[Announcement]:
        birth = [Announcement(self.topics.availability, b"online")]
        if self.topics.discovery:
            config = discovery(self.topics, self._labels, self._settings, self._board, self._has_sensor)
            birth.insert(0, Announcement(self.topics.config, config))
        return birth

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
