"""A stop while something is going on: how long it takes, and whether it leaves a traceback.

    python -m attack.stops

Held: at most two seconds, and no traceback.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from attack.pictures import encoded, noise, scans
from attack.target import MAX_STOP_S, Service, Table, free_port, service

POST = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


def connect(target: Service, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", target.port), timeout=10)
    connection.sendall(data)
    return connection


def watched(target: Service) -> list[socket.socket]:
    return [connect(target, b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(20)]


def read_by_nobody(target: Service) -> list[socket.socket]:
    return [connect(target, b"GET /static/feed.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 300) for _ in range(5)]


def picture(target: Service) -> list[socket.socket]:
    data = scans(40)
    return [connect(target, POST % (b"/api/v1/detect", len(data)) + data) for _ in range(3)]


def whole_picture(target: Service) -> list[socket.socket]:
    data = encoded(noise(2000, 1500), "JPEG")
    return [connect(target, POST % (b"/api/v1/detect", len(data)) + data) for _ in range(3)]


def uploads(target: Service) -> list[socket.socket]:
    return [connect(target, POST % (b"/api/v1/detect", 9_000_000) + bytes(1000)) for _ in range(3)]


def silent(target: Service) -> list[socket.socket]:
    return [connect(target, b"") for _ in range(50)]


def history(target: Service) -> list[socket.socket]:
    """Of a log of a million lines."""
    line = json.dumps({"time": "2026-01-01T12:00:00+00:00", "source": "x", "frame": 1, "faces": []}) + "\n"
    path = Path(f"/proc/{target.process.pid}/cwd/log.jsonl").resolve()
    with path.open("a") as log:
        for _ in range(10):
            log.write(line * 100_000)
    query = b"GET /api/v1/history?from=2025-12-01T00:00:00Z&to=2026-02-01T00:00:00Z HTTP/1.1\r\nHost: localhost\r\n\r\n"
    return [connect(target, query) for _ in range(3)]


ENDS = (0, 6)  # exit codes: well, and with an output that was failing
STATES: dict[str, tuple[Callable[[Service], list[socket.socket]], dict[str, dict[str, object]]]] = {
    "idle": (lambda _: [], {}),
    "twenty pages open": (watched, {}),
    "responses that nobody reads": (read_by_nobody, {}),
    "a picture being decoded": (picture, {}),
    "a picture being read, Haar's detector": (whole_picture, {"detector": {"name": "haar"}}),
    "three uploads": (uploads, {}),
    "fifty silent connections": (silent, {}),
    "a history of a million lines": (history, {}),
    "a hook that hangs": (lambda _: [], {"run": {"sinks": ["kiosk", "hook"]}, "hook": {"command": ["sleep", "600"]}}),
    "a broker that answers nothing": (
        lambda _: [],
        {"run": {"sinks": ["kiosk", "mqtt"]}, "mqtt": {"host": "127.0.0.1"}},
    ),
    "a webhook that answers nothing": (
        lambda _: [],
        {"run": {"sinks": ["kiosk", "webhook"]}, "webhook": {"url": "http://127.0.0.1:%d/"}},
    ),
}


def main() -> int:
    table = Table("a stop, in every state")
    deaf = socket.create_server(("127.0.0.1", free_port()))
    port = deaf.getsockname()[1]
    threading.Thread(target=_accept, args=(deaf,), daemon=True).start()
    for name, (begin, settings) in STATES.items():
        with service(_with_port(settings, port)) as target:
            connections = begin(target)
            time.sleep(1)
            seconds = target.stop()
            held = seconds <= MAX_STOP_S and target.process.returncode in ENDS and "Traceback" not in target.errors
            table.row(name, 1, int(held), f"{seconds:.2f} s, exit code {target.process.returncode}")
            for connection in connections:
                connection.close()
    return table.close()


_kept: list[socket.socket] = []


def _accept(server: socket.socket) -> None:
    while True:
        _kept.append(server.accept()[0])


def _with_port(settings: dict[str, dict[str, object]], port: int) -> dict[str, dict[str, object]]:
    found = json.loads(json.dumps(settings).replace("%d", str(port)))
    if "mqtt" in found:
        found["mqtt"]["port"] = port
    return dict(found)


if __name__ == "__main__":
    sys.exit(main())
