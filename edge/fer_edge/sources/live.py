"""What V4L2 and network cameras share: OpenCV reads them, and only the newest frame counts."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import cv2
import numpy as np

from fer_edge.errors import SourceError, first_line
from fer_edge.sources.latest import Closed, Ended, Latest, TimedOut
from fer_edge.sources.options import SourceOptions
from fer_edge.types import Frame, Pixels

MAX_DAMAGED_FRAMES = 30  # in a row, about a second; then the camera counts as lost


class Grabbed(NamedTuple):
    """One picture, with the times at which the grabbing thread got it."""

    time: float  # time.monotonic()
    taken: datetime  # with zone
    picture: Pixels  # (height, width, 3) BGR, or (height, width) grey


class LiveSource(ABC):
    """Frames of an open `capture` (a cv2.VideoCapture or an object like it), always the newest one."""

    still, live = False, True
    local: bool  # see fer_edge.types.Source

    def __init__(self, name: str, capture: Any, options: SourceOptions) -> None:
        """Take over `capture` and start to grab; no frame within `options.timeout` seconds is an error."""
        self.name = name
        self._options = options
        self._latest: Latest[Grabbed] = Latest(lambda: _grab(capture), capture.release, name)

    def __iter__(self) -> Iterator[Frame]:
        """The newest frames, until `close` or a stop. Raises SourceLost, or SourceError if not one frame came."""
        number = 0
        timeout = self._options.timeout
        while True:
            try:
                frame = _to_frame(self._latest.get(timeout, self._options.stopped), number, self.name)
            except Closed:
                return
            except TimedOut:
                raise self._lost(number, f"gave no picture for {timeout:g} s") from None
            except Ended:
                raise self._lost(number, "stopped giving pictures") from None
            except (cv2.error, ValueError, RuntimeError, OSError) as cause:
                raise self._lost(number, f"gave invalid picture data ({first_line(cause)})") from cause
            yield frame
            number += 1

    @abstractmethod
    def _lost(self, number: int, what: str) -> SourceError:
        """The error to raise after `number` frames; `what` says what happened, as in "gave no picture for 4 s"."""

    def close(self) -> None:
        """Stop grabbing and release the camera. May be called twice, and from another thread."""
        self._latest.close()


def _grab(capture: Any) -> Grabbed | None:
    """The next picture; None if the camera gives no more."""
    # A damaged picture now and then is normal on USB and is skipped.
    for _ in range(MAX_DAMAGED_FRAMES):
        if not capture.grab():
            return None
        moment, taken = time.monotonic(), datetime.now().astimezone()
        good, picture = capture.retrieve()
        if good and picture is not None and picture.size:
            return Grabbed(moment, taken, picture)
    return None


def _to_frame(grabbed: Grabbed, number: int, name: str) -> Frame:
    # Here, not in the grabbing thread, so that dropped frames are not converted.
    picture = grabbed.picture
    if picture.ndim == 3 and picture.shape[2] == 3:
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        return Frame(number, grabbed.time, grabbed.taken, grey, name, picture)
    return Frame(number, grabbed.time, grabbed.taken, picture.reshape(picture.shape[:2]), name)
