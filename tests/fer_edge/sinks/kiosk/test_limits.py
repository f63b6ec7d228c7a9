"""Who asks too often waits, and others do not."""

from __future__ import annotations

import pytest
from fer_edge.sinks.kiosk.limits import MAX_ADDRESSES, OWN, Places, RateLimiter, network_of


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


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.168.1.2", "192.168.1.2"),
        ("::ffff:192.168.1.2", "192.168.1.2"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1:2:3", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.9", OWN),
        ("::1", OWN),
        ("::ffff:127.0.0.1", OWN),
        ("", ""),
    ],
)
def test_network_of_an_address(address: str, network: str) -> None:
    """Of IPv6 the first half: one device has all addresses of it."""
    assert network_of(address) == network


def test_rate_is_that_of_the_network() -> None:
    limiter = RateLimiter(1, 1, lambda: 0.0)
    assert limiter.wait("2001:db8::1") == 0
    assert limiter.wait("2001:db8::2") > 0


def test_address_has_a_share_of_places() -> None:
    """One takes no more than its share, all others together leave some to this device, which may take all."""
    places = Places(5, share=2, kept=1)
    assert [places.take("10.0.0.1") for _ in range(3)] == [True, True, False]
    assert [places.take("10.0.0.2") for _ in range(3)] == [True, True, False]
    assert not places.take("10.0.0.3")
    assert [places.take("127.0.0.1") for _ in range(2)] == [True, False]
    places.free("10.0.0.1")
    assert places.take("10.0.0.3")
    assert places.taken == 5
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3", "127.0.0.1"):
        places.free(address)
    assert (places.taken, len(places._taken)) == (0, 0)
