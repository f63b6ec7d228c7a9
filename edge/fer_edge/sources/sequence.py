"""Pictures that hold several: animated WebP, PNG and AVIF, which move, and TIFF with several pages, which do not.

Animated GIF is read as a video.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count, takewhile
from pathlib import Path

import cv2
import numpy as np

from fer_edge.errors import SourceError, SourceLost, counted
from fer_edge.sources import heif
from fer_edge.sources.content import read_head
from fer_edge.sources.mounting import Mounting
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.picture import begins_tiff, decode, file_time, is_reduced, open_image, pillow_errors
from fer_edge.types import Frame, Pixels

DEFAULT_DURATION_S = 0.1  # of a frame that names none, or less than a screen shows, as browsers have it
MIN_DURATION_S = 0.011
_WEBP_FLAGS, _WEBP_ANIMATED = 20, 0x02  # the place of the flags of its chunk VP8X, and one of them


def is_animated(path: Path) -> bool:
    """Whether the picture at `path` is an animated WebP, PNG or AVIF, by its first bytes. Raises OSError."""
    return begins_animation(read_head(path))


def begins_animation(head: bytes) -> bool:
    """Whether a file that begins with `head` is one, and Pillow reads it."""
    if heif.moves(head):
        return bool(heif.formats(head))
    if head[:4] == b"RIFF" and head[12:16] == b"VP8X" and len(head) > _WEBP_FLAGS:
        return bool(head[_WEBP_FLAGS] & _WEBP_ANIMATED)
    return head[:4] == b"\x89PNG" and b"acTL" in head.partition(b"IDAT")[0]


def has_pages(path: Path) -> bool:
    """Whether the picture at `path` is a TIFF of several pages. Raises OSError."""
    if not begins_tiff(read_head(path)):
        return False
    try:
        with OpenedPicture(path, f"picture {path}", SourceOptions().max_pixels) as opened:
            return opened.has(1)
    except SourceError as error:
        return error.exit_code == SourceLost.exit_code  # of the second page, and not of the first


class OpenedPicture:
    """A file with several pictures, open. Raises SourceError."""

    def __init__(self, path: Path, name: str, max_pixels: int) -> None:
        self._path, self._name, self._max_pixels = path, name, max_pixels
        try:
            with pillow_errors(path, name):
                self._image = open_image(path)
        except OSError as cause:
            raise SourceError(f"{name}: {cause.strerror}; check the path") from cause
        self.closed = False

    @property
    def duration(self) -> float | None:
        """Milliseconds for which the picture that was read last is shown."""
        return self._image.info.get("duration")

    def frames(self) -> range:
        """The places of an animation's frames."""
        with pillow_errors(self._path, self._name):
            # A PNG may begin with a picture for programs that know no animations.
            return range(int(bool(self._image.info.get("default_image"))), getattr(self._image, "n_frames", 1))

    def has(self, place: int) -> bool:
        """Whether there is a page at `place`, all before it being there. Raises SourceLost if that one is damaged."""
        try:
            with pillow_errors(self._path, self._name, ends=True):
                self._image.seek(place)
        except EOFError:
            return False
        except SourceError as error:
            raise SourceLost(str(error)) from error
        return True

    def is_reduced(self) -> bool:
        """Whether the page that was sought last is a smaller copy of another one."""
        return is_reduced(getattr(self._image, "tag_v2", {}))

    def has_whole_page(self) -> bool:
        """Whether any page is no smaller copy. Raises SourceError."""
        return any(not self.is_reduced() for _ in takewhile(self.has, count()))

    def read(self, place: int) -> Pixels:
        """The picture at `place`, (height, width, 3) BGR."""
        with pillow_errors(self._path, self._name):
            self._image.seek(place)
            return decode(self._image, self._name, self._max_pixels)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self.closed = True
        self._image.close()

    def __enter__(self) -> OpenedPicture:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Animation:
    """The frames of an animated WebP, PNG or AVIF, with the times that it gives them."""

    still = live = local = False

    def __init__(self, target: str, options: SourceOptions) -> None:
        """Open the file `target`. Raises SourceError."""
        self.name = options.name or target
        self.opened = file_time(Path(target)) if options.file_times else datetime.now().astimezone()
        self._mounting = Mounting(options.rotate, options.flip)
        self._picture = OpenedPicture(Path(target), f"picture {self.name}", options.max_pixels)
        self._places = self._picture.frames()
        self.length = len(self._places)
        # Of an annotated copy, which has one rate for all frames.
        self.fps = 1 / _duration(self._picture.duration)

    def __iter__(self) -> Iterator[Frame]:
        """All frames. Raises SourceError if there is none, SourceLost if it is cut off."""
        seconds = 0.0
        for number, place in enumerate(self._places):
            if self._picture.closed:
                return
            try:
                colour = self._mounting.apply(self._picture.read(place))
            except SourceError as error:
                raise (SourceLost if number else SourceError)(f"{error}; {counted(number, 'frame')} read") from error
            grey = np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), np.uint8)
            taken = self.opened + timedelta(seconds=seconds)
            yield Frame(number, seconds, taken, grey, self.name, colour)
            seconds += _duration(self._picture.duration)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._picture.close()


class Pages:
    """The pages of a TIFF, each a picture by itself; smaller copies of a page are left out."""

    still, live, local = True, False, False

    def __init__(self, target: str, options: SourceOptions) -> None:
        """Open the file `target`. Raises SourceError."""
        self.name = options.name or target
        self._path = Path(target)
        self._mounting = Mounting(options.rotate, options.flip)
        self._picture = OpenedPicture(self._path, f"picture {self.name}", options.max_pixels)
        self.length: int | None = None  # pages; not known before the last one

    def __iter__(self) -> Iterator[Frame]:
        """The pages; their `time` is their number, as in a folder. Raises SourceError, SourceLost after the first."""
        taken = file_time(self._path)
        number = place = 0
        while not self._picture.closed:
            try:
                if not self._picture.has(place):
                    return
                place += 1
                if self._picture.is_reduced() and (number or self._picture.has_whole_page()):
                    continue
                colour = self._mounting.apply(self._picture.read(place - 1))
            except SourceError as error:
                raise (SourceLost if number else SourceError)(f"{error}; {counted(number, 'page')} read") from error
            grey = np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), np.uint8)
            yield Frame(number, float(number), taken, grey, self.name, colour)
            number += 1

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._picture.close()


def _duration(milliseconds: float | None) -> float:
    """Seconds for which a frame is shown."""
    seconds = (milliseconds or 0) / 1000
    return seconds if seconds >= MIN_DURATION_S else DEFAULT_DURATION_S
