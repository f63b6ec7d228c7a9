"""What V4L2 and network cameras share: OpenCV reads them, and only the newest frame counts."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import cv2
import numpy as np

from fer_edge.errors import SourceError, first_line
from fer_edge.sources.latest import Closed, Ended, Latest, TimedOut
from fer_edge.sources.mounting import Mounting
from fer_edge.sources.options import SourceOptions, too_large
from fer_edge.types import Frame, Pixels

LARGE_BYTES = 7_500_000  # of a picture: 2.5 megapixels in colour
ENDED_FAILURES, ENDED_S = 30, 0.1  # so many in a row within so many seconds are the end: no camera is that fast


class Grabbed(NamedTuple):
    """One picture, with the times at which the grabbing thread got it."""

    time: float  # time.monotonic()
    taken: datetime  # with zone
    picture: Pixels  # (height, width, 3) BGR, or (height, width) grey
    damaged: int = 0  # pictures left out so far, since the camera was opened
    convert: Callable[[], Pixels] | None = None  # makes the colours of a grey one; may raise ValueError


class LiveSource(ABC):
    """Frames of an open `capture` (a cv2.VideoCapture or an object like it), always the newest one."""

    still, live = False, True
    local: bool  # see fer_edge.types.Source

    def __init__(self, name: str, capture: Any, options: SourceOptions, aspect: float = 1.0) -> None:
        """Take over `capture` and start to grab; no good frame within `options.timeout` seconds is an error.

        `aspect`: of its pixels, width / height.
        """
        self.name = name
        self._options = options
        self._mounting = Mounting(options.rotate, options.flip, aspect)
        self._grabber = _Grabber(capture)
        self._latest: Latest[Grabbed] = Latest(self._grabber, capture.release, name)
        self._grabber.make_room = self._latest.drop

    def __iter__(self) -> Iterator[Frame]:
        """The newest frames, until `close` or a stop. Raises SourceLost, or SourceError if not one frame came."""
        number = damaged = 0
        timeout = self._options.timeout
        while True:
            try:
                grabbed = self._latest.get(timeout, self._options.stopped)
                frame = self._to_frame(grabbed, number, grabbed.damaged - damaged)
            except Closed:
                return
            except TimedOut:
                raise self._lost(number, f"gave no picture for {timeout:g} s") from None
            except Ended:
                raise self._lost(number, "stopped giving pictures") from None
            except (cv2.error, ValueError, RuntimeError, OSError) as cause:
                raise self._lost(number, f"gave invalid picture data ({first_line(cause)})") from cause
            yield frame
            number, damaged = number + 1, grabbed.damaged
            del frame, grabbed  # the next one needs their memory

    def _to_frame(self, grabbed: Grabbed, number: int, damaged: int) -> Frame:
        # Here, not in the grabbing thread, so that dropped frames are not converted.
        height, width = grabbed.picture.shape[:2]
        if height * width > self._options.max_frame_pixels:
            raise ValueError(too_large(width, height, self._options.max_frame_pixels))
        picture = self._mounting.apply(grabbed.picture)
        if picture.ndim == 3 and picture.shape[2] == 3:
            grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
            return Frame(number, grabbed.time, grabbed.taken, grey, self.name, picture, damaged)
        grey = picture.reshape(picture.shape[:2])
        convert = None if grabbed.convert is None else partial(self._in_colour, grabbed.convert)
        return Frame(number, grabbed.time, grabbed.taken, grey, self.name, damaged=damaged, convert=convert)

    def _in_colour(self, convert: Callable[[], Pixels]) -> Pixels:
        return self._mounting.apply(convert())

    @abstractmethod
    def _lost(self, number: int, what: str) -> SourceError:
        """The error to raise after `number` frames; `what` says what happened, as in "gave no picture for 4 s"."""

    def close(self) -> None:
        """Stop grabbing and release the camera. May be called twice, and from another thread."""
        self._grabber.stopped = True
        self._latest.close()


class _Grabber:
    """Takes pictures from `capture` in the grabbing thread. Damaged ones are left out, and counted."""

    def __init__(self, capture: Any) -> None:
        self._capture = capture
        self._damaged = 0  # so far
        self._large = False  # whether the last one was
        self.make_room: Callable[[], None] = lambda: None  # called before a large one is decoded
        self.stopped = False  # set by another thread: a stalled camera fails too slowly to come to its end

    def __call__(self) -> Grabbed | None:
        """The next picture; None if the camera gives no more.

        OpenCV says False both of a damaged picture, after which good ones come, and at the end, where each further call
        fails at once. A camera that gives damaged pictures alone is lost by its silence, see `LiveSource`.
        """
        failed, begun = 0, time.monotonic()
        while not self.stopped:
            if self._capture.grab():
                moment, taken = time.monotonic(), datetime.now().astimezone()
                if self._large:
                    self.make_room()
                good, picture = self._capture.retrieve()
                if good and picture is not None and picture.size:
                    self._large = picture.nbytes > LARGE_BYTES
                    convert = getattr(self._capture, "convert", None)
                    return Grabbed(moment, taken, picture, self._damaged, convert)
            self._damaged += 1
            failed += 1
            if failed % ENDED_FAILURES == 0:
                if time.monotonic() - begun < ENDED_S:
                    return None
                begun = time.monotonic()
        return None
