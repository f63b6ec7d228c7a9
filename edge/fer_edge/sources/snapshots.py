"""A network camera that gives one JPEG a request: it is asked again and again."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.error
import urllib.request
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from fer_edge.errors import SourceError
from fer_edge.sources.content import HEAD_BYTES, kind_of
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.picture import decode_picture
from fer_edge.types import Pixels

DEFAULT_FPS = 5.0  # requests a second if source.fps names no limit
MAX_BYTES = 10_000_000  # of one answer


class SnapshotCapture:
    """What cv2.VideoCapture is for streams, by one HTTP request for each picture."""

    def __init__(self, url: str, options: SourceOptions) -> None:
        """`url` may have a user and a password, for HTTP's Basic or Digest authentication."""
        self._fetcher = _Fetcher(url, options.timeout)
        self._max_pixels = options.max_frame_pixels
        self.interval = 1 / (options.fps or DEFAULT_FPS)  # seconds between two requests
        self._due = 0.0  # time.monotonic() of the next request
        self._stopped = threading.Event()
        self._picture: Pixels | None = None
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
            self._picture = decode_picture(BytesIO(self._fetcher.fetch()), "picture", self._max_pixels)
        except (SourceError, OSError, http.client.HTTPException, ValueError):
            return False
        return True

    def retrieve(self) -> tuple[bool, Any]:
        """(True, the picture that came last, (height, width, 3) BGR)."""
        return self._picture is not None, self._picture

    def stop(self) -> None:
        """End a wait. From any thread."""
        self._stopped.set()

    def release(self) -> None:
        """Nothing is kept open."""


class _Fetcher:
    """Gets the picture of one address, whose secrets it never shows."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        bare = parts.netloc.rpartition("@")[2]
        self._url, self._timeout = urlunsplit((parts.scheme, bare, parts.path, parts.query, "")), timeout
        handlers: list[Any] = []
        if parts.username is not None:
            passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
            passwords.add_password(None, self._url, unquote(parts.username), unquote(parts.password or ""))
            handlers = [
                urllib.request.HTTPDigestAuthHandler(passwords),
                urllib.request.HTTPBasicAuthHandler(passwords),
            ]
        self._opener = urllib.request.build_opener(*handlers)

    def fetch(self) -> bytes:
        """The answer. Raises ValueError if it is no picture, OSError, http.client.HTTPException."""
        with self._opener.open(self._url, timeout=self._timeout) as answer:
            if int(answer.headers.get("Content-Length") or 0) > MAX_BYTES:
                raise ValueError("too long")
            data: bytes = answer.read(HEAD_BYTES)
            # Not by its Content-Type: many cameras call a JPEG text/plain or application/octet-stream.
            if kind_of(data) != "picture":
                raise ValueError("no picture")
            data += answer.read(MAX_BYTES + 1 - len(data))
        if len(data) > MAX_BYTES:
            raise ValueError("too long")
        return data
