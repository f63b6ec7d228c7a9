"""The switch that pauses the loop, for a button, the page, a smart home and a signal alike."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable


class PauseSwitch:
    """Whether the camera is to be off. Every method may be called from any thread, and from a signal handler."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.RLock()  # a signal handler runs in a thread that may hold it already
        self._clock = clock
        self._end = -math.inf  # seconds on the clock, of the last pause
        self.limit_seconds = math.inf  # after which a pause ends by itself, unless it was given its own time

    @property
    def paused(self) -> bool:
        """Whether the camera is to be released; `Sink.state` says when it was."""
        return self._clock() < self._end

    @property
    def seconds_left(self) -> float:
        """Until the pause ends by itself; infinite if it does not, 0 without a pause."""
        return max(self._end - self._clock(), 0.0)

    def pause(self, seconds: float | None = None) -> None:
        """Release the camera until `resume`, for `seconds` at most; None: for `limit_seconds`."""
        with self._lock:
            self._end = self._clock() + (self.limit_seconds if seconds is None else seconds)

    def resume(self) -> None:
        """End the pause."""
        with self._lock:
            self._end = -math.inf

    def toggle(self) -> None:
        """Pause, or end the pause."""
        with self._lock:
            if self.paused:
                self.resume()
            else:
                self.pause()
