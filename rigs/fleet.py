"""Measures a fleet on one broker: so many devices, each the real output `mqtt`, against a real mosquitto.

Every device reads a changed emotion once a second; a subscriber gets them all, and knows by their numbers which are
missing. In the middle the broker is restarted, so that all devices connect again at the same time.

python3 rigs/fleet.py DEVICES [SECONDS]      # default: 60 seconds, without those of the start
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "edge"))

import numpy as np
import paho.mqtt.client as paho
from fer_edge.pause import PauseSwitch
from fer_edge.settings import parse
from fer_edge.sinks.mqtt.sink import open_mqtt
from fer_edge.types import EMOTIONS, Box, Event, Face, Frame, Observation, Prediction
from soak_servers import free

DEVICES_A_PROCESS = 250
INTERVAL_S = 1.0  # between two messages of a device
TIMEOUT_S = 300.0
TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
GREY = np.zeros((1, 1), np.uint8)


def seen(number: int) -> Observation:
    """A face that shows another emotion than before; its id is the message's number."""
    emotion = EMOTIONS[number % len(EMOTIONS)]
    scores = tuple(0.7 if label == emotion else 0.05 for label in EMOTIONS)
    face = Face(number, Box(0, 0, 9, 9), emotion, 0.7, Prediction(EMOTIONS, scores))
    frame = Frame(number, number * INTERVAL_S, datetime.now(UTC), GREY, "fleet")
    return Observation(frame, (face,), (Event("changed", face),))


def devices(first: int, count: int, port: int, folder: str, stop: Any, ready: Any, sent: Any) -> None:
    """Run `count` devices in this process until `stop`, then say how many messages each gave."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("fer_edge").setLevel(logging.CRITICAL)  # each would tell of the restart
    names = [f"fleet-{number:06}" for number in range(first, first + count)]
    outputs = []
    for name in names:
        table = {"host": "127.0.0.1", "port": port, "device": name, "area": "Hall", "queue": f"{folder}/{name}.db"}
        outputs.append(open_mqtt(parse({"mqtt": table, "log": {"path": f"{folder}/{name}.jsonl"}}), PauseSwitch()))
    ready.release()
    number, begun = 0, time.monotonic()
    while not stop.is_set():
        number += 1
        for place, output in enumerate(outputs):
            due = begun + (number - 1 + place / count) * INTERVAL_S
            if (pause := due - time.monotonic()) > 0:
                time.sleep(pause)
            output.write(seen(number))
    sent.put((first, count, number))
    while any(output.waiting for output in outputs):  # what the broker has not taken yet
        time.sleep(0.1)
    time.sleep(2.0)
    os._exit(0)


class Broker:
    """A mosquitto that keeps what it has over a restart."""

    def __init__(self, folder: Path) -> None:
        self.port, self._settings = free(), folder / "mosquitto.conf"
        self._settings.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\nconnection_messages false\n"
            f"persistence true\npersistence_location {folder}/\nmax_queued_messages 0\nmax_inflight_messages 0\n"
        )
        self._program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin") or "mosquitto"
        self.start()

    def start(self) -> None:
        """Be there soon."""
        self._process = subprocess.Popen([self._program, "-c", str(self._settings)], stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        """End as at an upgrade, and write what is kept."""
        self._process.terminate()
        self._process.wait(TIMEOUT_S)

    @property
    def processor_s(self) -> float:
        """Seconds spent since its start."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def memory(self) -> int:
        """Bytes."""
        return int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * PAGE


class Subscriber:
    """Takes every device's messages, and keeps how long each took."""

    def __init__(self, port: int) -> None:
        self.latencies: list[tuple[float, float]] = []  # moment, seconds from reading
        self.numbers: dict[str, set[int]] = defaultdict(set)
        self.size = self.count = 0
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="rig", clean_session=False)
        self._client.max_inflight_messages_set(0)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._take
        self._client.on_connect = lambda client, *_: client.subscribe("fer-edge/+/state", 1)
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, client: Any, data: Any, message: paho.MQTTMessage) -> None:
        now = time.time()
        report = json.loads(message.payload)
        self.size += len(message.topic) + len(message.payload)
        self.count += 1
        if report["events"] and report["readings"]:
            self.latencies.append((time.monotonic(), now - datetime.fromisoformat(report["time"]).timestamp()))
            self.numbers[message.topic.split("/")[1]].add(report["readings"][0]["id"])

    def between(self, begin: float, end: float) -> list[float]:
        """Latencies of what came in that time, seconds, sorted."""
        return sorted(latency for moment, latency in list(self.latencies) if begin <= moment < end)


def main(count: int, seconds: float) -> None:
    """Print the figures."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    threading.stack_size(256 * 1024)
    context = multiprocessing.get_context("spawn")
    stop, ready, sent = context.Event(), context.Semaphore(0), context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder))
        subscriber = Subscriber(broker.port)
        parts = [(first, min(DEVICES_A_PROCESS, count - first)) for first in range(0, count, DEVICES_A_PROCESS)]
        programs = [
            context.Process(target=devices, args=(*part, broker.port, folder, stop, ready, sent)) for part in parts
        ]
        try:
            for program in programs:
                program.start()
            for _ in programs:
                ready.acquire(timeout=TIMEOUT_S)
            until("all devices are heard", lambda: len(subscriber.numbers) == count)
            steady(broker, subscriber, count, seconds)
            storm(broker, subscriber, count)
            stop.set()
            loss(subscriber, [sent.get(timeout=TIMEOUT_S) for _ in programs])
        finally:
            stop.set()
            for program in programs:
                program.join(TIMEOUT_S)
                program.kill()
            broker.stop()


def until(claim: str, holds: Any) -> float:
    """Wait until it holds; the seconds that took. Ends the program if it never does."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > TIMEOUT_S:
            raise SystemExit(f"fleet: never: {claim}")
        time.sleep(0.05)
    return time.monotonic() - begun


def steady(broker: Broker, subscriber: Subscriber, count: int, seconds: float) -> None:
    """What a quiet time costs."""
    used, begin, messages, size = broker.processor_s, time.monotonic(), subscriber.count, subscriber.size
    time.sleep(seconds)
    end, used = time.monotonic(), broker.processor_s - used
    messages, size = subscriber.count - messages, subscriber.size - size
    found = subscriber.between(begin, end)
    print(
        f"{count} devices, {end - begin:.0f} s: {messages / (end - begin):.1f} messages a second of "
        f"{size / messages:.0f} bytes, latency p50 {1000 * found[len(found) // 2]:.1f} ms, "
        f"p99 {1000 * found[int(0.99 * len(found))]:.1f} ms",
        flush=True,
    )
    print(
        f"broker: {100 * used / (end - begin):.1f} % of a core, {1e6 * used / messages:.0f} us a message, "
        f"{broker.memory / 1e6:.1f} MB of memory",
        flush=True,
    )
    print(f"load of this machine meanwhile: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)


def storm(broker: Broker, subscriber: Subscriber, count: int) -> None:
    """A restart of the broker: all devices come back together."""
    broker.stop()
    time.sleep(3.0)
    heard = {name: len(numbers) for name, numbers in list(subscriber.numbers.items())}
    broker.start()
    back = until(
        "all devices are back", lambda: all(len(subscriber.numbers[name]) > before for name, before in heard.items())
    )
    print(f"broker away for 3 s: all {count} devices heard again {back:.1f} s after its start", flush=True)
    time.sleep(5.0)


def loss(subscriber: Subscriber, sent: list[tuple[int, int, int]]) -> None:
    """Compare what came with what was given."""
    wanted = {f"fleet-{place:06}": number for first, size, number in sent for place in range(first, first + size)}

    def missing() -> int:
        return sum(number - len(subscriber.numbers[name]) for name, number in wanted.items())

    begun = time.monotonic()
    while missing() and time.monotonic() - begun < TIMEOUT_S / 3:
        time.sleep(0.2)
    print(f"{sum(wanted.values())} messages were given, {missing()} of them never came")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]) if sys.argv[2:] else 60.0)
