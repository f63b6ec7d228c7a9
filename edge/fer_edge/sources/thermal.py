"""Keeps the processor below the temperature at which it slows itself down, by fewer frames a second."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

_log = logging.getLogger(__name__)

CHECK_INTERVAL_S = 30.0  # between two checks of the temperature, which takes minutes to change
HYSTERESIS_C = 5.0  # degrees Celsius below the limit at which more frames are allowed again
STEADY_CHECKS = 10  # in a row, neither hot nor cool, after which more frames are tried, too
RATE_FACTOR = 0.7  # of the frame rate is left after a check that finds it too hot
MIN_FPS = 1.0  # frames a second that are always allowed
LOG_INTERVAL_S = 3600.0  # between two warnings, at least
ROOT = Path("/")  # tests give a folder


def celsius(root: Path = ROOT) -> float | None:
    """The processor's temperature, as the kernel has it; None if it does not say."""
    try:
        return float((root / "sys/class/thermal/thermal_zone0/temp").read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):
        return None


class ThermalLimit:
    """How many frames a second the processor may be asked for. All in one thread; times are seconds."""

    def __init__(self, hot: float, celsius: Callable[[], float | None]) -> None:
        """`hot`: degrees Celsius from which on it does less, 0: never; `celsius` gives None if it is not known."""
        self._hot, self._celsius = hot, celsius
        self._limit = 0.0
        self._before = 0.0  # the frame rate when it was not limited
        self._last = 0.0  # degrees Celsius at the last check
        self._steady = 0  # checks in a row that were neither hot nor cool
        self._warned: float | None = None  # seconds, when the last warning was logged
        self._hot_logged = False  # whether its end is to be logged
        self._checked: float | None = None  # seconds, of the last check
        self._frames = 0  # since then

    def limit(self, now: float) -> float:
        """Frames a second at most, 0: no limit. Call it once a frame."""
        self._frames += 1
        if self._hot <= 0:
            return 0.0
        passed = CHECK_INTERVAL_S if self._checked is None else now - self._checked
        if passed >= CHECK_INTERVAL_S:
            # After a pause, or a loss of the camera, the rate says nothing.
            if self._checked is not None and passed < 2 * CHECK_INTERVAL_S:
                self._check(now, self._frames / passed)
            self._checked, self._frames = now, 0
        return self._limit

    def _check(self, now: float, fps: float) -> None:
        celsius = self._celsius()
        if celsius is None:
            self._limit = 0.0
            return
        rises, falls = celsius > self._last, celsius < self._last
        self._last = celsius
        if celsius >= self._hot:
            self._steady = 0
            if not falls:  # what was done already may be enough
                self._less(now, fps, celsius)
        elif self._limit:
            self._steady = 0 if rises else self._steady + 1
            if (celsius <= self._hot - HYSTERESIS_C and not rises) or self._steady >= STEADY_CHECKS:
                self._steady = 0
                self._more()

    def _less(self, now: float, fps: float, celsius: float) -> None:
        if not self._limit:
            self._before = fps
        # Fewer frames may come than are allowed, while no face is in view.
        self._limit = max(min(fps, self._limit or fps) * RATE_FACTOR, MIN_FPS)
        if self._limit < fps and (self._warned is None or now - self._warned >= LOG_INTERVAL_S):
            self._warned, self._hot_logged = now, True
            _log.warning(
                f"hot: {celsius:.0f} °C; fewer frames a second until it is cooler; give it air, or a heat sink"
            )

    def _more(self) -> None:
        self._limit /= RATE_FACTOR
        if self._limit >= self._before:
            self._limit = 0.0
            if self._hot_logged:
                self._hot_logged = False
                _log.info("cool again: as many frames a second as before")
