"""Who asks too often waits, and others do not."""

from __future__ import annotations

from fer_edge.sinks.kiosk.limits import MAX_ADDRESSES, RateLimiter


def test_burst_then_rate() -> None:
    """A burst goes through and then the rate."""
    now = [0.0]
    limiter = RateLimiter(2, 3, lambda: now[0])
    assert [limiter.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] = 0.25
    assert limiter.wait("a") == 0.25
    now[0] = 0.5
    assert limiter.wait("a") == 0
    assert limiter.wait("a") == 0.5


def test_addresses_do_not_share() -> None:
    limiter = RateLimiter(1, 1, lambda: 0.0)
    assert limiter.wait("a") == 0
    assert limiter.wait("b") == 0
    assert limiter.wait("a") > 0


def test_idle_time_adds_no_extra_burst() -> None:
    """Pauses do not add up to more than a burst."""
    now = [0.0]
    limiter = RateLimiter(1, 2, lambda: now[0])
    limiter.wait("a")
    now[0] = 1e6
    assert [limiter.wait("a") == 0 for _ in range(3)] == [True, True, False]


def test_memory_is_limited() -> None:
    limiter = RateLimiter(1, 1, lambda: 0.0)
    for number in range(MAX_ADDRESSES + 50):
        limiter.wait(str(number))
    assert len(limiter._buckets) == MAX_ADDRESSES
