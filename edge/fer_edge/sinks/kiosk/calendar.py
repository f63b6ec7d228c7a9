"""Days, weeks and months of this device's time zone, as the history shows them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from fer_edge.report.dates import midnight
from fer_edge.report.tally import QUARTER_S

DAY_S = 86_400
COLUMN_SIZES_S = {"day": QUARTER_S, "week": 2 * 3600, "month": DAY_S}  # of each, what one column has
ZONES_FOLDER = Path("/usr/share/zoneinfo")


class CalendarError(ValueError):
    """A day, a week or a month that is none."""


class Span(NamedTuple):
    """A span of time with zones, and its columns' size; 0: as small as MAX_COLUMNS allows."""

    start: datetime
    end: datetime
    column_seconds: int = 0


def named_span(query: Mapping[str, str], now: datetime) -> Span | None:
    """The span of a `day`, `week` or `month` in `query`, up to `now` at most; None if it has none of them.

    A week begins on Monday. Raises CalendarError if it is no date, begins after `now`, or is one of several.
    """
    names = [name for name in COLUMN_SIZES_S if name in query]
    if not names:
        return None
    if len(query) > 1:
        raise CalendarError(f"{', '.join(query)}: give one of {', '.join(COLUMN_SIZES_S)}, or from and to")
    (name,) = names
    first = _first_day(name, query[name])
    try:
        if name == "day":
            after = first + timedelta(days=1)
        elif name == "week":
            first -= timedelta(days=first.weekday())
            after = first + timedelta(days=7)
        else:
            after = (first + timedelta(days=31)).replace(day=1)
        start, end = midnight(first, None), midnight(after, None)
    except (OverflowError, ValueError):
        raise CalendarError(f"{name} {query[name]!r}: out of range; write a later one") from None
    if start >= now:
        raise CalendarError(f"{name} {query[name]!r}: has not begun yet; choose an earlier one")
    return Span(start, min(end, now), COLUMN_SIZES_S[name])


def _first_day(name: str, text: str) -> date:
    """Raises CalendarError."""
    example = "2026-01" if name == "month" else "2026-01-31"
    try:
        if len(text) != len(example):
            raise ValueError
        day = date.fromisoformat(f"{text}-01" if name == "month" else text)
        if day.year < 1970:
            raise ValueError
    except ValueError:
        raise CalendarError(f"{name} {text!r}: not a {name}; write it as {example}") from None
    return day


def local_day(moment: datetime) -> datetime:
    """The midnight at which the local day of `moment` begins, in UTC."""
    return midnight(moment.astimezone().date(), None).astimezone(UTC)


def zone_name() -> str:
    """The time zone here, as browsers take it: "Europe/Berlin"; if the system does not name it, as in "+01:00"."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name:
        parts = os.path.realpath("/etc/localtime").partition("zoneinfo/")
        name = parts[2].removeprefix("posix/")
    if name and (ZONES_FOLDER / name).is_file() and ".." not in name:
        return name
    offset = f"{datetime.now().astimezone():%z}"
    return f"{offset[:3]}:{offset[3:5]}"
