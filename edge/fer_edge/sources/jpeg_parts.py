"""Cuts what an MJPEG camera sends over HTTP into JPEGs, whatever it writes between them, in little memory.

A JPEG says itself where it ends: its segments have lengths, and in what follows a scan a marker cannot be mistaken. So
a part's Content-Length may be missing or wrong, and so may its headers and the boundary. Boundaries tell what was cut
off, and what is no picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from fer_edge.errors import SourceError
from fer_edge.sources.options import TooLargeError, too_large
from fer_edge.sources.picture import WHOLE_PIXELS, decode, decode_grey, open_image, pillow_errors
from fer_edge.types import Pixels

BYTES_A_PIXEL = 2  # of a JPEG at most; noise in the best quality has 1.2 in the usual 4:2:0
MIN_LIMIT_BYTES = 1 << 18  # that a picture may have, however small: it may carry a preview, a name, a place
MAX_SCANS = 50  # of a picture; a progressive one has about ten, and each goes over the whole picture
MAX_SEGMENTS = 1000  # of a picture
PROGRESSIVE_TIMES = (
    4  # as many pixels a plain JPEG may have: a decoder holds six bytes more for each of a progressive one
)
MAX_KEPT_BYTES = 4_000_000  # of a JPEG that is kept for its colours: a good one of nine megapixels
MAX_LINE_BYTES, MAX_LINES = 8192, 100  # of a part's headers

_FORMATS = ("JPEG",)
JPEG_START = b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff+([^\xff])")
_AFTER_SCAN = re.compile(rb"\xff([\xc0-\xcf\xd8-\xdf\xe0-\xef\xfe])")  # all others are data, or damage
_FIRST_LINE = re.compile(rb"(?:\A|\n)(--[!-~]{1,70})[ \t]*\r?\n")  # of a part whose boundary nobody named
_KEPT_BYTES = 128  # of what is skipped: the beginning of a boundary or a picture may be in it
_START_MARKER, _END_MARKER, _SCAN = 0xD8, 0xD9, 0xDA
_ALONE = (0x01, *range(0xD0, 0xD8))  # markers without a segment
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # that name the picture's size
_PLAIN_FRAMES = (0xC0, 0xC1)
_SURE_BYTES = 8  # of a delimiter that no picture holds by chance


class JpegParts:
    """Takes bytes as they come, and gives pictures as soon as their last byte is there."""

    def __init__(self, boundary: str, max_pixels: int) -> None:
        """`boundary` as the answer's Content-Type names it, with or without leading dashes; "": it names none."""
        self._max_pixels = max_pixels
        self.max_bytes = max(MIN_LIMIT_BYTES, BYTES_A_PIXEL * max_pixels)  # of one picture
        name = boundary.strip().lstrip("-").encode("latin-1", "replace")
        self._delimiter = b"--" + name if name else b""
        self._parts = 0  # that have begun; 1: a server that sends its boundary once, and then bare pictures
        self._data = bytearray()
        self._lines = -1  # of headers that have come; -1: it is not in headers
        self._expected = False  # whether this part has not given its picture yet
        self._skipped = False  # whether no picture is looked for until the next delimiter
        self._walk: _Walk | None = None  # in a picture, which _data begins with
        self._searched = 0  # bytes of it that hold no delimiter

    @property
    def begun(self) -> bool:
        """Whether a picture has begun that is not complete yet."""
        return self._walk is not None

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        """The pictures that are complete with `data`, in order; None stands for a damaged one.

        Raises TooLargeError after them if the next one is larger than it may be.
        """
        self._data += data
        go_on = True
        while go_on:
            found: list[bytes | None] = []
            if self._walk is not None:
                go_on = self._picture(self._walk, found)
            elif self._lines >= 0:
                go_on = self._headers()
            else:
                go_on = self._between(found)
            yield from found

    def _between(self, found: list[bytes | None]) -> bool:
        """Go to the next delimiter or picture; False if more has to come first."""
        start = -1 if self._skipped else self._data.find(JPEG_START)
        if not self._delimiter and (line := _FIRST_LINE.search(self._data[: start if start >= 0 else None])):
            self._delimiter = line[1]
        before = start if start >= 0 else len(self._data)
        place = self._data.find(self._delimiter, 0, before) if self._delimiter else -1
        if place >= 0:
            if self._expected:
                found.append(None)
            del self._data[: place + len(self._delimiter)]
            self._parts += 1
            self._lines = 0
            self._expected = self._skipped = False
            return True
        if start >= 0:
            del self._data[:start]
            self._walk, self._searched = _Walk(self._max_pixels), len(JPEG_START)
            return True
        del self._data[:-_KEPT_BYTES]
        return False

    def _headers(self) -> bool:
        """Read a line of a part's headers, of which some cameras send none; False if more has to come first."""
        place = self._data.find(b"\n")
        if self._data.find(JPEG_START, 0, max(place, len(JPEG_START)) if self._lines == 0 else len(JPEG_START)) >= 0:
            self._expected, self._lines = True, -1
            return True
        if place < 0 and len(self._data) <= MAX_LINE_BYTES:
            return False
        line = bytes(self._data[: max(place, 0)]).strip()
        if self._lines == 0:  # the rest of the delimiter's: "--" after the last part
            self._expected = not line.startswith(b"--")
        elif not line or b":" not in line:
            self._lines = -1  # a line that is no header is a part of the body
            return True
        else:
            self._header(line)
        del self._data[: place + 1]
        self._lines += 1
        if self._lines > MAX_LINES:
            self._lines = -1
        return True

    def _header(self, line: bytes) -> None:
        name, _, value = line.lower().partition(b":")
        name, value = name.strip(), value.strip()
        if name == b"content-type" and not value.startswith(b"image/"):
            self._expected = False  # it may be one all the same
            self._skipped = value.startswith(b"audio/")
        if name == b"content-length" and value.isdigit():
            self._check_length(int(value[:20]))

    def _check_length(self, length: int) -> None:
        if length > self.max_bytes:
            raise TooLargeError(
                f"a picture of {length / 1e6:,.1f} MB, the limit is {self.max_bytes / 1e6:g} MB; "
                "choose a smaller one there, or raise source.max_megapixels"
            )

    def _picture(self, walk: _Walk, found: list[bytes | None]) -> bool:
        """Go to the end of a picture; False if more has to come first."""
        end = walk.go_on(self._data)
        delimiter = self._delimiter if len(self._delimiter) >= _SURE_BYTES else b"\n" + self._delimiter
        limit = len(self._data) if end is None else end
        place = self._data.find(delimiter, self._searched, limit) if self._delimiter else -1
        if end is None and place < 0:
            self._searched = max(len(self._data) - len(delimiter), len(JPEG_START))
            self._check_length(len(self._data))
            return False
        cut_off = place >= 0
        found.append(None if cut_off or walk.damaged else bytes(self._data[:end]))
        del self._data[: place if cut_off else end]
        self._walk, self._expected = None, False
        self._skipped = self._parts > 1 and not cut_off  # what else is in the part is a preview, or damaged
        return True


def decode_jpeg(jpeg: bytes, max_pixels: int) -> Pixels:
    """A whole JPEG as JpegParts gives it, (height, width) grey, turned as its EXIF says. Raises SourceError."""
    return _decode(jpeg, max_pixels, decode_grey, cv2.IMREAD_GRAYSCALE)


def decode_colours(jpeg: bytes, max_pixels: int) -> Pixels:
    """The same in its colours, (height, width, 3) BGR. Raises ValueError."""
    try:
        return _decode(jpeg, max_pixels, lambda image: decode(image, "picture", max_pixels), cv2.IMREAD_COLOR)
    except SourceError as cause:
        raise ValueError(str(cause)) from None


def colours_of(jpeg: bytes, max_pixels: int) -> Callable[[], Pixels] | None:
    """What makes the colours of a whole JPEG; None if that much is not kept for them."""
    return partial(decode_colours, jpeg, max_pixels) if len(jpeg) <= MAX_KEPT_BYTES else None


def _decode(jpeg: bytes, max_pixels: int, by_pillow: Callable[[Image.Image], Pixels], by_opencv: int) -> Pixels:
    """A large one by OpenCV, which needs less memory than Pillow, and writes of some damage to standard error."""
    data = BytesIO(jpeg)
    with pillow_errors(data, "picture", _FORMATS), open_image(data, _FORMATS) as image:
        if image.width * image.height <= WHOLE_PIXELS:
            return by_pillow(image)
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), by_opencv)
    if picture is None or picture.shape[0] * picture.shape[1] > max_pixels:
        raise SourceError("picture: is damaged")
    return np.asarray(picture, np.uint8)


class _Walk:
    """The way through a JPEG from marker to marker, as far as it has come."""

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._place = 2  # after the start's marker
        self._in_scan = False
        self._scans = self._segments = 0
        self.damaged = False

    def go_on(self, data: bytearray) -> int | None:
        """Where the picture in `data` ends; None: not in what has come. Raises TooLargeError if it is too large."""
        while self._place < len(data):
            pattern = _AFTER_SCAN.search if self._in_scan else _MARKER.match
            if (marker := pattern(data, self._place)) is None:
                if not self._in_scan and data[self._place] != 0xFF:
                    return self._end_damaged(self._place)
                self._place = max(self._place, len(data) - 1)  # the last byte may begin a marker
                return None
            kind = marker[1][0]
            if kind == _END_MARKER:
                return marker.end()
            if kind == _START_MARKER:  # another picture
                return self._end_damaged(marker.start())
            if kind in _ALONE:
                self._place = marker.end()
                continue
            if not self._enter(data, kind, marker.end()):
                self._place = marker.start()
                return None
            if self.damaged:
                return marker.end()
        return None

    def _enter(self, data: bytearray, kind: int, place: int) -> bool:
        """Go over the segment at `place`; False if its beginning has not come. Raises TooLargeError."""
        if len(data) < place + (7 if kind in _FRAMES else 2):
            return False
        length = int.from_bytes(data[place : place + 2])
        if kind in _FRAMES:
            height, width = (int.from_bytes(data[place + at : place + at + 2]) for at in (3, 5))
            most = self._max_pixels if kind in _PLAIN_FRAMES else self._max_pixels // PROGRESSIVE_TIMES
            if width * height > most:
                kind_in_words = "" if kind in _PLAIN_FRAMES else "a progressive JPEG "
                raise TooLargeError(kind_in_words + too_large(width, height, most))
        self._segments += 1
        self._scans += kind == _SCAN
        self._in_scan = kind == _SCAN
        self._place = place + length
        self.damaged = length < 2 or self._scans > MAX_SCANS or self._segments > MAX_SEGMENTS
        return True

    def _end_damaged(self, place: int) -> int:
        self.damaged = True
        return max(place, 2)
