"""Times and durations as people write and read them, in local time. `zone` None is the system's."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone, tzinfo

from fer_edge.errors import SettingsError


def midnight(day: date, zone: tzinfo | None) -> datetime:
    """The start of `day`; if clocks go forward at midnight, its first moment."""
    naive = datetime.combine(day, time())
    return naive.astimezone() if zone is None else naive.replace(tzinfo=zone).astimezone(timezone.utc)  # noqa: UP017


def moment(option: str, text: str, now: datetime, zone: tzinfo | None, end: bool = False) -> datetime:
    """The moment that "today", "yesterday", "2026-01-31" or "2026-01-31T12:00" names; with `end`, that of a day's end.

    Raises SettingsError, which names the `option`.
    """
    today = now.astimezone(zone).date()
    try:
        days = {"today": today, "yesterday": today - timedelta(days=1)}
        day = days[text] if text in days else date.fromisoformat(text)
        return midnight(day + timedelta(days=1) if end else day, zone)
    except (ValueError, OverflowError):
        pass
    try:
        exact = datetime.fromisoformat(text)
        return exact if exact.tzinfo else exact.astimezone() if zone is None else exact.replace(tzinfo=zone)
    except (ValueError, OverflowError, OSError):
        raise SettingsError(
            f"{option} {text!r}: not a date; write today, yesterday, a date like {today} or a time like {today}T12:00"
        ) from None


def since_last(option: str, text: str, now: datetime, zone: tzinfo | None) -> datetime:
    """When "7d", "2w", "12h" or "30m" before `now` began; days and weeks begin at midnight, and today is one of them.

    Raises SettingsError, which names the `option`.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text)
    try:
        if found:
            count, unit = int(found[1]), found[2]
            if unit in "mh":
                return now - timedelta(minutes=count * (60 if unit == "h" else 1))
            days = count * (7 if unit == "w" else 1)
            return midnight(now.astimezone(zone).date() - timedelta(days=days - 1), zone)
    except (ValueError, OverflowError):
        pass
    raise SettingsError(f"{option} {text!r}: not a time; write a number with m, h, d or w, such as 12h, 7d or 2w")


def hour_of(when: datetime, zone: tzinfo | None) -> datetime:
    """The local hour that `when` is in. When clocks go back, the repeated hour is a second one."""
    local = when.astimezone(zone)
    fixed = timezone(local.utcoffset() or timedelta())
    return local.replace(minute=0, second=0, microsecond=0, tzinfo=fixed, fold=0)


def duration(seconds: float, units: tuple[str, str, str] = ("h", "min", "s")) -> str:
    """Such as "168 h", "3 h 05 min", "12 min", "45 s"."""
    h, m, s = units
    if seconds < 59.5:
        return f"{seconds:.0f} {s}"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} {m}"
    return f"{minutes // 60} {h} {minutes % 60:02} {m}" if minutes < 6000 else f"{seconds / 3600:.0f} {h}"


def day_name(day: date, year: bool = True, english: bool = True) -> str:
    """Such as "Thu 1 Jan 2026"; not in `english`, as "2026-01-01"."""
    if not english:
        return day.isoformat() if year else f"{day:%m-%d}"
    return f"{day:%a} {day.day} {day:%b}" + (f" {day.year}" if year else "")


def period(begin: datetime, end: datetime, english: bool = True) -> str:
    """From `begin` to `end`, in their own zones."""
    first, last = day_name(begin.date(), english=english), day_name(end.date(), english=english)
    to = "to" if english else "–"
    if first == last:
        return f"{first}, {begin:%H:%M} {to} {end:%H:%M}"
    return f"{first}, {begin:%H:%M} {to} {last}, {end:%H:%M}"
