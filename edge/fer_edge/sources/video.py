"""A video file, frame by frame."""

from __future__ import annotations

import logging
import math
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from fer_edge.errors import SourceError, SourceLost, counted
from fer_edge.files import path_in_utf8
from fer_edge.sources import heif
from fer_edge.sources.containers import ends_in_zeros, is_cut_off
from fer_edge.sources.content import check_media, read_head, what_else
from fer_edge.sources.mounting import Mounting, pixel_aspect
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.picture import file_time
from fer_edge.sources.quiet import quiet_opencv
from fer_edge.types import Frame, Pixels

_log = logging.getLogger(__name__)

THEORA = 0x6F656874  # its FOURCC: it has empty packets where a picture is the one before, of which OpenCV says False
MAX_COUNT = 1e9  # frames; above, OpenCV has reckoned with no duration
MAX_FPS, DEFAULT_FPS = 1000.0, 25.0  # of a file; above, FFmpeg has taken a clock's ticks for frames
MAX_DAMAGED_FRAMES = 30  # in a row, after which it is asked how many are left
MAX_DAMAGED_END_S = 1.0  # that may be left out at the end of a file which is called whole


class VideoFile:
    """Every frame of a video file, as fast as it is read, with the times that the file gives.

    `Frame.time` is the position in the clip, seconds; `Frame.taken` is the time of opening plus that position, so
    durations in the log are those of the video, however fast it was read; with `SourceOptions.file_times` it is the
    time of the file plus that position. Damaged frames are left out and counted.
    """

    live = local = False

    def __init__(self, target: str, options: SourceOptions) -> None:
        """Open the file `target`. Raises SourceError if it is missing, empty, or not a video."""
        self.name = options.name or target
        self.opened = file_time(Path(target)) if options.file_times else datetime.now().astimezone()
        _check(target, self.name)
        quiet_opencv()
        self._path = Path(target)
        self._file = stat.S_ISREG(self._path.stat().st_mode)  # of a pipe nothing can be read again
        self._known: Packets | None = None
        with path_in_utf8(self._path) as path:
            # In this process, unlike a stream: the file is the user's own, is asked for what it holds, and none of its
            # frames may be dropped.
            self._capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            self._capture.release()
            cut_off = self._file and is_cut_off(self._path)
            why = "is cut off, and its index with it" if cut_off else "is not a video that can be read, or is cut off"
            what = what_else(read_head(self._path)) if self._file else ""
            why = f"is neither a video nor a picture, but {what}" if what else f"{why}; copy or record it again"
            raise SourceError(f"video {self.name}: {why}")
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps <= MAX_FPS else DEFAULT_FPS  # frames a second, as the file says
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        # Frames; None if the file does not say. Many containers know their duration alone, so it may be more or less.
        self.length = int(count) if 0 < count < MAX_COUNT else None
        self.still = self.length == 1
        self._repeats = int(self._capture.get(cv2.CAP_PROP_FOURCC)) == THEORA
        self._mounting = Mounting(options.rotate, options.flip, pixel_aspect(self._capture))

    def __iter__(self) -> Iterator[Frame]:
        """The frames from where the last iteration stopped.

        Raises SourceError if there is none; SourceLost, after the last one, if the file is cut off.
        """
        number, seconds, left_out = 0, 0.0, 0
        while (read := self._read(number + left_out)) is not None:
            picture, damaged = read
            left_out += damaged
            damaged = 0 if self._repeats else damaged
            seconds = self._position(number, left_out, seconds)
            picture = self._mounting.apply(picture)
            grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
            taken = self.opened + timedelta(seconds=seconds)
            yield Frame(number, seconds, taken, grey, self.name, picture, damaged)
            number += 1
        if self._capture.isOpened():
            self._finish(number, seconds, left_out)

    def _read(self, before: int) -> tuple[Pixels, int] | None:
        """The next good picture and the number of damaged ones before it; None at the end. `before`: frames so far.

        OpenCV says False both at the end and of a damaged frame, after which the next one may be good.
        """
        damaged, limit = 0, MAX_DAMAGED_FRAMES
        while self._capture.isOpened():
            good, picture = self._capture.read()
            if good:
                return np.asarray(picture, np.uint8), damaged
            damaged += 1
            if damaged == MAX_DAMAGED_FRAMES and self._file and before + damaged < (self.length or 0):
                limit = max(limit, self._packets().frames - before)
            if damaged >= limit:
                return None
        return None

    def _packets(self) -> Packets:
        """What the file holds by its container, without decoding it; read once, and only if frames are missing."""
        if self._known is None:
            with path_in_utf8(self._path) as path:
                self._known = _packets(path)
        return self._known

    def _position(self, number: int, left_out: int, last: float) -> float:
        """Seconds of the frame just read; in damaged files the position may be 0, not a number, or run back."""
        position = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if not math.isfinite(position) or position < last or (number and position == 0):
            position = (number + left_out) / self.fps
        return max(position, last)

    def _finish(self, number: int, seconds: float, left_out: int) -> None:
        """Say what was left out. Raises SourceError if all was, SourceLost if the end was."""
        expected = self.length or 0
        short = number < 0.95 * expected - 1 and seconds < 0.95 * (expected / self.fps) - 1 / self.fps
        if self._file and (is_cut_off(self._path) or ((short or not expected) and ends_in_zeros(self._path))):
            if not number:
                raise SourceError(f"video {self.name}: is cut off before its first frame; copy or record it again")
            of = f"{number} of {counted(expected, 'frame')}" if number < expected else counted(number, "frame")
            raise SourceLost(f"video {self.name}: is cut off: {of} could be read, and were; copy it again for the rest")
        if short and self._file and self._packets().seconds > seconds + MAX_DAMAGED_END_S:
            raise (SourceLost if number else SourceError)(
                f"video {self.name}: is damaged from {seconds:.1f} s to its end at {self._packets().seconds:.1f} s: "
                f"{number} of {expected} frames could be read, and were; copy it again"
            )
        if number == 0:
            raise SourceError(f"video {self.name}: holds no frames; copy or record it again")
        if self._repeats and left_out and self._file:
            left_out = max(left_out - self._packets().empty, 0)
        if left_out:
            _log.warning(f"video {self.name}: {counted(left_out, 'damaged frame')} left out; copy it again for all")

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._capture.release()


def _check(target: str, name: str) -> None:
    """Raise SourceError with the reason, which FFmpeg does not say, if the file cannot be opened."""
    try:
        status = Path(target).stat()
        if stat.S_ISFIFO(status.st_mode) and name != target:
            return  # of a Pipe, which has read its beginning
        if stat.S_ISCHR(status.st_mode):
            raise SourceError(f"video {name}: is a device; a camera is read with: fer-edge run --source {name}")
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"video {name}: is not a file; give the path of a video, a picture or a folder")
        if status.st_size == 0:
            raise SourceError(f"video {name}: is empty (0 bytes); copy or record it again")
        head = read_head(Path(target))
        check_media(head, name)
        if heif.is_heif(head) and (why := heif.check_ffmpeg(Path(target), head, name)):
            raise SourceError(why)
    except PermissionError as cause:
        raise SourceError(f"video {name}: {cause.strerror}; make it readable with: chmod +r") from cause
    except OSError as cause:
        raise SourceError(f"video {name}: {cause.strerror}; check the path") from cause


class Packets(NamedTuple):
    """What a video holds, whether it can be decoded or not."""

    frames: int
    seconds: float  # the last one's position
    empty: int  # of the frames: those that only repeat the one before


def _packets(path: str) -> Packets:
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])  # -1: as they are in the file
    count, last, empty = 0, 0.0, 0
    while capture.grab():
        count += 1
        _, data = capture.retrieve()
        empty += data is None or not data.size
        last = max(last, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)  # not in the order in which they are shown
    capture.release()
    return Packets(count, last, empty)
