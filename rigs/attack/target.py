"""What is attacked: `fer-edge run` in a process of its own, on loopback, with a camera; and the table of what held."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

EDGE = Path(__file__).parents[2] / "edge"
START_TIMEOUT_S = 90.0
SAMPLE_INTERVAL_S = 0.02
MAX_MEMORY_MB = 200  # of the service, whatever is done to it
MAX_STOP_S = 2.0


class Table:
    """Rows of (attack, tried, held, figures), printed as they come; `close` says whether all held."""

    def __init__(self, door: str) -> None:
        self.failed = 0
        print(f"\n{door}\n{'attack':44} {'tried':>7} {'held':>7}  figures", flush=True)

    def row(self, attack: str, tried: int, held: int, figures: str = "") -> None:
        self.failed += held < tried
        print(f"{attack:44} {tried:7} {held:7}  {figures}{'' if held == tried else '  <-- gave way'}", flush=True)

    def close(self) -> int:
        """The exit code."""
        return 1 if self.failed else 0


class Service:
    """A running one."""

    def __init__(self, process: subprocess.Popen[str], port: int, errors: Path) -> None:
        self.process, self.port, self._errors = process, port, errors
        self.peak_mb = 0.0
        self._ended, self._counting = threading.Event(), threading.Lock()
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_INTERVAL_S):
            with self._counting:
                self.peak_mb = max(self.peak_mb, memory_mb(self.process.pid))

    def begin_peak(self) -> None:
        """Let the peak be that from now on."""
        with self._counting:  # what is being counted is of before
            self.peak_mb = 0.0

    def ask(self, method: str, path: str, body: bytes = b"", timeout: float = 60, **headers: str) -> tuple[int, bytes]:
        """The status and the body of an answer; (0, b"") if there is none."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)) as connection:
            try:
                connection.request(method, path, body, named)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except OSError:
                return 0, b""

    @property
    def alive(self) -> bool:
        return self.process.poll() is None and self.ask("GET", "/healthz")[0] == 200

    def stop(self) -> float:
        """Seconds until it has ended."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return time.monotonic() - begun

    @property
    def folder(self) -> Path:
        """Where it runs: its settings, log, console and errors."""
        return self._errors.parent

    @property
    def errors(self) -> str:
        return self._errors.read_text(errors="replace")

    def close(self) -> None:
        self._ended.set()
        with suppress(OSError):
            self.process.kill()
        self.process.wait(10)


@contextmanager
def service(
    settings: dict[str, dict[str, Any]] | None = None,
    token: str = "",
    prepare: Callable[[Path, dict[str, dict[str, Any]]], None] = lambda folder, tables: None,
) -> Iterator[Service]:
    """One with a kiosk, a log and a camera of five frames a second; `settings` over these; `token` is the kiosk's.

    `prepare` may change its folder and its settings before it starts.
    """
    with tempfile.TemporaryDirectory() as folder, camera() as url:
        place = Path(folder)
        tables: dict[str, dict[str, Any]] = {
            "run": {"sinks": ["log", "kiosk"]},
            "source": {"name": url, "fps": 5.0},
            "log": {"path": str(place / "log.jsonl")},
            "kiosk": {"port": free_port(), "rate": 1e6},
            "detector": {"name": "fake"},
        }
        for name, table in (settings or {}).items():
            tables.setdefault(name, {}).update(table)
        prepare(place, tables)
        lines = [
            f"[{name}]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in t.items()) for name, t in tables.items()
        ]
        (place / "fer-edge.toml").write_text("\n".join(lines) + "\n")
        command = [sys.executable, "-m", "fer_edge", "run", "--config", str(place / "fer-edge.toml")]
        environment = os.environ | {"PYTHONPATH": str(EDGE), "MALLOC_ARENA_MAX": "2"}
        with (place / "errors").open("w") as errors, (place / "console").open("w") as console:
            process = subprocess.Popen(command, stdout=console, stderr=errors, env=environment, text=True, cwd=folder)
        found = Service(process, int(tables["kiosk"]["port"]), place / "errors")
        try:
            named = {"Authorization": f"Bearer {token}"} if token else {}
            until(lambda: "frames" in json.loads(found.ask("GET", "/api/v1/status", **named)[1] or b"{}"), found)
            yield found
        finally:
            found.close()


def until(reached: Callable[[], bool], target: Service) -> None:
    """Wait for something that comes soon."""
    end = time.monotonic() + START_TIMEOUT_S
    while not reached():
        if time.monotonic() > end or target.process.poll() is not None:
            raise RuntimeError(f"the service does not start: {target.errors}")
        time.sleep(0.1)


@contextmanager
def camera() -> Iterator[str]:
    """The address of one on HTTP, with one picture again and again."""
    jpeg = cv2.imencode(".jpg", np.full((240, 320, 3), 90, np.uint8))[1].tobytes()
    part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(jpeg), jpeg)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with suppress(OSError):
                while True:
                    self.wfile.write(part)
                    time.sleep(0.1)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def memory_mb(pid: int) -> float:
    """What a process and its children hold, 10^6 bytes; memory that they share counts once.

    Not their proportional share (Pss), of which the libraries are less the more other programs use them.
    """
    total = 0.0
    own = Path(f"/proc/{pid}/cmdline")
    for number in [pid, *children(pid)]:
        counted = ("Rss:",) if number == pid else ("Private_Clean:", "Private_Dirty:")
        with suppress(OSError, ValueError):
            if number != pid and Path(f"/proc/{number}/cmdline").read_bytes() == own.read_bytes():
                continue  # it has not begun its own program yet: its memory is its parent's
            text = Path(f"/proc/{number}/smaps_rollup").read_text()
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(counted)) * 1024 / 1e6
    return total


def children(pid: int) -> list[int]:
    """The numbers of the processes that `pid` started."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found
