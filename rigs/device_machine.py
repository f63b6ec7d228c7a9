"""An emulated device that runs: its serial line as it comes, and its end."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from debian import RigError
from device_image import Made

TOLD = re.compile(r"@([A-Z]) ([^@\r\n]*)@")
FAULTS = re.compile(r"EXT4-fs (?:error|warning)|I/O error|JBD2:|Kernel panic|BUG:|Call trace")


class Told(NamedTuple):
    """One record of the programs in device_guest."""

    kind: str
    text: str
    moment: float  # time.monotonic() of its arrival


class Machine:
    """QEMU with the device's kernel; `settings` and the like go in by the kernel's command line."""

    def __init__(self, made: Made, board: list[str], kernel_words: str, environment: dict[str, str]) -> None:
        self.told: list[Told] = []
        self.console: list[str] = []  # all other lines
        self.begun = time.monotonic()
        variables = " ".join(f"systemd.setenv={name}={value}" for name, value in environment.items())
        command = ["qemu-system-aarch64", *board, "-m", "1024", "-display", "none", "-no-reboot", "-nic", "none"]
        command += ["-kernel", str(made.kernel), "-initrd", str(made.initrd)]
        words = f"rw quiet systemd.show_status=0 {kernel_words} {variables}"
        self._process = subprocess.Popen(
            [*command, "-append", words], stdin=subprocess.DEVNULL, stdout=-1, stderr=subprocess.STDOUT
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            now = time.monotonic()
            records = TOLD.findall(line)
            self.told += [Told(kind, text, now) for kind, text in records]
            if not records:
                self.console.append(line)

    def until(self, what: str, seconds: float, shown: Callable[[], object]) -> float:
        """Wait for `shown`; seconds since the start. Raises RigError, with the end of the console."""
        end = time.monotonic() + seconds
        while not shown():
            if time.monotonic() > end or self._process.poll() is not None:
                last = "\n".join([*self.console[-30:], *(f"{told.kind} {told.text[:300]}" for told in self.told[-10:])])
                raise RigError(f"{last}\ndevice: NOT within {seconds:g} s: {what}")
            time.sleep(0.05)
        return time.monotonic() - self.begun

    def texts(self, kind: str) -> list[str]:
        """What was reported of one kind, in order."""
        return [told.text for told in list(self.told) if told.kind == kind]

    def faults(self) -> list[str]:
        """What the kernel complained of."""
        return [line for line in self.console if FAULTS.search(line)]

    def kill(self) -> None:
        """No more power; what was on the line is read."""
        self._process.kill()
        self._process.wait(30)
        self._reader.join(30)


class Monitor:
    """Looks into the emulated machine from outside, by QEMU's own protocol (QMP)."""

    def __init__(self, address: Path, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not address.exists() and time.monotonic() < end:
            time.sleep(0.1)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(address))
        self._lines = self._read()
        next(self._lines)
        self._ask("qmp_capabilities", {})

    def _read(self) -> Iterator[dict[str, object]]:
        with self._socket.makefile("rb") as stream:
            for line in stream:
                yield json.loads(line)

    def _ask(self, command: str, arguments: dict[str, str]) -> object:
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        return next(answer["return"] for answer in self._lines if "return" in answer)

    def word(self, address: int) -> int:
        """32 bits at a physical address: a register, if there is a device."""
        told = self._ask("human-monitor-command", {"command-line": f"xp /1wx {address:#x}"})
        return int(str(told).split(":")[1], 16)

    def close(self) -> None:
        self._socket.close()
