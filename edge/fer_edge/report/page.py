"""A summary as one HTML page that needs nothing else: no script, no other file, no network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

from fer_edge.classifiers.cards import shipped_agreement
from fer_edge.drawing.palette import GREY, to_hex
from fer_edge.records import percent
from fer_edge.report.charts import Column, bar, columns
from fer_edge.report.dates import day_name, duration, hour_of, period
from fer_edge.report.tally import QUARTER_S, Summary, Totals
from fer_edge.report.terminal import most_shown, shade
from fer_edge.types import UNCERTAIN

FIRST_LINES = "<!DOCTYPE html>\n<!-- fer-edge report -->\n"
MAX_HOURLY_SPAN_H = 48  # a longer time is shown day by day
QUARTER = timedelta(seconds=QUARTER_S)


def page(summary: Summary, source: str, torn: int, now: datetime) -> str:
    """The page. `source`: the log's name; `torn`: lines that could not be read."""
    zone, local = summary.zone, now.astimezone(summary.zone)
    when = "no line in this time"
    if summary.begin is not None and summary.end is not None:
        when = period(summary.begin.astimezone(zone), summary.end.astimezone(zone))
    lines = [f"From {escape(source)}, {local:%Y-%m-%d %H:%M} (UTC{local:%z})."]
    if torn:
        lines.append(f"{torn} half-written {'line was' if torn == 1 else 'lines were'} left out.")
    body = _body(summary) if summary.total.shown else "<p>Nobody was in view.</p>"
    return (
        f'{FIRST_LINES}<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f'<meta name="color-scheme" content="light dark">\n<title>Expressions: {escape(when)}</title>\n'
        f"<style>\n{_style(summary)}</style>\n</head>\n<body>\n<main>\n"
        f'<header>\n<h1>Expressions</h1>\n<p class="when">{escape(when)}</p>\n{_figures(summary)}\n</header>\n{body}\n'
        f"<footer>\n<p>{' '.join(lines)}</p>\n"
        "<p>An expression is not a feeling. The model that comes with fer-edge agrees with the majority of ten people "
        f"in {shipped_agreement()} % of the pictures on which they agree among themselves; a single person does in "
        "78 %. Use it to see how a room changes, never to judge a person.</p>\n</footer>\n</main>\n</body>\n</html>\n"
    )


def _style(summary: Summary) -> str:
    shades = [shade(label, summary) for label in summary.labels]
    rules = [f".c{n} {{ fill: {to_hex(colour)}; }}\n" for n, colour in enumerate(shades or [GREY])]
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8") + "".join(rules)


def _figures(summary: Summary) -> str:
    total = summary.total
    figures = [
        ("faces", f"{total.faces}"),
        ("changes", f"{total.changes}"),
        ("watched", duration(total.watched)),
        ("faces in view", duration(total.shown)),
        ("uncertain", percent(summary.uncertain)),
        ("at once, at most", f"{summary.crowd}"),
    ]
    return f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in figures)}</dl>"


def _body(summary: Summary) -> str:
    hours = list(summary.hours)
    if hours[-1] - hours[0] < timedelta(hours=MAX_HOURLY_SPAN_H):
        found = _without_gaps(summary)
        names = {hour: f"{day_name(hour.date(), year=False)}, {hour:%H:%M}" for hour in found}
        bars = [_column(summary, f"{hour:%H}", names[hour], part) for hour, part in found.items()]
        rows = [(names[hour], part) for hour, part in summary.hours.items()]
        over = _section(summary, "time", "Hour by hour", "hour", bars, rows)
    else:
        days = summary.days()
        first, last = min(days), max(days)
        every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        bars = [_column(summary, f"{d.day} {d:%b}", day_name(d), days.get(d, Totals())) for d in every]
        over = _section(summary, "time", "Day by day", "day", bars, [(day_name(d, False), p) for d, p in days.items()])
        clock = summary.clock()
        bars = [_column(summary, f"{n:02}", f"{n:02}:00 to {n + 1:02}:00", part) for n, part in clock.items()]
        rows = [(f"{n:02}:00", part) for n, part in clock.items() if part.shown]
        over += _section(summary, "clock", "By hour of the day", "hour", bars, rows)
    return _emotions(summary) + over


def _without_gaps(summary: Summary) -> dict[datetime, Totals]:
    """All hours from the first to the last, also those without a line."""
    first, last = min(summary.hours), max(summary.hours)
    found: dict[datetime, Totals] = {}
    for quarter in range(int((last - first) / QUARTER) + 1):
        hour = hour_of(first.astimezone(UTC) + quarter * QUARTER, summary.zone)
        found[hour] = summary.hours.get(hour, Totals())
    return found


def _column(summary: Summary, name: str, title: str, part: Totals) -> Column:
    segments = [(number, part.seconds.get(label, 0.0)) for number, label in enumerate(summary.labels)]
    shown = sorted(((s, summary.labels[n]) for n, s in segments if s > 0), reverse=True)
    words = ", ".join(f"{label} {duration(seconds)}" for seconds, label in shown)
    return Column(name, f"{title}: {words}", segments)


def _emotions(summary: Summary) -> str:
    total = summary.total
    most = max(total.seconds.values())
    order = sorted(summary.labels, key=lambda label: (label == UNCERTAIN, -total.seconds.get(label, 0.0)))
    rows = []
    for label in order:
        seconds = total.seconds.get(label, 0.0)
        drawn = bar(seconds / most, summary.labels.index(label))
        rows.append(
            f'<tr><th scope="row">{escape(label)}</th><td class="drawn">{drawn}</td>'
            f"<td>{percent(seconds / total.shown)}</td><td>{duration(seconds)}</td></tr>"
        )
    body = "\n".join(rows)
    heads = '<th scope="col">emotion</th><td></td><th scope="col">share</th><th scope="col">time</th>'
    return (
        '<section>\n<h2 id="emotions">Emotions</h2>\n<table aria-labelledby="emotions">\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</section>\n"
    )


def _section(
    summary: Summary, name: str, title: str, first: str, bars: Sequence[Column], rows: Sequence[tuple[str, Totals]]
) -> str:
    """A chart, its legend, and its table."""
    busiest = max(bars, key=lambda one: one.height)
    words = f"Time of faces in view, stacked by emotion. Most in {busiest.title}."
    used = [n for n, label in enumerate(summary.labels) if summary.total.seconds.get(label)]
    keys = "".join(
        f'<li><svg width="12" height="12" aria-hidden="true"><rect class="c{number}" x="0.5" y="0.5" width="11" '
        f'height="11"/></svg>{escape(summary.labels[number])}</li>'
        for number in used
    )
    body = "".join(
        f'<tr><th scope="row">{escape(key)}</th><td>{part.faces}</td><td>{part.changes}</td>'
        f"<td>{duration(part.shown)}</td><td>{escape(most_shown(part))}</td></tr>\n"
        for key, part in rows
    )
    heads = "".join(f'<th scope="col">{head}</th>' for head in (first, "faces", "changes", "in view", "most"))
    return (
        f'<section>\n<h2 id="{name}">{title}</h2>\n{columns(name, title, words, bars)}\n<ul class="keys">{keys}</ul>\n'
        f'<details>\n<summary>As a table</summary>\n<div class="wide"><table aria-labelledby="{name}">\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n</details>\n</section>\n"
    )
