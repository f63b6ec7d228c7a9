"""Run in the container: a network camera that shows /opt/pictures over and over, as motion JPEG on port 8080."""

from __future__ import annotations

import itertools
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PICTURES = [path.read_bytes() for path in sorted(Path("/opt/pictures").glob("[0-9].jpg"))]
FPS = 10


class Webcam(BaseHTTPRequestHandler):
    """Everybody gets the same pictures."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        with suppress(OSError):  # who watched has gone
            for picture in itertools.cycle(PICTURES):
                head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")
                time.sleep(1 / FPS)


ThreadingHTTPServer(("127.0.0.1", 8080), Webcam).serve_forever()
