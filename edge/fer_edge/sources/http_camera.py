"""A network camera on HTTP that gives JPEGs: one after the other in one answer, or one a request.

FFmpeg reads such streams too, but takes as much memory for a picture as the camera names or sends.
"""

from __future__ import annotations

import http.client
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from fer_edge.errors import SourceError
from fer_edge.sources.content import HEAD_BYTES, kind_of
from fer_edge.sources.http_get import Answer, HttpGet
from fer_edge.sources.jpeg_parts import JPEG_START, JpegParts, colours_of, decode_jpeg
from fer_edge.sources.options import SourceOptions, TooLargeError
from fer_edge.sources.snapshots import SnapshotCapture
from fer_edge.types import Pixels

READ_MARGIN_S = 1.0  # that a read may take longer than the source waits for a frame, which says what is wrong
_DELIMITER = b"--"

Capture: TypeAlias = "MotionJpegCapture | SnapshotCapture"


def open_http(url: str, options: SourceOptions) -> Capture | None:
    """What `url` gives, if that is JPEGs or pictures; None: something else, such as HLS or MP4.

    Raises TooLargeError, ValueError if no picture comes, OSError if it does not answer.
    """
    get = HttpGet(url, options.timeout)
    try:
        answer = get.open()
    except http.client.HTTPException:  # not quite HTTP: FFmpeg may understand it
        return None
    capture: MotionJpegCapture | None = None
    try:
        several = answer.headers.get_content_maintype() == "multipart"
        head = b"" if several else _head(answer)
        if several or head.lstrip().startswith(_DELIMITER) or (_is_jpeg(head) and not _has_length(answer)):
            capture = MotionJpegCapture(answer, get, head, options)
            if several or not capture.is_single():
                return capture
    finally:
        if capture is None or capture.ended:
            answer.close()
    if kind_of(head) != "picture":
        return None
    snapshots = SnapshotCapture(url, options)
    if not snapshots.is_picture():
        raise ValueError("no picture")
    return snapshots


def _head(answer: Answer) -> bytes:
    """What the answer's body begins with, as much as it takes to know what it is. Raises ValueError."""
    head = b""
    with suppress(OSError, http.client.HTTPException):  # what came says enough, or FFmpeg tries
        while len(head) < HEAD_BYTES and not _is_jpeg(head) and (more := answer.read()):
            head += more
    return head


def _is_jpeg(head: bytes) -> bool:
    return head.startswith(JPEG_START)


def _has_length(answer: Answer) -> bool:
    return "Content-Length" in answer.headers


class MotionJpegCapture:
    """What cv2.VideoCapture is, for an answer that holds JPEGs; its first picture has come when it is made."""

    def __init__(self, answer: Answer, get: HttpGet, first: bytes, options: SourceOptions) -> None:
        """Read on from `first`, which came already. Raises ValueError if no picture comes, TooLargeError."""
        self._answer, self._get = answer, get
        self._timeout = options.timeout + READ_MARGIN_S
        self._max_pixels = options.max_frame_pixels
        self._parts = JpegParts(answer.headers.get_boundary("") or "", options.max_frame_pixels)
        self._found: deque[bytes | None] = deque()
        self._jpeg: bytes | None = None
        self.convert: Callable[[], Pixels] | None = None  # makes the colours of the picture that came last
        self._too_large: TooLargeError | None = None  # what comes after _found
        self.ended = False
        self._feed(first)
        get.deadline.start(options.timeout)
        self._first = self._first_picture()  # until it is given

    def _first_picture(self) -> Any:
        while not self.ended:
            if self._next() and (picture := self._decode()) is not None:
                return picture
        raise ValueError("no picture")

    def grab(self) -> bool:
        """Wait for the next picture; False if it is damaged, and at the end. Raises TooLargeError."""
        self._get.deadline.start(self._timeout)
        return self._first is not None or self._next()

    def retrieve(self) -> tuple[bool, Any]:
        """(True, the picture that came last, (height, width) grey); (False, None) if it is damaged."""
        picture, self._first = self._first, None
        if picture is None:
            picture = self._decode()
        return picture is not None, picture

    def is_single(self) -> bool:
        """Whether the answer ends after its first picture, so that the next one is another request's."""
        while not self.ended and not self._found and not self._parts.begun:
            self._read()
        return self.ended and not self._found

    def _next(self) -> bool:
        while not self._found and not self.ended:
            self._read()
        if not self._found and self._too_large is not None:
            raise self._too_large
        self._jpeg = self._found.popleft() if self._found else None
        return self._jpeg is not None

    def _read(self) -> None:
        data = b""
        with suppress(OSError, http.client.HTTPException):  # which is the end as well
            data = self._answer.read()
        self.ended = not data
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        try:
            self._found.extend(self._parts.feed(data))
        except TooLargeError as error:
            self._too_large, self.ended = error, True

    def _decode(self) -> Any:
        if self._jpeg is None:
            return None
        try:
            picture = decode_jpeg(self._jpeg, self._max_pixels)
        except SourceError:
            return None
        self.convert = colours_of(self._jpeg, self._max_pixels)
        return picture

    def stop(self) -> None:
        """End a wait. From any thread."""
        self._get.deadline.end()

    def release(self) -> None:
        """End the connection."""
        self._answer.close()
