"""Days, weeks and months begin at this device's midnights, whatever its clocks do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fer_edge.sinks.kiosk.calendar import local_day, named_span, zone_name

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A function that puts this device into a time zone."""

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("query", "hours"),
    [
        ({"day": "2026-03-28"}, 24),
        ({"day": "2026-03-29"}, 23),
        ({"day": "2026-10-25"}, 25),
        ({"week": "2026-03-25"}, 167),
        ({"month": "2026-02"}, 28 * 24),
        ({"month": "2026-10"}, 31 * 24 + 1),
    ],
)
def test_clocks_that_change(query: dict[str, str], hours: int, at: Callable[[str], None]) -> None:
    at("Europe/Berlin")
    span = named_span(query, NOW)
    assert span is not None
    assert span.end - span.start == timedelta(hours=hours)
    assert span.start.timestamp() % 900 == 0


def test_span_ends_now(at: Callable[[str], None]) -> None:
    """What has not come yet is no part of it."""
    at("Asia/Kathmandu")
    span = named_span({"day": "2026-11-29"}, NOW)
    assert span is not None
    assert (span.start, span.end) == (datetime(2026, 11, 28, 18, 15, tzinfo=UTC), NOW)
    assert local_day(NOW) == span.start
    assert named_span({}, NOW) is None


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":Asia/Tokyo", "Asia/Tokyo"),
        ("XXX-5:30", "+05:30"),
        ("../../etc/passwd", "+00:00"),
    ],
)
def test_zone_is_one_that_browsers_know(zone: str, name: str, at: Callable[[str], None]) -> None:
    at(zone)
    assert zone_name() == name
