"""Keeps the processor from getting so hot that it slows itself down: fewer frames, long before everything is late."""

from __future__ import annotations

from collections.abc import Callable

from edge.tell import tell

EVERY = 10.0  # seconds between two looks at the temperature
COOLER = 5.0  # degrees below the limit at which it may do more again
STEP = 0.7  # of the frame rate is left after each look that finds it too hot
SLOWEST = 1.0  # frames a second that it may always do


class Heat:
    """How many frames a second the processor may be asked for. All in one thread; times are seconds."""

    def __init__(self, hot: float, celsius: Callable[[], float | None]) -> None:
        """`hot`: degrees Celsius from which on it does less, 0: never; `celsius` gives None where nobody knows."""
        self._hot, self._celsius = hot, celsius
        self._limit = 0.0
        self._before = 0.0  # the frame rate when it was not limited
        self._looked: float | None = None  # the moment of the last look
        self._frames = 0  # since then

    def limit(self, now: float) -> float:
        """Frames a second at most, 0: no limit; to be asked once a frame."""
        self._frames += 1
        if self._looked is None:
            self._looked, self._frames = now, 0
        elif self._hot > 0 and now - self._looked >= EVERY:
            self._look(self._frames / (now - self._looked))
            self._looked, self._frames = now, 0
        return self._limit

    def _look(self, fps: float) -> None:
        celsius = self._celsius()
        if celsius is not None and celsius >= self._hot:
            if not self._limit:
                self._before = fps
                tell(f"hot: {celsius:.0f} °C; fewer frames a second until it is cooler; give it air, or a heat sink")
            # What comes may be less than what is allowed, where nobody is there.
            self._limit = max(min(fps, self._limit or fps) * STEP, SLOWEST)
        elif self._limit and (celsius is None or celsius <= self._hot - COOLER):
            self._limit /= STEP
            if self._limit >= self._before:
                self._limit = 0.0
                tell("cool again: as many frames a second as before", "note")
