"""A summary for a terminal: tables with bars, as wide as the terminal, in colour if it has colours."""

from __future__ import annotations

import math
import os
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from itertools import groupby
from typing import NamedTuple, TextIO

from fer_edge.drawing.palette import Colour, colour_of
from fer_edge.drawing.terminal import coloured, columns_of, encodes, fit, has_colours, padded
from fer_edge.drawing.words import Words
from fer_edge.records import percent
from fer_edge.report.dates import day_name, duration, period
from fer_edge.report.tally import Summary, Totals
from fer_edge.types import UNCERTAIN

MAX_BUSIEST_HOURS = 5
MAX_HEAT_DAYS = 31  # lines
MIN_BAR_COLUMNS = 4  # a narrower bar is left out
MAX_WIDTH = 100  # of a wider terminal


class Style(NamedTuple):
    """What the terminal can show."""

    width: int  # columns
    colour: bool
    blocks: bool  # whether it has block characters


def style_of(stream: TextIO) -> Style:
    """By the stream, and NO_COLOR (no-color.org), TERM and COLUMNS; a pipe gets 80 columns."""
    terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    width = min(shutil.get_terminal_size().columns, MAX_WIDTH) if terminal or "COLUMNS" in os.environ else 80
    return Style(width, has_colours(stream), encodes(stream, "█▏"))


def report(summary: Summary, style: Style, words: Words) -> str:
    """The summary, which must not be empty, as text without a newline at its end."""
    assert summary.begin is not None
    assert summary.end is not None
    total, time = summary.total, partial(duration, units=units(words))
    figures = [
        f"{words['history_faces']} {total.faces}",
        f"{words['history_changes']} {total.changes}",
        f"{words['history_watched']} {time(total.watched)}",
        f"{words['history_seen']} {time(total.shown)}",
        f"{words.emotion(UNCERTAIN)} {percent(summary.uncertain)}",
        f"{words['report_crowd']} {summary.crowd}",
    ]
    begin, end = summary.begin.astimezone(summary.zone), summary.end.astimezone(summary.zone)
    blocks = [_wrapped([period(begin, end, words.is_english)], style.width), _wrapped(figures, style.width)]
    if not total.shown:
        return "\n".join(blocks if total.faces else [*blocks, words["report_nobody"]])  # pictures take no time
    blocks += ["", _bars(words["history_emotion"], _emotions(summary, total, words), style)]
    days = summary.every_day()
    parts: list[Totals] = []  # those with a row of their own
    if len(days) > 1:
        parts += days.values()
        blocks += ["", _bars(words["report_day"], list(_days(summary, days, words)), style)]
        if heat := heat_map(summary, style, words):
            blocks += ["", heat]
    busiest = sorted(summary.clock().items(), key=lambda item: -item[1].shown)[:MAX_BUSIEST_HOURS]
    rows = [
        Row(f"{n:02}:00-{n + 1:02}:00", p.shown, time(p.shown), above_words(summary, p, words))
        for n, p in busiest
        if p.shown
    ]
    blocks += ["", _bars(words["report_busiest"], rows, style)]
    parts += (part for _, part in busiest)
    if any(summary.above_usual(part)[0] for part in parts):
        blocks.append(_filled(words["report_above_note"], style))
    return "\n".join(blocks)


def units(words: Words) -> tuple[str, str, str]:
    """Of hours, minutes and seconds."""
    return words["hours"], words["minutes"], words["seconds"]


def above_words(summary: Summary, part: Totals, words: Words) -> str:
    """The emotion that is above its usual share, and by how many points: "happy +12"."""
    label, above = summary.above_usual(part)
    if label:
        return f"{words.emotion(label)} +{100 * above:.0f}"
    return words["report_usual"] if part.shown else ""


def _days(summary: Summary, days: Mapping[date, Totals], words: Words) -> Iterator[Row]:
    """A row for each day, and one for each run of days on which nothing was watched."""
    for watched, run in groupby(days.items(), key=lambda item: is_watched(item[1])):
        found = list(run)
        names = [day_name(day, year=False, english=words.is_english) for day, _ in found]
        if not watched:
            yield Row(names[0] if len(found) == 1 else f"{names[0]} - {names[-1]}", 0, "-", words["report_unwatched"])
            continue
        for name, (_, part) in zip(names, found, strict=True):
            yield Row(name, part.shown, duration(part.shown, units(words)), above_words(summary, part, words))


def is_watched(part: Totals) -> bool:
    """Whether anything was watched; in a log of single pictures no time passes, but faces come."""
    return bool(part.watched or part.shown or part.faces)


def heat_map(summary: Summary, style: Style, words: Words) -> str:
    """Days and hours, the darker the more faces were in view; "" where there is no room. The newest days alone."""
    grid = dict(list(summary.every_hour().items())[-MAX_HEAT_DAYS:])
    most = max((part.shown for hours in grid.values() for part in hours), default=0.0)
    names = {day: day_name(day, year=False, english=words.is_english) for day in grid}
    widest = max(map(len, names.values()))
    cell = min((style.width - widest - 2) // 24, 2)
    if not most or cell < 1:
        return ""
    shades, unwatched = (" ░▒▓█", "·") if style.blocks else (" .:*#", "-")
    scale = "".join(f"{n:<{6 * cell}}" for n in (0, 6, 12, 18))
    lines = [words["report_heat"], f"{'':{widest}}  {scale}".rstrip()]
    for day, hours in grid.items():
        marks = (shades[math.ceil(4 * part.shown / most)] if is_watched(part) else unwatched for part in hours)
        lines.append(f"{names[day]:{widest}}  {''.join(mark * cell for mark in marks)}".rstrip())
    lines.append(
        _wrapped(
            [f"{unwatched} {words['report_unwatched']}", f"{shades[-1]} {duration(most, units(words))}"], style.width
        )
    )
    return "\n".join(lines)


class Row(NamedTuple):
    """A line of a table with bars."""

    name: str
    value: float  # what the bar shows, 0 or more
    text: str
    more: str
    colour: Colour | None = None

    @property
    def texts(self) -> tuple[str, str, str]:
        """The texts before the bar."""
        return self.name, self.text, self.more


def _emotions(summary: Summary, total: Totals, words: Words) -> list[Row]:
    times = {label: total.seconds.get(label, 0.0) for label in summary.labels}
    order = sorted(times, key=lambda label: (label == UNCERTAIN, -times[label]))
    rows = [(label, times[label], percent(times[label] / total.shown)) for label in order]
    return [
        Row(words.emotion(label), time, duration(time, units(words)), share, shade(label, summary))
        for label, time, share in rows
    ]


def shade(label: str, summary: Summary) -> Colour:
    """The colour of one of the summary's labels."""
    return colour_of(label, [name for name in summary.labels if name != UNCERTAIN])


def _bars(title: str, rows: Sequence[Row], style: Style) -> str:
    """A table: name, text, more, and a bar in the rest of the width."""
    names, texts, more = (
        max(map(columns_of, column)) for column in zip(*((r.name, r.text, r.more) for r in rows), strict=True)
    )
    names = min(max(names, columns_of(title)), max(style.width - texts - more - 4, 8))
    room = style.width - names - texts - more - 6
    most = max(row.value for row in rows) or 1.0
    lines = [title]
    for row in rows:
        more_padded = padded(row.more, more, right=row.more.endswith("%"))
        line = f"{padded(_cut(row.name, names, style), names)}  {padded(row.text, texts, right=True)}  {more_padded}"
        if room >= MIN_BAR_COLUMNS:
            bar = _bar(row.value / most * room, style)
            line += "  " + (coloured(bar, row.colour) if style.colour and row.colour is not None and bar else bar)
        lines.append(line.rstrip())
    return "\n".join(lines)


def _bar(columns: float, style: Style) -> str:
    """A bar to an eighth of a column; a value above 0 is always visible."""
    if not style.blocks:
        return "#" * max(round(columns), 1 if columns > 0 else 0)
    eighths = max(round(8 * columns), 1 if columns > 0 else 0)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _cut(text: str, width: int, style: Style) -> str:
    return text if columns_of(text) <= width else fit(text, width - 1) + ("…" if style.blocks else ".")


def _filled(text: str, style: Style) -> str:
    """`text` in lines; a language without spaces has one."""
    return textwrap.fill(text, style.width, break_long_words=False) if style.width > 0 else text


def _wrapped(parts: Sequence[str], width: int) -> str:
    """Parts with commas between them, broken only there."""
    lines = [""]
    for number, part in enumerate(parts):
        text = part + ("," if number < len(parts) - 1 else "")
        joined = f"{lines[-1]} {text}".strip()
        if lines[-1] and columns_of(joined) > width:
            lines.append(text)
        else:
            lines[-1] = joined
    return "\n".join(lines)
