"""`fer-edge run` under a service manager: ready, alive, told of new settings, paused, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
SOON = 30.0  # seconds


class Service:
    """The program, and what it tells its manager and its journal."""

    def __init__(self, folder: Path) -> None:
        self.settings = folder / "fer-edge.toml"
        self.log = folder / "log.jsonl"
        self.write('mode = "changes"')
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(SOON)
        command = [sys.executable, "-m", "fer_edge", "run", "--source", "demo", "--fps", "25", "--config"]
        more = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "400000"}
        self.child = subprocess.Popen(
            [*command, str(self.settings)],
            cwd=ROOT,
            env=os.environ | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def write(self, log: str, more: str = "") -> None:
        self.settings.write_text(f'[run]\nsinks = ["log"]\n[log]\npath = "{self.log}"\n{log}\n{more}')

    def until(self, right: Callable[[str], bool]) -> str:
        """The first message from now on that is `right`."""
        while True:
            message = self.manager.recv(10_000).decode()
            if right(message):
                return message

    def next_line(self) -> str:
        assert self.child.stderr is not None
        return self.child.stderr.readline()

    def close(self) -> None:
        self.child.kill()
        self.child.communicate()
        self.manager.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    started = Service(tmp_path)
    late = threading.Timer(SOON, started.child.kill)  # so that nothing below waits for ever
    late.start()
    yield started
    late.cancel()
    started.close()


def test_its_life_as_the_manager_sees_it(service: Service) -> None:
    first = service.manager.recv(10_000).decode()
    assert "READY=1" in first
    assert "WATCHDOG_USEC=12600000" in first  # 3 * (4 s of silence + 1 / (5 frames a second))
    assert "WATCHDOG=1" in service.until(lambda message: " fps, 1 face, " in message)

    service.write('mode = "frames"')
    service.child.send_signal(signal.SIGHUP)
    assert service.next_line().startswith("fer-edge: note: settings read again: log.mode changes -> frames")

    service.write('mode = "frames"', "[smoother\n")
    service.child.send_signal(signal.SIGHUP)
    line = service.next_line()
    assert "not TOML" in line
    assert line.endswith("the old settings stay\n")

    service.child.send_signal(signal.SIGUSR1)
    service.until(lambda message: "STATUS=paused" in message)
    assert service.until(lambda message: "WATCHDOG=1" in message) == "WATCHDOG=1"  # fed while it waits on purpose
    service.child.send_signal(signal.SIGUSR1)
    service.until(lambda message: " fps, " in message)

    service.child.send_signal(signal.SIGTERM)
    service.until(lambda message: "STOPPING=1" in message)
    assert service.child.wait(SOON) == 0
    lines = service.log.read_text().splitlines()
    assert len(lines) > 10
    assert '"events"' not in lines[-1]
