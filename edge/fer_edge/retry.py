"""When to try again what failed: after 1 s, then 2, 4 ... 60."""

from __future__ import annotations

import math

FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0


class Retry:
    """The pauses between tries of one thing. Times are seconds, on the caller's clock; all in one thread."""

    def __init__(self) -> None:
        self.failing = False
        self.due = -math.inf  # seconds, the moment of the next try
        self._pause = 0.0
        self._works_since: float | None = None

    def failed(self, now: float) -> bool:
        """Note a failure; True if it is news, False while the same trouble goes on."""
        news = not self.failing
        self._pause = FIRST_PAUSE_S if news else min(2 * self._pause, MAX_PAUSE_S)
        self.failing, self.due, self._works_since = True, now + self._pause, None
        return news

    def worked(self, now: float) -> bool:
        """Note a success; True once, after it has worked for as long as the last pause: then the trouble is over.

        So what works for a moment and fails again is logged once, not each time.
        """
        if not self.failing:
            return False
        self._works_since = now if self._works_since is None else self._works_since
        self.failing = now - self._works_since < self._pause
        return not self.failing
