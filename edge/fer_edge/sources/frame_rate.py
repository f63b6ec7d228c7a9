"""Holds a source back to so many frames a second: fewer while no face is in view, or while the processor is hot."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from fer_edge.settings import SourceSettings
from fer_edge.sources.pace import wait_until
from fer_edge.sources.thermal import ThermalLimit, celsius
from fer_edge.types import Frame, Observation, Sink


class FrameRateLimit(Sink):
    """At most `fps` frames a second of real time, and `idle_fps` after `idle_seconds` without a face; 0: no limit.

    As a sink it learns whether there are faces. `thermal` may ask for fewer frames still. `stopped` ends a wait.
    """

    def __init__(
        self,
        fps: float,
        stopped: Callable[[], bool],
        idle_fps: float = 0.0,
        idle_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        thermal: ThermalLimit | None = None,
    ) -> None:
        self._fps, self._idle_fps, self._idle_seconds = fps, idle_fps, idle_seconds
        self._thermal, self._stopped, self._clock, self._sleep = thermal, stopped, clock, sleep
        self._seen: float | None = None  # frame time, seconds, of the last face; or of the first frame

    def frames(self, source: Iterable[Frame]) -> Iterator[Frame]:
        """The frames of `source`.

        It waits before it asks for the next frame: a camera then gives its newest, a file its next.
        """
        due = self._clock()
        for frame in source:
            yield frame
            fps = self._rate(frame.time)
            if fps <= 0:
                continue
            # A loop that fell behind does not catch up: the next frame is due from now on.
            due = max(due + 1 / fps, self._clock())
            wait_until(due, self._clock, self._sleep, self._stopped)

    def _rate(self, now: float) -> float:
        self._seen = now if self._seen is None else self._seen
        idle = self._idle_fps > 0 and now > self._seen and now - self._seen >= self._idle_seconds
        limits = (
            self._fps,
            self._idle_fps if idle else 0.0,
            self._thermal.limit(self._clock()) if self._thermal is not None else 0.0,
        )
        return min((limit for limit in limits if limit > 0), default=0.0)

    def write(self, observation: Observation) -> None:
        """Note whether a face is in view."""
        if observation.faces:
            self._seen = observation.frame.time

    def close(self) -> None:
        """Nothing to release."""


def frame_rate_limit(settings: SourceSettings, live: bool, stopped: Callable[[], bool]) -> FrameRateLimit:
    """The limit that `settings` ask for; only a `live` source is slowed down while no face is in view."""
    idle_fps = settings.idle_fps if live else 0.0
    return FrameRateLimit(
        settings.fps, stopped, idle_fps, settings.idle_seconds, thermal=ThermalLimit(settings.hot_celsius, celsius)
    )
