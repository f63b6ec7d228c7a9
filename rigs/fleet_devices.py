"""The devices of rigs/fleet.py: real outputs `mqtt`, many to a process, and how late these processes themselves are."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import queue
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from debian import RigError
from fer_edge.pause import PauseSwitch
from fer_edge.settings import parse
from fer_edge.sinks.mqtt.sink import open_mqtt
from fer_edge.types import EMOTIONS, Box, Event, Face, Frame, Observation, Prediction

DEVICES_A_PROCESS = 125  # a device has five files open, and paho waits by select(), which takes no number above 1023
START_S, START_A_DEVICE_S = 60.0, 0.1  # that opening them may take
STOP_POLL_S = 0.5
SWITCH_S = 0.1
GREY = np.zeros((1, 1), np.uint8)
MEMORY = Path("/dev/shm")  # each device would have a card of its own; here a thousand queues share a disk
GIVEN, PROCESSOR = range(2)  # what a process tells while it runs: messages, seconds


@dataclass(frozen=True)
class Sent:
    """What devices gave."""

    given: dict[str, int]  # device -> messages
    lateness: list[tuple[float, float]]  # (moment, seconds from when a message was due until it was given)


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


def allow_many() -> None:
    """Files and threads of hundreds of devices."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    threading.stack_size(256 * 1024)
    # A thread that waits for the interpreter wakes at this interval, 5 ms by default: where all devices connect again
    # at once, these wakings of hundreds of threads took all of the processor. No thread computes for so long.
    sys.setswitchinterval(SWITCH_S)


class Fleet:
    """`count` devices, spread over the brokers at `ports`. Each gives a message every `interval` seconds."""

    def __init__(self, count: int, ports: list[int], interval: float) -> None:
        """Open all outputs; nothing is given before `begin`. Raises RigError if that takes too long."""
        context = multiprocessing.get_context("forkserver")
        ready, self._begin, self._cut = context.Semaphore(0), context.Event(), context.Event()
        self._begun, self._stop, self._sent = context.RawValue("d"), context.RawValue("b"), context.Queue()
        self._interval, self._processes, self._told = interval, [], []
        self._folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        signals = (ready, self._begin, self._begun, self._stop, self._sent, self._cut)
        number = math.ceil(count / DEVICES_A_PROCESS)
        try:
            for first in range(number):
                few, told = range(first, count, number), context.RawArray("d", 2)
                arguments = (few, count, ports, interval, self._folder.name, told, *signals)
                process = context.Process(target=_run, args=arguments)
                process.start()
                self._processes.append(process)
                self._told.append((told, len(few)))
            end = time.monotonic() + opening_s(count)
            for opened in range(number):
                if not ready.acquire(timeout=max(end - time.monotonic(), 0.0)):
                    raise RigError(
                        f"only {opened} of {number} processes opened their devices in {opening_s(count):.0f} s"
                    )
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        """Let them give messages from now on."""
        self._begun.value = time.monotonic()
        self._begin.set()

    @property
    def behind(self) -> float:
        """Seconds that the slowest process is behind now."""
        elapsed = time.monotonic() - self._begun.value
        return max(elapsed - told[GIVEN] * self._interval / devices for told, devices in self._told)

    @property
    def given(self) -> int:
        """Messages so far."""
        return int(sum(told[GIVEN] for told, _ in self._told))

    @property
    def processor_s(self) -> float:
        """Seconds that they spent."""
        return float(sum(told[PROCESSOR] for told, _ in self._told))

    def stop(self, timeout_s: float) -> Sent:
        """Give no more, and stay connected. Raises RigError if a process does not say what it gave."""
        self._stop.value = 1
        all_sent = Sent({}, [])
        for _ in self._processes:
            try:
                part: Sent = self._sent.get(timeout=timeout_s)
            except queue.Empty:
                raise RigError(f"a process of devices does not answer within {timeout_s:.0f} s") from None
            all_sent.given.update(part.given)
            all_sent.lateness.extend(part.lateness)
        return all_sent

    def cut_off(self) -> None:
        """End all at once, without a goodbye."""
        self._cut.set()

    def close(self) -> None:
        """End what is left."""
        for process in self._processes:
            process.kill()
            process.join()
        self._folder.cleanup()


def opening_s(count: int) -> float:
    """Seconds that opening so many devices may take."""
    return START_S + START_A_DEVICE_S * count


def _end_with_the_rig(folder: str) -> None:
    """Also if it is killed, and can stop and remove nothing itself."""
    rig = multiprocessing.parent_process()
    assert rig is not None
    rig.join()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _run(
    few: range,
    total: int,
    ports: list[int],
    interval: float,
    folder: str,
    told: Any,
    ready: Any,
    begin: Any,
    begun: Any,
    stop: Any,
    sent: Any,
    cut: Any,
) -> None:
    """Some devices, in a process of their own."""
    threading.Thread(target=_end_with_the_rig, args=(folder,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    allow_many()
    logging.getLogger("fer_edge").setLevel(logging.CRITICAL)  # each would tell of the restart
    outputs = [open_output(number, ports[number % len(ports)], folder) for number in few]
    ready.release()
    begin.wait()
    number, given, lateness = 0, dict.fromkeys(map(name_of, few), 0), []
    while not stop.value:
        number += 1
        for device, output in zip(few, outputs, strict=True):
            due = begun.value + (number - 1 + device / total) * interval
            while not stop.value and (pause := due - time.monotonic()) > 0:
                time.sleep(min(pause, STOP_POLL_S))
            if stop.value:
                break
            output.write(seen(number))
            lateness.append((due, time.monotonic() - due))
            given[name_of(device)] = number
            told[GIVEN] += 1
            told[PROCESSOR] = time.process_time()
    sent.put(Sent(given, lateness))
    cut.wait()
    os._exit(0)
