"""A network camera that turns bad after its first frames: parts of 2 GB, endless headers, frames far too large.

    python -m attack.cameras [MEGABYTES-A-SECOND]

It sends as fast as the service reads, or at the speed given. Held: the service answers, or has released the camera, has
no traceback and holds at most 200 MB, its decoder included.

JPEGs are read by the service, H.264 by FFmpeg in a process of its own. A stream that is larger than
source.max_megapixels gets no memory to be decoded. One that is allowed gets what an honest stream of its size takes:
200 MB are enough for 1920 x 1080, and by default it may be four times as large.
"""

from __future__ import annotations

import http.server
import itertools
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import h264
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


STREAM_PIXELS = 2.1  # 10^6, of 1920 x 1080
MAX_STREAM_MEMORY_MB = 400  # of the service and a decoder of nine megapixels, which is what its unit allows


class Stream(NamedTuple):
    """H.264 after good pictures of 64 x 48: in the same answer, or in the next one."""

    pictures: Iterable[bytes]
    again: bool = False  # whether it begins with another connection, so that its size is known when it is opened
    megapixels: float = STREAM_PIXELS
    max_memory_mb: float = MAX_MEMORY_MB


def claims(width: int, height: int, references: int = 1) -> list[bytes]:
    return [h264.claim(width // h264.SIDE, height // h264.SIDE, number, references) for number in range(2)]


GOOD = [h264.picture(4, 3, 40 + number, number) for number in range(60)]
FULL = [h264.picture(1920 // h264.SIDE, 1088 // h264.SIDE, 90, number, references=16) for number in range(2)]
STREAMS = {
    "H.264 that grows to 10240 x 7680": Stream(claims(10240, 7680)),
    "H.264 of 16000 x 8000": Stream(claims(16000, 8000), again=True),
    "H.264 of 1920 x 1088, uncoded": Stream(FULL, again=True),
    "H.264 that turns to noise": Stream([random.Random(1).randbytes(BLOCK_BYTES)]),
    "H.264 of 10240 x 7680, 9 megapixels allowed": Stream(claims(10240, 7680), True, 9),
    "H.264 of 3008 x 2976, 9 megapixels allowed": Stream(claims(3008, 2976, 16), True, 9, MAX_STREAM_MEMORY_MB),
}


def main() -> int:
    speed = float(sys.argv[1]) if len(sys.argv) > 1 else LOOPBACK_MB_PER_S
    table = Table(f"a camera that turns bad, at most {speed:g} MB a second")
    for name, send in CAMERAS.items():
        attack(table, name, send, 1e6 * speed)
    for name, stream in STREAMS.items():
        attack(table, name, lambda stream=stream: itertools.cycle(stream.pictures), 1e6 * speed, stream)
    return table.close()


def attack(
    table: Table, name: str, send: Callable[[], Iterator[bytes]], bytes_per_s: float, stream: Stream | None = None
) -> None:
    sent, bad = [0], threading.Event()
    kind = "video/h264" if stream else "multipart/x-mixed-replace; boundary=frame"
    good = itertools.cycle(GOOD if stream else [PART % len(JPEG) + JPEG + b"\r\n"])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            with suppress(OSError):
                if not bad.is_set():
                    while not bad.wait(0.1):
                        self.wfile.write(next(good))
                    if stream and stream.again:
                        return
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
    most = stream.max_memory_mb if stream else MAX_MEMORY_MB

    def prepare(folder: Path, tables: dict[str, dict[str, Any]]) -> None:
        tables["source"]["name"] = url
        if stream:
            tables["source"]["max_megapixels"] = stream.megapixels

    with service(prepare=prepare) as target:
        bad.set()
        time.sleep(ATTACK_S)
        held = target.alive and target.peak_mb <= most and "Traceback" not in target.errors
        table.row(name, 1, int(held), f"{target.peak_mb:.0f} MB, {sent[0] / 1e6:.0f} MB sent")
    server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
