"""How many requests an address may send, and how many places it may take, so that none shuts the others out."""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Callable

MAX_ADDRESSES = 1024  # that are remembered


class RateLimiter:
    """A token bucket for each address: `rate` requests a second, of which `burst` may come at once."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: dict[str, tuple[float, float]] = {}  # address -> (tokens, when), seconds

    def wait(self, address: str) -> float:
        """Take a token of `address`. Returns 0.0, or the seconds until there is a token again."""
        now, address = self._clock(), network_of(address)
        tokens, since = self._buckets.pop(address, (self._burst, now))
        tokens = min(tokens + (now - since) * self._rate, self._burst)
        allowed = tokens >= 1
        self._buckets[address] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > MAX_ADDRESSES:  # the one that was idle for longest
            del self._buckets[next(iter(self._buckets))]
        return 0.0 if allowed else (1 - tokens) / self._rate


class Places:
    """Places that clients take for a while: an address has a share of them, and some are kept for this device itself.

    This device's own programs, and so a proxy on it, may take all that are free.
    """

    def __init__(self, count: int, share: int, kept: int) -> None:
        """`count` in all; others than this device may take `count - kept`, and each address `share` of these."""
        self._count, self._share, self._kept = count, share, kept
        self._taken: Counter[str] = Counter()  # network -> places

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self._taken.total()

    def take(self, address: str) -> bool:
        """Take one, which `free` gives back; False if there is none for `address`."""
        network = network_of(address)
        if network == OWN:
            allowed = self.taken < self._count
        else:
            others = self.taken - self._taken[OWN]
            room = others < self._count - self._kept and self.taken < self._count
            allowed = room and self._taken[network] < self._share
        self._taken[network] += allowed
        return allowed

    def free(self, address: str) -> None:
        """Give back a place that was taken by `address`."""
        network = network_of(address)
        self._taken[network] -= 1
        if self._taken[network] <= 0:
            del self._taken[network]


OWN = "own"  # the network of this device's own programs


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the first 64 bits, which one home or one device has; OWN for this device."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return OWN if parsed.is_loopback else str(ipaddress.ip_network((parsed, 64), strict=False))
        parsed = parsed.ipv4_mapped
    return OWN if parsed.is_loopback else str(parsed)
