"""The demo clip as a source: no camera, no network, no private data."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import cv2
import numpy as np

from fer_edge.demo import clip
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.pace import wait_until
from fer_edge.types import Frame


class Demo:
    """The frames of fer_edge.demo.clip; `Frame.time` is the position in the clip, seconds.

    Once, as fast as they are read; with `SourceOptions.shown` in real time, again and again, and `Frame.time` goes on.
    """

    still = live = local = False
    fps = float(clip.FPS)
    length = clip.LENGTH

    def __init__(
        self,
        target: str,
        options: SourceOptions,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Load the portrait. `target` becomes the frames' `source`; the clip has its own size and frame rate."""
        self.name, self._options = options.name or target, options
        self._clock, self._sleep = clock, sleep
        self._clip: clip.Clip | None = clip.Clip()
        self.opened = datetime.now().astimezone()

    def __iter__(self) -> Iterator[Frame]:
        """All frames, from the first one on."""
        due = self._clock()
        for number in itertools.count() if self._options.shown else range(clip.LENGTH):
            if self._options.shown:
                wait_until(due, self._clock, self._sleep, self._options.stopped)
                due = max(due + 1 / clip.FPS, self._clock())  # a loop that fell behind, or a pause, is not caught up
            if self._clip is None:
                return
            colour = self._clip.draw(number % clip.LENGTH)
            grey = np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), np.uint8)
            seconds = number / clip.FPS
            yield Frame(number, seconds, self.opened + timedelta(seconds=seconds), grey, self.name, colour)

    def close(self) -> None:
        """End the clip. May be called twice."""
        self._clip = None
