"""Times and durations as people write and read them, in local time. `zone` None is the system's."""

from __future__ import annotations

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


def hour_of(when: datetime, zone: tzinfo | None) -> datetime:
    """The local hour that `when` is in. When clocks go back, the repeated hour is a second one."""
    local = when.astimezone(zone)
    fixed = timezone(local.utcoffset() or timedelta())
    return local.replace(minute=0, second=0, microsecond=0, tzinfo=fixed, fold=0)


def duration(seconds: float) -> str:
    """Such as "168 h", "3 h 05 min", "12 min", "45 s"."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes < 6000 else f"{seconds / 3600:.0f} h"


def day_name(day: date, year: bool = True) -> str:
    """Such as "Thu 1 Jan 2026"."""
    return f"{day:%a} {day.day} {day:%b}" + (f" {day.year}" if year else "")


def period(begin: datetime, end: datetime) -> str:
    """From `begin` to `end`, in their own zones."""
    first, last = day_name(begin.date()), day_name(end.date())
    if first == last:
        return f"{first}, {begin:%H:%M} to {end:%H:%M}"
    return f"{first}, {begin:%H:%M} to {last}, {end:%H:%M}"
