"""How many requests an address may send."""

from __future__ import annotations

import time
from collections.abc import Callable

MAX_ADDRESSES = 1024  # that are remembered


class RateLimiter:
    """A token bucket for each address: `rate` requests a second, of which `burst` may come at once."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: dict[str, tuple[float, float]] = {}  # address -> (tokens, when), seconds

    def wait(self, address: str) -> float:
        """Take a token of `address`. Returns 0.0, or the seconds until there is a token again."""
        now = self._clock()
        tokens, since = self._buckets.pop(address, (self._burst, now))
        tokens = min(tokens + (now - since) * self._rate, self._burst)
        allowed = tokens >= 1
        self._buckets[address] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > MAX_ADDRESSES:  # the one that was idle for longest
            del self._buckets[next(iter(self._buckets))]
        return 0.0 if allowed else (1 - tokens) / self._rate
