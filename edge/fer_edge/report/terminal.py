"""A summary for a terminal: tables with bars, as wide as the terminal, in colour if it has colours."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import NamedTuple, TextIO

from fer_edge.drawing.palette import Colour, colour_of
from fer_edge.errors import counted
from fer_edge.records import percent
from fer_edge.report.dates import day_name, duration, period
from fer_edge.report.tally import Summary, Totals
from fer_edge.types import UNCERTAIN

MAX_BUSIEST_HOURS = 5
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
    try:
        "█▏".encode(getattr(stream, "encoding", None) or "ascii")
        blocks = True
    except UnicodeEncodeError:
        blocks = False
    width = min(shutil.get_terminal_size().columns, MAX_WIDTH) if terminal or "COLUMNS" in os.environ else 80
    return Style(width, terminal and not os.environ.get("NO_COLOR"), blocks)


def report(summary: Summary, style: Style) -> str:
    """The summary, which must not be empty, as text without a newline at its end."""
    assert summary.begin is not None
    assert summary.end is not None
    total = summary.total
    figures = [
        counted(total.faces, "face"),
        counted(total.changes, "change"),
        f"watched {duration(total.watched)}",
        f"faces in view {duration(total.shown)}",
        f"uncertain {percent(summary.uncertain)}",
        f"at most {summary.crowd} at once",
    ]
    blocks = [
        _wrapped([period(summary.begin.astimezone(summary.zone), summary.end.astimezone(summary.zone))], style.width),
        _wrapped(figures, style.width),
    ]
    if not total.shown:
        return "\n".join([*blocks, "nobody was in view"])
    blocks += ["", _bars("emotion", _emotions(summary, total), style)]
    days = summary.days()
    if len(days) > 1:
        rows = [Row(day_name(day, year=False), p.shown, duration(p.shown), most_shown(p)) for day, p in days.items()]
        blocks += ["", _bars("day", rows, style)]
    busiest = sorted(summary.clock().items(), key=lambda item: -item[1].shown)[:MAX_BUSIEST_HOURS]
    rows = [Row(f"{n:02}:00-{n + 1:02}:00", p.shown, duration(p.shown), most_shown(p)) for n, p in busiest if p.shown]
    return "\n".join([*blocks, "", _bars("busiest hours", rows, style)])


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


def _emotions(summary: Summary, total: Totals) -> list[Row]:
    times = {label: total.seconds.get(label, 0.0) for label in summary.labels}
    order = sorted(times, key=lambda label: (label == UNCERTAIN, -times[label]))
    rows = [(label, times[label], percent(times[label] / total.shown)) for label in order]
    return [Row(label, time, duration(time), share, shade(label, summary)) for label, time, share in rows]


def shade(label: str, summary: Summary) -> Colour:
    """The colour of one of the summary's labels."""
    return colour_of(label, [name for name in summary.labels if name != UNCERTAIN])


def most_shown(part: Totals) -> str:
    """The emotion that was shown longest."""
    known = {emotion: seconds for emotion, seconds in part.seconds.items() if emotion != UNCERTAIN} or part.seconds
    return max(known, key=lambda emotion: known[emotion]) if known else ""


def _bars(title: str, rows: Sequence[Row], style: Style) -> str:
    """A table: name, text, more, and a bar in the rest of the width."""
    names, texts, more = (
        max(map(len, column)) for column in zip(*((r.name, r.text, r.more) for r in rows), strict=True)
    )
    names = min(max(names, len(title)), max(style.width - texts - more - 4, 8))
    room = style.width - names - texts - more - 6
    most = max(row.value for row in rows) or 1.0
    lines = [title]
    for row in rows:
        share = "<" if not row.more.endswith("%") else ">"
        line = f"{_cut(row.name, names, style):{names}}  {row.text:>{texts}}  {row.more:{share}{more}}"
        if room >= MIN_BAR_COLUMNS:
            bar = _bar(row.value / most * room, style)
            shade = style.colour and row.colour is not None and bar
            line += "  " + (f"\x1b[38;5;{_xterm(row.colour)}m{bar}\x1b[0m" if shade and row.colour else bar)
        lines.append(line.rstrip())
    return "\n".join(lines)


def _bar(columns: float, style: Style) -> str:
    """A bar to an eighth of a column; a value above 0 is always visible."""
    if not style.blocks:
        return "#" * max(round(columns), 1 if columns > 0 else 0)
    eighths = max(round(8 * columns), 1 if columns > 0 else 0)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _cut(text: str, width: int, style: Style) -> str:
    return text if len(text) <= width else text[: width - 1] + ("…" if style.blocks else ".")


def _xterm(colour: Colour) -> int:
    """The nearest of xterm's 6 x 6 x 6 colours, which all terminals have."""
    red, green, blue = (round(part / 255 * 5) for part in colour)
    return 16 + 36 * red + 6 * green + blue


def _wrapped(parts: Sequence[str], width: int) -> str:
    """Parts with commas between them, broken only there."""
    lines = [""]
    for number, part in enumerate(parts):
        text = part + ("," if number < len(parts) - 1 else "")
        joined = f"{lines[-1]} {text}".strip()
        if lines[-1] and len(joined) > width:
            lines.append(text)
        else:
            lines[-1] = joined
    return "\n".join(lines)
