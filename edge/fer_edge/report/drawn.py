"""The charts of a summary, with their titles, for the page and for pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from fer_edge.drawing.words import Words
from fer_edge.report.charts import Cell, Chart, Column, columns, heat
from fer_edge.report.dates import day_name, duration, hour_of
from fer_edge.report.tally import QUARTER_S, Summary, Totals
from fer_edge.report.terminal import is_watched, units
from fer_edge.types import UNCERTAIN

MAX_HOURLY_SPAN_H = 48  # a longer time is shown day by day
QUARTER = timedelta(seconds=QUARTER_S)


class Drawn(NamedTuple):
    """A chart, and the table that says the same."""

    name: str  # unique among a summary's charts
    title: str
    chart: Chart
    text: str  # what it shows, for who does not see it
    first: str  # head of the table's first column
    rows: Sequence[tuple[str, Totals]]
    has_colours: bool = True  # of the emotions
    has_gaps: bool = False  # whether nothing is known of a part of the time


def charts(summary: Summary, words: Words) -> Iterator[Drawn]:
    """Over the hours of a short time; else over its days, the hours of the day, and both."""
    hours = list(summary.hours)
    if hours[-1] - hours[0] < timedelta(hours=MAX_HOURLY_SPAN_H) and len(summary.every_day()) <= 2:
        yield _hours(summary, words)
        return
    yield _days(summary, words)
    yield _clock(summary, words)
    yield _heat(summary, words)


def shares(summary: Summary) -> list[tuple[str, float, float]]:
    """The labels, the most frequent first and UNCERTAIN last: its share, and the largest share of all, 0 to 1."""
    total = summary.total
    order = sorted(summary.labels, key=lambda label: (label == UNCERTAIN, -total.seconds.get(label, 0.0)))
    most = max(total.seconds.values()) / total.shown
    return [(label, total.seconds.get(label, 0.0) / total.shown, most) for label in order]


def _hours(summary: Summary, words: Words) -> Drawn:
    found = _without_gaps(summary)
    names = {hour: f"{_day(hour, words)}, {hour:%H:%M}" for hour in found}
    bars = [_column(summary, f"{hour:%H}", names[hour], part, words) for hour, part in found.items()]
    rows = [(names[hour], part) for hour, part in summary.hours.items()]
    return _columns("time", words["report_hourly"], bars, words["report_hour"], rows, words)


def _days(summary: Summary, words: Words) -> Drawn:
    days = summary.every_day()
    short = "{0.day} {0:%b}" if words.is_english else "{0:%m-%d}"
    bars = [
        _column(summary, short.format(day), day_name(day, english=words.is_english), part, words)
        for day, part in days.items()
    ]
    rows = [(day_name(day, year=False, english=words.is_english), part) for day, part in days.items()]
    return _columns("time", words["report_daily"], bars, words["report_day"], rows, words)


def _clock(summary: Summary, words: Words) -> Drawn:
    clock = summary.clock()
    bars = [
        _column(summary, f"{n:02}", f"{n:02}:00–{n + 1:02}:00", part, words, known=True) for n, part in clock.items()
    ]
    rows = [(f"{n:02}:00", part) for n, part in clock.items() if part.shown]
    return _columns("clock", words["report_clock"], bars, words["report_hour"], rows, words)


def _heat(summary: Summary, words: Words) -> Drawn:
    days = summary.every_hour()
    most = max(part.shown for hours in days.values() for part in hours) or 1.0
    lines = []
    for day, hours in days.items():
        name = day_name(day, year=False, english=words.is_english)
        cells = []
        for number, part in enumerate(hours):
            watched = is_watched(part)
            said = duration(part.shown, units(words)) if watched else words["report_unwatched"]
            cells.append(Cell(f"{name}, {number:02}:00: {said}", part.shown / most, watched))
        lines.append((name, cells))
    busiest = max(((part.shown, day, n) for day, hours in days.items() for n, part in enumerate(hours)))
    when = f"{day_name(busiest[1], english=words.is_english)}, {busiest[2]:02}:00"
    rows = [
        (f"{day_name(day, year=False, english=words.is_english)}, {n:02}:00", part)
        for day, hours in days.items()
        for n, part in enumerate(hours)
        if part.shown
    ]
    text = f"{words['report_heat']}. {when}: {duration(most, units(words))}."
    gaps = any(not cell.watched for _, cells in lines for cell in cells)
    return Drawn("heat", words["report_heat"], heat(lines), text, words["report_hour"], rows, False, gaps)


def _columns(
    name: str, title: str, bars: Sequence[Column], first: str, rows: Sequence[tuple[str, Totals]], words: Words
) -> Drawn:
    busiest = max(bars, key=lambda one: one.height)
    text = f"{words['history_seen']}. {busiest.title}."
    gaps = not all(one.watched for one in bars)

    def tick(seconds: float) -> str:
        return "0" if not seconds else duration(seconds, units(words)).replace(f" 00 {words['minutes']}", "")

    return Drawn(name, title, columns(bars, tick), text, first, rows, has_gaps=gaps)


def _column(summary: Summary, name: str, title: str, part: Totals, words: Words, known: bool = False) -> Column:
    """`known`: a time without a line counts as watched, since it stands for many."""
    watched = known or is_watched(part)
    segments = [(number, part.seconds.get(label, 0.0)) for number, label in enumerate(summary.labels)]
    shown = sorted(((s, summary.labels[n]) for n, s in segments if s > 0), reverse=True)
    said = ", ".join(f"{words.emotion(label)} {duration(seconds, units(words))}" for seconds, label in shown)
    return Column(name, f"{title}: {said if watched else words['report_unwatched']}", segments, watched)


def _day(hour: datetime, words: Words) -> str:
    return day_name(hour.date(), year=False, english=words.is_english)


def _without_gaps(summary: Summary) -> dict[datetime, Totals]:
    """All hours from the first to the last, also those without a line."""
    first, last = min(summary.hours), max(summary.hours)
    found: dict[datetime, Totals] = {}
    for quarter in range(int((last - first) / QUARTER) + 1):
        hour = hour_of(first.astimezone(UTC) + quarter * QUARTER, summary.zone)
        found[hour] = summary.hours.get(hour, Totals())
    return found


def legend(summary: Summary, drawn: Drawn, words: Words) -> list[tuple[str, str]]:
    """(CSS class, words) of each colour in a picture, and of its unwatched time."""
    marks = [
        (f"c{number}", words.emotion(label))
        for number, label in enumerate(summary.labels)
        if drawn.has_colours and summary.total.seconds.get(label)
    ]
    if drawn.has_gaps:
        marks.append(("off", words["report_unwatched"]))
    return marks
