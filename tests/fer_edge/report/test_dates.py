"""Dates are read in local time, days begin when the place's clocks say so, and durations read well."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from fer_edge.errors import SettingsError
from fer_edge.report.dates import duration, moment

NOW = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "end", "zone", "expected"),
    [
        ("today", False, "Europe/Berlin", "2026-03-29T22:00:00+00:00"),  # it is the 30th already
        ("today", False, "UTC", "2026-03-29T00:00:00+00:00"),
        ("yesterday", False, "Europe/Berlin", "2026-03-28T23:00:00+00:00"),
        ("yesterday", True, "Europe/Berlin", "2026-03-29T22:00:00+00:00"),  # 23 hours
        ("2026-01-31", True, "Asia/Kolkata", "2026-01-31T18:30:00+00:00"),
        ("2026-09-06", False, "America/Santiago", "2026-09-06T04:00:00+00:00"),  # midnight is left out there
        ("2026-01-31T12:00", True, "Asia/Kolkata", "2026-01-31T06:30:00+00:00"),
        ("2026-01-31T12:00+02:00", False, "Asia/Kolkata", "2026-01-31T10:00:00+00:00"),
    ],
)
def test_a_date_is_a_moment(text: str, end: bool, zone: str, expected: str) -> None:
    assert moment("--since", text, NOW, ZoneInfo(zone), end).astimezone(UTC).isoformat() == expected


@pytest.mark.parametrize("text", ["", "tomorrow", "31.1.2026", "2026-02-30", "9999-12-31T25:00"])
def test_what_is_no_date_is_said(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--since '.*': not a date; write today, .* like 2026-03-29"):
        moment("--since", text, NOW, UTC)


def test_durations() -> None:
    texts = [duration(s) for s in (0, 0.4, 59.4, 59.6, 3569, 3599, 3600, 11100, 359_000, 604_800)]
    assert texts == [
        "0 s",
        "0 s",
        "59 s",
        "1 min",
        "59 min",
        "1 h 00 min",
        "1 h 00 min",
        "3 h 05 min",
        "99 h 43 min",
        "168 h",
    ]
