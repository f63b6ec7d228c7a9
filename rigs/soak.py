"""An hour with a fault every minute: each is logged and recovered from, and nothing grows: `make soak`.

The demo clip comes from a network camera, a hundred frames a second, every output is on, and a reader watches the
kiosk's page. Broker, webhook and camera are real servers on this machine; pins and display are their libraries' own
stand-ins. As root the log lies on a small disk of its own, which is filled; else that fault is left out, and said.

python rigs/soak.py [MINUTES]      # default: 60; ends with 1 if it did not recover from something, or grew
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from claims import wait
from fer_edge.classifiers.cards import models_folder
from fer_edge.service.model_install import install_model
from fer_edge.sinks import SINKS
from soak_servers import Broker, Camera, Server, free, take

ROOT = Path(__file__).resolve().parents[1]
PAGE = os.sysconf("SC_PAGE_SIZE")
# gpiozero's stand-ins for pins keep all that was ever written to them, for tests to look at; real ones do not.
PROGRAM = """
from gpiozero.pins.mock import MockPin
from fer_edge.cli import main
change = MockPin._change_state
MockPin._change_state = lambda pin, value: (change(pin, value), pin.states.clear())[0]
raise SystemExit(main())
"""
MODEL = "mini_xception-int8"
MINUTE = 60.0
AWAY = 20.0  # seconds that a fault lasts
NOTICED, BACK = 30.0, 50.0  # seconds within which it is to be logged, and recovered from once it is fixed
ROUND = 9  # minutes in which each fault has had its turn
GROWN = 3_000_000  # bytes that the last quarter may hold more than the second: noise of the allocator


class Fault(NamedTuple):
    """What is broken, and the words by which fer-edge shows that it noticed and recovered."""

    name: str
    breaks: Callable[[], object]
    fixes: Callable[[], object]
    noticed: str  # patterns of lines on standard error; empty: there is nothing to say
    back: str


class Look(NamedTuple):
    """What the process holds at one moment."""

    memory: int  # bytes, resident
    threads: int
    files: int


class Soak:
    """The program under test, and what is done to it."""

    def __init__(self, folder: Path, disk: Path) -> None:
        self.folder, self.disk = folder, disk
        self.camera, self.webhook, self.broker = Camera(), Server(take), Broker(folder)
        self.kiosk = free()
        self._variants = 0
        self.install()
        self.settings()
        self._out = (folder / "out.txt").open("w")
        self._err = (folder / "err.txt").open("w")
        command = [sys.executable, "-c", PROGRAM, "run", "--config", str(folder / "fer-edge.toml")]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "edge"), "MALLOC_ARENA_MAX": "2"}  # as the unit has it
        self.process = subprocess.Popen(command, stdout=self._out, stderr=self._err, cwd=folder, env=environment)
        threading.Thread(target=self._read_page, daemon=True).start()

    def settings(self, mode: str = "frames") -> None:
        """Write the settings: all outputs are on."""
        (self.folder / "fer-edge.toml").write_text(
            f"""
run.sinks = {json.dumps(list(SINKS))}
source = {{name = "http://127.0.0.1:{self.camera.port}/"}}
classifier = {{model = "{self.folder}/models/{MODEL}.tflite"}}
log = {{path = "{self.disk}/log.jsonl", mode = "{mode}", rotate_megabytes = 2, keep_megabytes = 8}}
csv = {{path = "{self.folder}/log.csv"}}
crops = {{folder = "{self.folder}/crops", label = "soak", max_pictures = 50}}
led = {{chip = "mock"}}
oled = {{device = "dummy"}}
mqtt = {{port = {self.broker.port}, queue = "{self.folder}/mqtt.db"}}
hook = {{command = ["/bin/cat"]}}
webhook = {{url = "http://127.0.0.1:{self.webhook.port}/"}}
kiosk = {{port = {self.kiosk}}}
"""
        )

    def reload(self, mode: str) -> None:
        """Other settings, and the wish to read them."""
        self.settings(mode)
        self.process.send_signal(signal.SIGHUP)

    def install(self) -> None:
        """Another model of the same name, alternately one of two."""
        variant = ("int8", "float32")[self._variants % 2]
        self._variants += 1
        source = models_folder() / f"mini_xception-{variant}.tflite"
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name, f"{MODEL}.tflite")
            shutil.copy(source, copy)
            card = json.loads(source.with_suffix(".json").read_text()) | {"name": MODEL, "file": copy.name}
            copy.with_suffix(".json").write_text(json.dumps(card))
            install_model(copy, None, self.folder / "models")

    def spoil(self) -> None:
        """A model that a dying card gave back as zeros."""
        path = self.folder / "models" / f"{MODEL}.tflite"
        path.write_bytes(bytes(path.stat().st_size))

    def fill(self) -> None:
        """The log's disk is full."""
        with (self.disk / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(100_000))
            except OSError:
                pass

    def faults(self) -> list[Fault]:
        """All of them, in the order in which they come."""
        back = r"note: .*gives pictures again"
        lost = r"error: .*opened again as soon as it answers"
        found = [
            Fault("camera gone", self.camera.stop, self.camera.start, lost, back),
            Fault(
                "broker killed", self.broker.stop, self.broker.start, r"error: mqtt", r"mqtt: the broker answers again"
            ),
            Fault("camera silent", self.camera.sleep, self.camera.wake, lost, back),
            Fault("another model", self.install, lambda: None, r"a new model is loaded", ""),
            Fault("webhook's server gone", self.webhook.stop, self.webhook.start, r"error: webhook", r"webhook: works"),
            Fault("model spoilt", self.spoil, self.install, r"the model in use stays", r"a new model is loaded"),
            Fault(
                "settings read again",
                lambda: self.reload("changes"),
                lambda: self.reload("frames"),
                r"log\.mode frames -> changes",
                r"log\.mode changes -> frames",
            ),
            Fault(
                "paused",
                lambda: self.process.send_signal(signal.SIGUSR1),
                lambda: self.process.send_signal(signal.SIGUSR1),
                "",
                "",
            ),
        ]
        if self.disk != self.folder:
            full, room = r"error: log .*No space", r"log: works again"
            found.insert(2, Fault("disk full", self.fill, (self.disk / "filler").unlink, full, room))
        return found

    def said(self) -> str:
        """All of its standard error."""
        return (self.folder / "err.txt").read_text()

    def frames(self) -> int:
        """How many it has read; -1 where it does not say."""
        try:
            line = http.client.HTTPConnection("127.0.0.1", self.kiosk, timeout=10)
            line.request("GET", "/metrics")
            found = re.search(r"^fer_edge_frames_total (\d+)$", line.getresponse().read().decode(), re.MULTILINE)
        except (OSError, http.client.HTTPException):
            return -1
        return int(found[1]) if found else -1

    def look(self) -> Look:
        """What it holds."""
        place = Path(f"/proc/{self.process.pid}")
        memory = int((place / "statm").read_text().split()[1]) * PAGE
        return Look(memory, len(list((place / "task").iterdir())), len(list((place / "fd").iterdir())))

    def _read_page(self) -> None:
        """What a browser that shows the page does: read its stream to the end, and come back."""
        while self.process.poll() is None:
            try:
                line = http.client.HTTPConnection("127.0.0.1", self.kiosk, timeout=30)
                line.request("GET", "/api/v1/stream")
                answer = line.getresponse()
                while answer.read1(65536):
                    pass
            except (OSError, http.client.HTTPException):
                time.sleep(1)

    def close(self) -> int:
        """End all; the exit code of the program under test."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = -9
        for server in (self.camera, self.webhook, self.broker):
            server.stop()
        return code


def main(minutes: int) -> int:
    """Run it; print a line a minute, and a table."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started and mounted is ended and unmounted
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # under nohup it would mean nothing to fer-edge either
        signal.signal(signal.SIGHUP, lambda *_: None)
    with tempfile.TemporaryDirectory() as name, small_disk(Path(name)) as disk:
        soak = Soak(Path(name), disk)
        try:
            trouble = run(soak, minutes)
        finally:
            code = soak.close()
        print((soak.folder / "out.txt").read_text()[-700:])
        if code:
            trouble.append(f"it ended with {code}")
        print("\n".join(trouble) or "as promised")
        if trouble:
            print(soak.said()[-3000:])
        return int(bool(trouble))


def run(soak: Soak, minutes: int) -> list[str]:
    """What went wrong."""
    trouble: list[str] = []
    if not wait(lambda: soak.frames() > 100, 60):
        return ["it does not start"]
    faults = soak.faults()
    times: dict[str, list[tuple[float, float]]] = {fault.name: [] for fault in faults}
    looks: list[Look] = []
    for minute in range(minutes):
        begun, fault = time.monotonic(), faults[minute % len(faults)]
        try:
            times[fault.name].append(endure(soak, fault))
        except TimeoutError as error:
            trouble.append(f"minute {minute + 1}, {fault.name}: {error}")
        if soak.process.poll() is not None:
            return [*trouble, f"it ended with {soak.process.returncode} in minute {minute + 1}, {fault.name}"]
        time.sleep(max(begun + MINUTE - time.monotonic(), 0))
        looks.append(soak.look())
        print(f"minute {minute + 1:3}  {fault.name:22} {looks[-1]}  {soak.frames()} frames", flush=True)
    print("\n| fault | times | logged within | recovered, after it was fixed, within |\n|---|---|---|---|")
    for name, found in times.items():
        if found:
            noticed, back = (max(column) for column in zip(*found, strict=True))
            print(f"| {name} | {len(found)} | {noticed:.1f} s | {back:.1f} s |")
    return trouble + growth(looks)


def growth(looks: list[Look]) -> list[str]:
    """What the last quarter holds more than the second one; the first is for the allocator to find its size."""
    quarter = len(looks) // 4
    if quarter < ROUND:
        print(f"\nwhether it grows takes {4 * ROUND} minutes to say")
        return []
    parts = looks[quarter : 2 * quarter], looks[-quarter:]
    # The middle ones: a look may come while a hook's program is being started.
    before, after = (Look(*(round(median(column)) for column in zip(*part, strict=True))) for part in parts)
    print(f"\nin the middle of the second quarter {before}, of the last {after}")
    grown = after.memory > before.memory + GROWN or after.threads > before.threads or after.files > before.files
    return ["it grew"] if grown else []


def endure(soak: Soak, fault: Fault) -> tuple[float, float]:
    """Seconds until it was noticed, and from the fix until it recovered. Raises TimeoutError."""
    noticed, back = (soak_counter(soak, words) for words in (fault.noticed, fault.back))
    begun = time.monotonic()
    fault.breaks()
    if not wait(noticed, NOTICED):
        raise TimeoutError(f"not logged within {NOTICED:g} s")
    seconds = time.monotonic() - begun
    if fault.back or not fault.noticed:
        time.sleep(max(begun + AWAY - time.monotonic(), 0))
    begun = time.monotonic()
    fault.fixes()
    before = soak.frames()
    if not wait(lambda: back() and soak.frames() > before + 10, BACK):
        raise TimeoutError(f"not recovered within {BACK:g} s after it was fixed")
    return seconds, time.monotonic() - begun


def soak_counter(soak: Soak, words: str) -> Callable[[], bool]:
    """Whether it says `words` from now on."""
    before = len(re.findall(words, soak.said()))
    return lambda: not words or len(re.findall(words, soak.said())) > before


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 16 MB for the log; `folder` itself for those who are not root."""
    if os.geteuid():
        print("not root, so there is no small disk for the log, and it does not become full")
        yield folder
        return
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 60))
