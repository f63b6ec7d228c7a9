"""A video file, frame by frame."""

from __future__ import annotations

import math
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from fer_edge.errors import SourceError, SourceLost
from fer_edge.files import path_in_utf8
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.quiet import quiet_opencv
from fer_edge.types import Frame


class VideoFile:
    """Every frame of a video file, as fast as it is read, with the times that the file gives.

    `Frame.time` is the position in the clip, seconds; `Frame.taken` is the time of opening plus that position, so
    durations in the log are those of the video, however fast it was read.
    """

    live = local = False

    def __init__(self, target: str, options: SourceOptions) -> None:
        """Open the file `target`. Raises SourceError if it is missing, empty, or not a video."""
        self.name = options.name or target
        self.opened = datetime.now().astimezone()
        _check(target, self.name)
        quiet_opencv()
        with path_in_utf8(Path(target)) as path:
            self._capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(
                f"video {self.name}: is not a video that can be read, or is cut off; copy or record it again"
            )
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if math.isfinite(fps) and fps > 0 else 25.0  # frames a second, as the file says
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.length = int(count) if 0 < count < 1e9 else None  # frames; None if the file does not say
        self.still = self.length == 1

    def __iter__(self) -> Iterator[Frame]:
        """The frames from where the last iteration stopped.

        Raises SourceError if there is none; SourceLost, after the last one, if the file is cut off.
        """
        number, seconds = 0, 0.0
        while self._capture.isOpened():
            good, picture = self._capture.read()
            if not good:
                self._finish(number, seconds)
                return
            seconds = self._position(number, seconds)
            grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
            taken = self.opened + timedelta(seconds=seconds)
            yield Frame(number, seconds, taken, grey, self.name, np.asarray(picture, np.uint8))
            number += 1

    def _position(self, number: int, last: float) -> float:
        """Seconds of the frame just read; in damaged files the position may be 0, not a number, or run back."""
        position = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if not math.isfinite(position) or position < last or (number and position == 0):
            position = number / self.fps
        return max(position, last)

    def _finish(self, number: int, seconds: float) -> None:
        if number == 0:
            raise SourceError(f"video {self.name}: holds no frames; copy or record it again")
        # Some containers only estimate the count from the duration, so both must fall short.
        expected = self.length or 0
        if number < 0.95 * expected - 1 and seconds < 0.95 * (expected / self.fps) - 1 / self.fps:
            raise SourceLost(
                f"video {self.name}: is cut off: {number} of {expected} frames could be read, and were; "
                "copy it again for the rest"
            )

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._capture.release()


def _check(target: str, name: str) -> None:
    """Raise SourceError with the reason, which FFmpeg does not say, if the file cannot be opened."""
    try:
        status = Path(target).stat()
        if stat.S_ISFIFO(status.st_mode) and name != target:
            return  # of a Pipe, which has read its beginning
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"video {name}: is not a file; give the path of a video, a picture or a folder")
        if status.st_size == 0:
            raise SourceError(f"video {name}: is empty (0 bytes); copy or record it again")
        with Path(target).open("rb"):
            pass
    except OSError as cause:
        raise SourceError(f"video {name}: {cause.strerror}; check the path") from cause
