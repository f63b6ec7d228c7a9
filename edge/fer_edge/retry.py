"""When to try again what failed: after 1 s, then 2, 4 ... 60."""

from __future__ import annotations

import math

FIRST, LONGEST = 1.0, 60.0  # seconds


class Retry:
    """The pauses of one thing that may fail. Times are seconds, on whatever clock the caller has; all in one thread."""

    def __init__(self) -> None:
        self.failing = False
        self.due = -math.inf  # the moment before which it is not to be tried
        self._pause = 0.0
        self._works_since: float | None = None

    def failed(self, now: float) -> bool:
        """Note a failure; True where it is news, False while the same trouble goes on."""
        news = not self.failing
        self._pause = FIRST if news else min(2 * self._pause, LONGEST)
        self.failing, self.due, self._works_since = True, now + self._pause, None
        return news

    def worked(self, now: float) -> bool:
        """Note a success; True once, when the trouble is over: it has worked for as long as the last pause was.

        So what works for a moment and fails again is told once, not each time.
        """
        if not self.failing:
            return False
        self._works_since = now if self._works_since is None else self._works_since
        self.failing = now - self._works_since < self._pause
        return not self.failing
