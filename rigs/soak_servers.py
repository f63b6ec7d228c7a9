"""What the soak takes away and gives back: a network camera, a webhook's server, a broker."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import leash
from fer_edge.demo.clip import LENGTH, Clip

BOUNDARY = "frame"
FPS = 100  # four times what the clip is drawn for, and more than a Raspberry Pi reads


class Server:
    """An HTTP server on a port of its own, which it keeps while it is away."""

    def __init__(self, answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            do_POST = do_GET  # noqa: N815 (the library's name)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._handler = Handler
        self.port = free()
        self._server: http.server.ThreadingHTTPServer | None = None
        self.start()

    def start(self) -> None:
        """Be there."""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def stop(self) -> None:
        """Be away: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.socket.close()
            self._server = None


class Camera(Server):
    """The demo clip over and over, as motion JPEG, a hundred frames a second by default."""

    def __init__(self, fps: float = FPS) -> None:
        self._fps = fps
        clip = Clip()
        self._pictures = [cv2.imencode(".jpg", clip.draw(number))[1].tobytes() for number in range(LENGTH)]
        self._on = threading.Event()  # cleared: connections are cut
        self._awake = threading.Event()  # cleared: they are held, and nothing comes
        self._on.set()
        self._awake.set()
        super().__init__(self._stream)

    def _stream(self, request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        request.end_headers()
        number, begun = 0, time.monotonic()
        try:
            while self._on.is_set():
                if not self._awake.wait(0.2):
                    begun += 0.2
                    continue
                time.sleep(max(begun + number / self._fps - time.monotonic(), 0))
                picture = self._pictures[number % LENGTH]
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                request.wfile.write(head.encode() + picture + b"\r\n")
                number += 1
        except OSError:
            pass  # who watched has gone

    def stop(self) -> None:
        """Cut all connections and refuse new ones."""
        self._on.clear()
        super().stop()

    def start(self) -> None:
        """Be there again."""
        self._on.set()
        super().start()

    def sleep(self) -> None:
        """Hold the connections and give nothing."""
        self._awake.clear()

    def wake(self) -> None:
        """Go on."""
        self._awake.set()


def take(request: http.server.BaseHTTPRequestHandler) -> None:
    """Agree to whatever is posted."""
    request.rfile.read(int(request.headers["Content-Length"]))
    request.send_response(204)
    request.end_headers()


class Broker:
    """A real mosquitto."""

    def __init__(self, folder: Path) -> None:
        self.port = free()
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n")
        self._program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin") or "mosquitto"
        self.start()

    def start(self) -> None:
        """Be there."""
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = leash.start([self._program, "-c", str(self._settings)], **quiet)

    def stop(self) -> None:
        """Die, without a word to anybody."""
        self._process.kill()
        self._process.wait(10)


def free() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
