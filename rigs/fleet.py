"""Measures a fleet on one broker: so many devices, each the real output `mqtt`, against a real mosquitto or a cluster.

Every device reads a changed emotion once a second; a subscriber gets them all, and knows by their numbers which are
missing. In the middle the broker, or a node of the cluster, is restarted, so that its devices connect again at the same
time. At the end one device is cut off, and somebody who comes late asks for the retained messages. Several numbers of
devices give a table in Markdown, and what 100,000 would take by its slope.

python3 rigs/fleet.py DEVICES... [--seconds 60] [--interval 1] [--broker mosquitto|nats|rabbitmq]
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "edge"))

import fleet_brokers
import numpy as np
import paho.mqtt.client as paho
from debian import RigError
from fer_edge.pause import PauseSwitch
from fer_edge.settings import parse
from fer_edge.sinks.mqtt.sink import open_mqtt
from fer_edge.types import EMOTIONS, Box, Event, Face, Frame, Observation, Prediction
from fleet_brokers import Brokers

DEVICES_A_PROCESS = 250
AWAY_S = 3.0  # of a restart
TIMEOUT_S = 300.0
KEPT_TIMEOUT_S = 20.0  # for what a broker keeps, or does not
EXTRAPOLATED = 100_000  # devices
TOPICS = [("fer-edge/+/state", 1), ("fer-edge/+/availability", 1)]
GREY = np.zeros((1, 1), np.uint8)
HEAD = (
    "| devices | messages a second | bytes | latency p50, ms | p99, ms | broker, % of a core | µs a message "
    "| memory, MB | all heard after a restart, s | messages given | lost |"
)


@dataclass
class Figures:
    """What one number of devices gave."""

    devices: int
    rate: float = 0.0  # messages a second
    size: float = 0.0  # bytes of topic and payload
    p50: float = 0.0  # seconds from reading to subscriber
    p99: float = 0.0
    core: float = 0.0  # of the broker, share
    memory: int = 0  # of the broker, bytes
    back: float = 0.0  # seconds from a restart until all were heard
    given: int = 0
    lost: int = 0

    def row(self) -> str:
        """A line of the table."""
        return (
            f"| {self.devices:,} | {self.rate:.1f} | {self.size:.0f} | {1000 * self.p50:.1f} | {1000 * self.p99:.1f} "
            f"| {100 * self.core:.1f} | {1e6 * self.core / self.rate:.0f} | {self.memory / 1e6:.1f} | {self.back:.1f} "
            f"| {self.given:,} | {self.lost} |"
        )


def seen(number: int) -> Observation:
    """A face that shows another emotion than before; its id is the message's number."""
    emotion = EMOTIONS[number % len(EMOTIONS)]
    scores = tuple(0.7 if label == emotion else 0.05 for label in EMOTIONS)
    face = Face(number, Box(0, 0, 9, 9), emotion, 0.7, Prediction(EMOTIONS, scores))
    frame = Frame(number, float(number), datetime.now(UTC), GREY, "fleet")
    return Observation(frame, (face,), (Event("changed", face),))


def name_of(number: int) -> str:
    """The device's."""
    return f"fleet-{number:06}"


def open_output(number: int, port: int, folder: str) -> Any:
    """The output `mqtt` of a device."""
    name = name_of(number)
    table = {"host": "127.0.0.1", "port": port, "device": name, "area": "Hall", "queue": f"{folder}/{name}.db"}
    return open_mqtt(parse({"mqtt": table, "log": {"path": f"{folder}/{name}.jsonl"}}), PauseSwitch())


def devices(
    first: int, count: int, ports: list[int], interval: float, folder: str, stop: Any, ready: Any, sent: Any
) -> None:
    """Run `count` devices in this process until `stop`, then say how many messages each gave."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    allow_many()
    logging.getLogger("fer_edge").setLevel(logging.CRITICAL)  # each would tell of the restart
    outputs = [open_output(number, ports[number % len(ports)], folder) for number in range(first, first + count)]
    ready.release()
    number, begun = 0, time.monotonic()
    while not stop.is_set():
        number += 1
        for place, output in enumerate(outputs):
            due = begun + (number - 1 + place / count) * interval
            if (pause := due - time.monotonic()) > 0:
                time.sleep(pause)
            output.write(seen(number))
    sent.put((first, count, number))
    while any(output.waiting for output in outputs):  # what the broker has not taken yet
        time.sleep(0.1)
    time.sleep(2.0)
    os._exit(0)


def allow_many() -> None:
    """Files and threads of hundreds of devices."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    threading.stack_size(256 * 1024)


class Subscriber:
    """Takes every device's messages, and keeps how long each took."""

    def __init__(self, port: int) -> None:
        self.latencies: list[tuple[float, float]] = []  # moment, seconds from reading
        self.numbers: dict[str, set[int]] = defaultdict(set)
        self.available: dict[str, bytes] = {}  # what each device said of it last, or its last will
        self.size = self.count = 0
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="rig", clean_session=False)
        self.client.max_inflight_messages_set(0)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_message = self._take
        self.client.on_connect = lambda client, *_: client.subscribe(TOPICS)
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()

    def _take(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        now = time.time()
        device, kind = message.topic.split("/")[1:]
        if kind == "availability":
            self.available[device] = message.payload
            return
        report = json.loads(message.payload)
        self.size += len(message.topic) + len(message.payload)
        self.count += 1
        if report["events"] and report["readings"]:
            self.latencies.append((time.monotonic(), now - datetime.fromisoformat(report["time"]).timestamp()))
            self.numbers[device].add(report["readings"][0]["id"])

    def between(self, begin: float, end: float) -> list[float]:
        """Latencies of what came in that time, seconds, sorted."""
        return sorted(latency for moment, latency in list(self.latencies) if begin <= moment < end)


def measure(count: int, seconds: float, interval: float, kind: str) -> Figures:
    """A fleet from its start to its end."""
    context = multiprocessing.get_context("spawn")
    stop, ready, sent = context.Event(), context.Semaphore(0), context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        broker = fleet_brokers.start(kind, Path(folder))
        parts = [(first, min(DEVICES_A_PROCESS, count - first)) for first in range(0, count, DEVICES_A_PROCESS)]
        programs = [
            context.Process(target=devices, args=(*part, broker.ports, interval, folder, stop, ready, sent))
            for part in parts
        ]
        try:
            until("the broker answers", lambda: all(node.answers() for node in broker.nodes))
            subscriber = Subscriber(broker.ports[-1])
            until("it takes a subscriber", subscriber.client.is_connected)
            for program in programs:
                program.start()
            for _ in programs:
                ready.acquire(timeout=TIMEOUT_S)
            until("all devices are heard", lambda: len(subscriber.numbers) == count)
            figures = steady(broker, subscriber, count, seconds)
            storm(broker, subscriber, figures)
            stop.set()
            loss(subscriber, [sent.get(timeout=TIMEOUT_S) for _ in programs], figures)
            cut_off(broker, subscriber, count)
            subscriber.client.loop_stop()
        finally:
            stop.set()
            for program in programs:
                if program.pid:
                    program.join(TIMEOUT_S)
                    program.kill()
            broker.stop()
    return figures


def until(claim: str, holds: Any) -> float:
    """Wait until it holds; the seconds that took. Ends the program if it never does."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > TIMEOUT_S:
            raise SystemExit(f"fleet: never: {claim}")
        time.sleep(0.05)
    return time.monotonic() - begun


def steady(broker: Brokers, subscriber: Subscriber, count: int, seconds: float) -> Figures:
    """What a quiet time costs."""
    used, begin, messages, size = broker.processor_s, time.monotonic(), subscriber.count, subscriber.size
    time.sleep(seconds)
    end, used = time.monotonic(), broker.processor_s - used
    messages, size = subscriber.count - messages, subscriber.size - size
    found = subscriber.between(begin, end)
    if not found:
        raise SystemExit(f"fleet: no message in {seconds:.0f} s")
    say(
        f"{count} devices, {end - begin:.0f} s: {messages / (end - begin):.1f} messages a second of "
        f"{size / messages:.0f} bytes; load of this machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    return Figures(
        count,
        messages / (end - begin),
        size / messages,
        found[len(found) // 2],
        found[int(0.99 * len(found))],
        used / (end - begin),
        broker.memory,
    )


def storm(broker: Brokers, subscriber: Subscriber, figures: Figures) -> None:
    """A restart of the broker, or of a node of the cluster: its devices come back together."""
    broker.restart(AWAY_S)
    heard = {name: len(numbers) for name, numbers in list(subscriber.numbers.items())}
    figures.back = until(
        "all devices are back", lambda: all(len(subscriber.numbers[name]) > before for name, before in heard.items())
    )
    say(f"away for {AWAY_S:.0f} s: all {figures.devices} devices heard again {figures.back:.1f} s after its start")
    time.sleep(5.0)


def loss(subscriber: Subscriber, sent: list[tuple[int, int, int]], figures: Figures) -> None:
    """Compare what came with what was given."""
    wanted = {name_of(place): number for first, size, number in sent for place in range(first, first + size)}

    def missing() -> int:
        return sum(number - len(subscriber.numbers[name]) for name, number in wanted.items())

    begun = time.monotonic()
    while missing() and time.monotonic() - begun < TIMEOUT_S / 3:
        time.sleep(0.2)
    figures.given, figures.lost = sum(wanted.values()), missing()
    say(f"{figures.given} messages were given, {figures.lost} of them never came")


def cut_off(broker: Brokers, subscriber: Subscriber, count: int) -> None:
    """All devices went without a goodbye: who listens hears their last wills, and who comes late finds what is kept."""

    def offline(said: dict[str, bytes]) -> int:
        return sum(payload == b"offline" for payload in said.values())

    wait(lambda: offline(dict(subscriber.available)) == count)
    heard = dict(subscriber.available)
    say(f"all cut off: of {len(heard)} devices' availability, {offline(heard)} last wills were heard")
    for number, port in enumerate(broker.ports):
        late = Late(port)
        wait(lambda: (len(late.states), offline(dict(late.available))) == (count, count))  # noqa: B023
        late.client.disconnect()
        late.client.loop_stop()
        say(
            f"who comes late, to node {number}: {len(late.states)} states and {offline(late.available)} last wills kept"
        )


class Late:
    """A subscriber after the event."""

    def __init__(self, port: int) -> None:
        self.states: set[str] = set()
        self.available: dict[str, bytes] = {}
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_message = self._take
        self.client.connect("127.0.0.1", port)
        self.client.subscribe(TOPICS)
        self.client.loop_start()

    def _take(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        device, kind = message.topic.split("/")[1:]
        if kind == "state":
            self.states.add(device)
        else:
            self.available[device] = message.payload


def wait(holds: Any) -> None:
    """Until it holds, or it evidently never will."""
    begun = time.monotonic()
    while not holds() and time.monotonic() - begun < KEPT_TIMEOUT_S:
        time.sleep(0.1)


def say(text: str) -> None:
    """Tell what was found, at once."""
    print(text, flush=True)


def extrapolate(rows: list[Figures]) -> str:
    """What EXTRAPOLATED devices would take, by the least squares of all numbers of devices."""
    counts = [row.devices for row in rows]
    (core, _), (memory, base) = (
        np.polyfit(counts, values, 1) for values in ([row.core for row in rows], [row.memory for row in rows])
    )
    per_device = rows[-1].rate / rows[-1].devices
    return (
        f"By the slope a device more takes {100 * core:.3f} % of a core and {memory / 1e3:.1f} kB of the broker at "
        f"{per_device:.2f} messages a second: {EXTRAPOLATED:,} devices {EXTRAPOLATED * core:.1f} cores, "
        f"{(base + EXTRAPOLATED * memory) / 1e9:.2f} GB and {EXTRAPOLATED * per_device * rows[-1].size * 8 / 1e6:.0f} "
        "Mbit a second of topics and payloads."
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("devices", type=int, nargs="+")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the quiet time (default: %(default)g)")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between two messages of a device")
    parser.add_argument("--broker", choices=sorted(fleet_brokers.BROKERS), default="mosquitto")
    arguments = parser.parse_args()
    allow_many()
    rows = []
    try:
        for count in sorted(arguments.devices):
            rows.append(measure(count, arguments.seconds, arguments.interval, arguments.broker))
    except RigError as cause:
        raise SystemExit(f"fleet: {cause}") from None
    say(f"\n{HEAD}\n|{'---|' * HEAD.count(' | ')}---|")
    for row in rows:
        say(row.row())
    if len(rows) > 1:
        say(f"\n{extrapolate(rows)}")


if __name__ == "__main__":
    main()
