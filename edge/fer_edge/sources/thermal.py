"""Keeps the processor from getting so hot that it slows itself down: fewer frames, long before everything is late."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

_log = logging.getLogger(__name__)


EVERY = 30.0  # seconds between two looks at the temperature, which takes minutes to follow
COOLER = 5.0  # degrees below the limit at which it may do more again
CALM = 10  # looks in between after which it may try to do more, too
STEP = 0.7  # of the frame rate is left after a look that finds it too hot
SLOWEST = 1.0  # frames a second that it may always do
ROOT = Path("/")  # tests give a folder
SELDOM = 3600.0  # seconds between two times that it is told


def celsius(root: Path = ROOT) -> float | None:
    """The processor's temperature, as the kernel has it; None where it does not tell."""
    try:
        return float((root / "sys/class/thermal/thermal_zone0/temp").read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):
        return None


class ThermalLimit:
    """How many frames a second the processor may be asked for. All in one thread; times are seconds."""

    def __init__(self, hot: float, celsius: Callable[[], float | None]) -> None:
        """`hot`: degrees Celsius from which on it does less, 0: never; `celsius` gives None where nobody knows."""
        self._hot, self._celsius = hot, celsius
        self._limit = 0.0
        self._before = 0.0  # the frame rate when it was not limited
        self._last = 0.0  # degrees at the last look
        self._calm = 0  # looks in a row that were neither hot nor cool
        self._told: float | None = None  # the moment at which it was told that it is hot
        self._telling = False  # whether it is to be told that it is over
        self._looked: float | None = None  # the moment of the last look
        self._frames = 0  # since then

    def limit(self, now: float) -> float:
        """Frames a second at most, 0: no limit; to be asked once a frame."""
        self._frames += 1
        if self._hot <= 0:
            return 0.0
        passed = EVERY if self._looked is None else now - self._looked
        if passed >= EVERY:
            # After a pause, or a loss of the camera, the rate says nothing.
            if self._looked is not None and passed < 2 * EVERY:
                self._look(now, self._frames / passed)
            self._looked, self._frames = now, 0
        return self._limit

    def _look(self, now: float, fps: float) -> None:
        celsius = self._celsius()
        if celsius is None:
            self._limit = 0.0
            return
        rises, falls = celsius > self._last, celsius < self._last
        self._last = celsius
        if celsius >= self._hot:
            self._calm = 0
            if not falls:  # what was done already may be enough
                self._less(now, fps, celsius)
        elif self._limit:
            self._calm = 0 if rises else self._calm + 1
            if (celsius <= self._hot - COOLER and not rises) or self._calm >= CALM:
                self._calm = 0
                self._more()

    def _less(self, now: float, fps: float, celsius: float) -> None:
        if not self._limit:
            self._before = fps
        # What comes may be less than what is allowed, where nobody is there.
        self._limit = max(min(fps, self._limit or fps) * STEP, SLOWEST)
        if self._limit < fps and (self._told is None or now - self._told >= SELDOM):
            self._told, self._telling = now, True
            _log.warning(
                f"hot: {celsius:.0f} °C; fewer frames a second until it is cooler; give it air, or a heat sink"
            )

    def _more(self) -> None:
        self._limit /= STEP
        if self._limit >= self._before:
            self._limit = 0.0
            if self._telling:
                self._telling = False
                _log.info("cool again: as many frames a second as before")
