"""Who listens to the devices of rigs/fleet.py: all the time, for a while, or after the event."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from datetime import datetime
from typing import Any

import paho.mqtt.client as paho
from debian import RigError

TOPICS = ("fer-edge/+/state", "fer-edge/+/availability")
PROBE_S = 0.01


class Listener:
    """Takes messages of `topics` from the broker at `port`. With a name its session outlives the connection."""

    def __init__(self, port: int, topics: tuple[str, ...] = TOPICS, name: str = "") -> None:
        self.numbers: dict[str, set[int]] = defaultdict(set)  # device -> those of its messages with an event
        self.states: set[str] = set()  # devices
        self.available: dict[str, bytes] = {}  # what each device said of it last, or its last will
        self.size = self.count = 0  # of state: bytes, messages
        self.refused = ""  # the topic that the broker refuses
        self._topics, self._subscribed = topics, threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name, clean_session=not name)
        self._client.max_inflight_messages_set(0)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._take
        self._client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in topics])
        self._client.on_subscribe = self._note
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def _note(self, client: Any, data: Any, mid: int, codes: list[Any], *_: Any) -> None:
        self.refused = ", ".join(topic for topic, code in zip(self._topics, codes, strict=True) if code.is_failure)
        self._subscribed.set()

    @property
    def listens(self) -> bool:
        """Whether its subscriptions are taken. Raises RigError if one is refused."""
        if self.refused:
            raise RigError(f"the broker refuses a subscription to {self.refused}")
        return self._subscribed.is_set()

    @property
    def newest(self) -> dict[str, int]:
        """Device -> the number of its newest message."""
        return {device: max(numbers) for device, numbers in list(self.numbers.items())}

    @property
    def heard(self) -> int:
        """Messages with an event, each once."""
        return sum(len(numbers) for numbers in list(self.numbers.values()))

    @property
    def offline(self) -> int:
        """Devices of which it heard the last will, or a goodbye."""
        return sum(payload == b"offline" for payload in dict(self.available).values())

    def _take(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        now = time.time()
        device, kind = message.topic.split("/")[1:]
        if kind == "availability":
            self.available[device] = message.payload
            return
        self.states.add(device)
        self.size += len(message.topic) + len(message.payload)
        self.count += 1
        report = json.loads(message.payload)
        if report["events"] and report["readings"]:
            self.numbers[device].add(report["readings"][0]["id"])
            self.note_latency(now - datetime.fromisoformat(report["time"]).timestamp())

    def note_latency(self, seconds: float) -> None:
        """Of a message, from its reading to here."""

    def close(self) -> None:
        """Go; a session with a name stays."""
        self._client.disconnect()
        self._client.loop_stop()


class Subscriber(Listener):
    """Hears all, and keeps how long each message took, and how late this process itself is."""

    def __init__(self, port: int) -> None:
        self.latencies: list[tuple[float, float]] = []  # moment, seconds from reading
        self.lateness: list[tuple[float, float]] = []  # moment, seconds that a thread of this process woke too late
        super().__init__(port, name="rig")
        threading.Thread(target=self._probe, daemon=True).start()

    def note_latency(self, seconds: float) -> None:
        """Keep it."""
        self.latencies.append((time.monotonic(), seconds))

    def _probe(self) -> None:
        while True:
            due = time.monotonic() + PROBE_S
            time.sleep(PROBE_S)
            self.lateness.append((due, time.monotonic() - due))


def between(pairs: list[tuple[float, float]], begin: float, end: float) -> list[float]:
    """The second of those pairs whose first, a moment, lies in that time; sorted."""
    return sorted(second for moment, second in list(pairs) if begin <= moment < end)


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of the sorted `values` lies."""
    return values[min(int(share * len(values)), len(values) - 1)]
