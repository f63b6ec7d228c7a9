"""The tour as a source: a live camera that does not exist, with people who are drawn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import ClassVar

import cv2
import numpy as np

from fer_edge.demo import tour
from fer_edge.errors import SourceLost
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.pace import wait_until
from fer_edge.types import INVENTED_SOURCE, Frame


class Tour:
    """The pictures of fer_edge.demo.tour in real time, again and again; `Frame.time` counts from the first one.

    The script goes on while it is closed, so that a pause and a loss, which close it, are a part of it.
    """

    still = local = False
    live = True
    began: ClassVar[float | None] = None  # seconds on the clock, when this program first opened it

    def __init__(
        self,
        target: str,  # noqa: ARG002 - every source has it
        options: SourceOptions,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin, or go on. Raises SourceLost while the script has the camera lost."""
        self._options, self._clock, self._sleep = options, clock, sleep
        self._closed = False
        if Tour.began is None:
            Tour.began = clock()
        self._began = Tour.began
        _check(self._now() % tour.LENGTH_S)

    def _now(self) -> float:
        return self._clock() - self._began

    def __iter__(self) -> Iterator[Frame]:
        """The frames. Raises SourceLost where the script has the camera lost."""
        number = int(self._now() * tour.FPS)
        before = number / tour.FPS % tour.LENGTH_S
        while not self._closed:
            number = max(number + 1, int(self._now() * tour.FPS))  # a loop that fell behind gets the newest
            seconds = number / tour.FPS
            wait_until(self._began + seconds, self._clock, self._sleep, self._options.stopped)
            second = seconds % tour.LENGTH_S
            _check(second)
            if before < tour.PAUSE_AT_S <= second:
                self._options.pause(tour.PAUSE_S)
            before = second
            colour = tour.draw(second)
            grey = np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), np.uint8)
            yield Frame(number, seconds, datetime.now().astimezone(), grey, INVENTED_SOURCE, colour)

    def close(self) -> None:
        """End it. May be called twice."""
        self._closed = True


def _check(second: float) -> None:
    """Raise SourceLost if the script has the camera lost at `second`."""
    if tour.LOST_AT_S <= second < tour.LOST_AT_S + tour.LOST_S:
        raise SourceLost("tour: the camera is lost, as its script has it")
