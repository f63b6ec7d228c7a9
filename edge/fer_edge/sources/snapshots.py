"""A network camera that gives one JPEG a request: it is asked again and again."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

from fer_edge.errors import SourceError
from fer_edge.sources.content import is_motion_jpeg, kind_of
from fer_edge.sources.http_get import HttpGet
from fer_edge.sources.jpeg_parts import JPEG_START, PROGRESSIVE_TIMES, JpegParts, colours_of, decode_jpeg
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.picture import decode_picture
from fer_edge.types import Pixels

DEFAULT_FPS = 5.0  # requests a second if source.fps names no limit
MAX_BYTES = 10_000_000  # of one answer


class SnapshotCapture:
    """What cv2.VideoCapture is for streams, by one HTTP request for each picture."""

    def __init__(self, url: str, options: SourceOptions) -> None:
        """`url` may have a user and a password, for HTTP's Basic or Digest authentication."""
        self._get = HttpGet(url, options.timeout)
        self._max_pixels = options.max_frame_pixels
        self.interval = 1 / (options.fps or DEFAULT_FPS)  # seconds between two requests
        self._due = 0.0  # time.monotonic() of the next request
        self._stopped = threading.Event()
        self._picture: Pixels | None = None
        self.convert: Callable[[], Pixels] | None = None  # makes its colours, if it is grey
        self._tried = False  # whether the picture came while it was tried, and is still to be given

    def is_picture(self) -> bool:
        """Whether the address gives one picture for a request now; `grab` gives that first."""
        self._tried = self.grab()
        return self._tried

    def grab(self) -> bool:
        """Wait until the next picture is due, and ask for it; False if none came, or a damaged one."""
        if self._tried:
            self._tried = False
            return True
        self._stopped.wait(max(self._due - time.monotonic(), 0))
        self._due = time.monotonic() + self.interval
        self._picture = None
        if self._stopped.is_set():
            return False
        try:
            self._picture = self._decode(self._fetch())
        except (SourceError, OSError, http.client.HTTPException, ValueError):
            return False
        return True

    def _decode(self, data: bytes) -> Pixels:
        """Grey of a JPEG, else BGR. Raises SourceError, ValueError."""
        self.convert = None
        if not data.startswith(JPEG_START):  # rare, and needs more memory
            return decode_picture(BytesIO(data), "picture", self._max_pixels // PROGRESSIVE_TIMES)
        whole = next(JpegParts("", self._max_pixels).feed(data), None)
        if whole is None:
            raise ValueError("cut off")
        self.convert = colours_of(whole, self._max_pixels)
        return decode_jpeg(whole, self._max_pixels)

    def _fetch(self) -> bytes:
        """An answer. Raises ValueError if it is not one picture, OSError, http.client.HTTPException."""
        with self._get.open() as answer:
            if int(answer.headers.get("Content-Length") or 0) > MAX_BYTES:
                raise ValueError("too long")
            data = answer.read_all(MAX_BYTES)
        # Not by its Content-Type: many cameras call a JPEG text/plain or application/octet-stream.
        if kind_of(data) != "picture" or is_motion_jpeg(data):
            raise ValueError("not one picture")
        return data

    def retrieve(self) -> tuple[bool, Any]:
        """(True, the picture that came last: (height, width) grey, or (height, width, 3) BGR)."""
        return self._picture is not None, self._picture

    def stop(self) -> None:
        """End a wait. From any thread."""
        self._stopped.set()
        self._get.deadline.end()

    def release(self) -> None:
        """Nothing is kept open."""
