"""A network camera that turns bad after its first frames: parts of 2 GB, endless headers, frames far too large.

    python -m attack.cameras [MEGABYTES-A-SECOND]

It sends as fast as the service reads, or at the speed given. Held: the service answers, or has released the camera, has
no traceback and holds at most 200 MB.
"""

from __future__ import annotations

import http.server
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from attack.target import MAX_MEMORY_MB, Table, service

ATTACK_S = 8.0
LOOPBACK_MB_PER_S = 1000.0  # as fast as it goes
BLOCK_BYTES = 250_000
BLOCK = bytes(BLOCK_BYTES)
PART = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
JPEG = cv2.imencode(".jpg", np.full((240, 320, 3), 90, np.uint8))[1].tobytes()
LARGE = cv2.imencode(".jpg", np.zeros((6000, 8000, 3), np.uint8))[1].tobytes()
ALLOWED = cv2.imencode(".jpg", np.zeros((3000, 3000, 3), np.uint8))[1].tobytes()  # the largest, by default
GRAIN = np.random.default_rng(1).integers(0, 256, (3000, 3000, 3), np.uint8)
HEAVY = cv2.imencode(".jpg", GRAIN, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
PROGRESSIVE = cv2.imencode(".jpg", np.zeros((1500, 1500, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()


def endless(first: bytes, block: bytes = BLOCK) -> Iterator[bytes]:
    """`first`, then `block` without an end."""
    yield first
    while True:
        yield block


def cut_off() -> Iterator[bytes]:
    """Parts that say they have 2 GB, and end after 50 MB."""
    while True:
        yield PART % 2_000_000_000 + JPEG
        for _ in range(200):
            yield BLOCK
        yield b"\r\n"


CAMERAS: dict[str, Callable[[], Iterator[bytes]]] = {
    "a part of 2 GB": lambda: endless(PART % 2_000_000_000 + JPEG[:2]),
    "parts of 2 GB that are cut off": cut_off,
    "a part of no length, without an end": lambda: endless(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + JPEG[:2]),
    "headers without an end": lambda: endless(b"--frame\r\n", (b"X-Header: " + b"y" * 990 + b"\r\n") * 250),
    "frames of 8000 x 6000": lambda: endless(b"", PART % len(LARGE) + LARGE + b"\r\n"),
    "frames of 3000 x 3000": lambda: endless(b"", PART % len(ALLOWED) + ALLOWED + b"\r\n"),
    "frames of 3000 x 3000, noise": lambda: endless(b"", PART % len(HEAVY) + HEAVY + b"\r\n"),
    "progressive frames of 1500 x 1500": lambda: endless(b"", PART % len(PROGRESSIVE) + PROGRESSIVE + b"\r\n"),
    "noise": lambda: endless(b"", random.Random(1).randbytes(BLOCK_BYTES)),
}


def main() -> int:
    speed = float(sys.argv[1]) if len(sys.argv) > 1 else LOOPBACK_MB_PER_S
    table = Table(f"a camera that turns bad, at most {speed:g} MB a second")
    for name, send in CAMERAS.items():
        attack(table, name, send, 1e6 * speed)
    return table.close()


def attack(table: Table, name: str, send: Callable[[], Iterator[bytes]], bytes_per_s: float) -> None:
    sent, bad = [0], threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with suppress(OSError):
                while not bad.wait(0.1):
                    self.wfile.write(PART % len(JPEG) + JPEG + b"\r\n")
                for data in send():
                    self.wfile.write(data)
                    sent[0] += len(data)
                    time.sleep(len(data) / bytes_per_s)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"

    def prepare(folder: Path, tables: dict[str, dict[str, Any]]) -> None:
        tables["source"]["name"] = url

    with service(prepare=prepare) as target:
        bad.set()
        time.sleep(ATTACK_S)
        held = target.alive and target.peak_mb <= MAX_MEMORY_MB and "Traceback" not in target.errors
        table.row(name, 1, int(held), f"{target.peak_mb:.0f} MB, {sent[0] / 1e6:.0f} MB sent")
    server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
