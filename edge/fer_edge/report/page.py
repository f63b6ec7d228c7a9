"""A summary as one HTML page that needs nothing else: no script, no other file, no network."""

from __future__ import annotations

from datetime import datetime
from html import escape
from pathlib import Path

from fer_edge.classifiers.cards import shipped_agreement
from fer_edge.drawing.palette import GREY, to_hex
from fer_edge.drawing.words import Words
from fer_edge.records import percent
from fer_edge.report.charts import as_html, bar
from fer_edge.report.dates import duration, period
from fer_edge.report.drawn import Drawn, charts, legend, shares
from fer_edge.report.tally import Summary
from fer_edge.report.terminal import above_words, is_watched, shade, units
from fer_edge.types import UNCERTAIN

FIRST_LINES = "<!DOCTYPE html>\n<!-- fer-edge report -->\n"


def page(summary: Summary, source: str, torn: int, now: datetime, words: Words) -> str:
    """The page. `source`: the log's name; `torn`: lines that could not be read."""
    zone, local = summary.zone, now.astimezone(summary.zone)
    when = words["report_nothing"]
    if summary.begin is not None and summary.end is not None:
        when = period(summary.begin.astimezone(zone), summary.end.astimezone(zone), words.is_english)
    lines = [f"{escape(source)}, {local:%Y-%m-%d %H:%M} (UTC{local:%z})"]
    if torn:
        lines.append(escape(words["report_torn"].replace("{count}", str(torn))))
    nobody = "" if summary.total.faces else f"<p>{escape(words['report_nobody'])}</p>"  # pictures take no time
    body = _body(summary, words) if summary.total.shown else nobody
    heading, language = escape(words["title"]), escape(words["language"])
    note = words["history_note"].replace("{agreement}", shipped_agreement())
    return (
        f'{FIRST_LINES}<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f'<meta name="color-scheme" content="light dark">\n<title>{heading}: {escape(when)}</title>\n'
        f"<style>\n{style(summary)}</style>\n</head>\n<body>\n<main>\n"
        f'<header>\n<h1>{heading}</h1>\n<p class="when">{escape(when)}</p>\n{_figures(summary, words)}\n</header>\n'
        f"{body}\n"
        f"<footer>\n<p>{'. '.join(lines)}</p>\n"
        f"<p>{escape(note)} {escape(words['report_advice'])}</p>\n</footer>\n</main>\n</body>\n</html>\n"
    )


def style(summary: Summary) -> str:
    """The rules of the page and of its pictures, with the labels' colours."""
    shades = [shade(label, summary) for label in summary.labels]
    rules = [f".c{n} {{ fill: {to_hex(colour)}; }}\n" for n, colour in enumerate(shades or [GREY])]
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8") + "".join(rules)


def _figures(summary: Summary, words: Words) -> str:
    total = summary.total
    figures = [
        (words["history_faces"], f"{total.faces}"),
        (words["history_changes"], f"{total.changes}"),
        (words["history_watched"], duration(total.watched, units(words))),
        (words["history_seen"], duration(total.shown, units(words))),
        (words.emotion(UNCERTAIN), percent(summary.uncertain)),
        (words["report_crowd"], f"{summary.crowd}"),
    ]
    return f"<dl>{''.join(f'<div><dt>{escape(name)}</dt><dd>{value}</dd></div>' for name, value in figures)}</dl>"


def _body(summary: Summary, words: Words) -> str:
    return _emotions(summary, words) + "".join(_section(summary, one, words) for one in charts(summary, words))


def _emotions(summary: Summary, words: Words) -> str:
    total = summary.total
    rows = "\n".join(
        f'<tr><th scope="row">{escape(words.emotion(label))}</th>'
        f'<td class="drawn">{bar(share / most, summary.labels.index(label))}</td>'
        f"<td>{percent(share)}</td><td>{duration(share * total.shown, units(words))}</td></tr>"
        for label, share, most in shares(summary)
    )
    emotion, share, time = (escape(words[f"history_{key}"]) for key in ("emotion", "share", "time"))
    heads = f'<th scope="col">{emotion}</th><td></td><th scope="col">{share}</th><th scope="col">{time}</th>'
    return (
        f'<section>\n<h2 id="emotions">{escape(words["history_shares"])}</h2>\n<table aria-labelledby="emotions">\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</section>\n"
    )


def _section(summary: Summary, drawn: Drawn, words: Words) -> str:
    """A chart, its legend, and its table."""
    heads = (
        drawn.first,
        *(words[f"history_{key}"] for key in ("faces", "changes", "seen")),
        words["report_above"],
    )
    body = "".join(
        f'<tr><th scope="row">{escape(key)}</th><td>{part.faces}</td><td>{part.changes}</td>'
        f"<td>{duration(part.shown, units(words)) if is_watched(part) else escape(words['report_unwatched'])}</td>"
        f"<td>{escape(above_words(summary, part, words))}</td></tr>\n"
        for key, part in drawn.rows
    )
    columns = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    chart = as_html(drawn.chart, drawn.name, drawn.title, drawn.text)
    return (
        f'<section>\n<h2 id="{drawn.name}">{escape(drawn.title)}</h2>\n{chart}\n{_keys(summary, drawn, words)}\n'
        f"<details>\n<summary>{escape(words['report_table'])}</summary>\n"
        f'<div class="wide"><table aria-labelledby="{drawn.name}">\n'
        f"<thead><tr>{columns}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n</details>\n</section>\n"
    )


def _keys(summary: Summary, drawn: Drawn, words: Words) -> str:
    """The legend."""
    items = "".join(
        f'<li><svg width="12" height="12" aria-hidden="true"><rect class="{kind}" x="0.5" y="0.5" width="11" '
        f'height="11"/></svg>{escape(text)}</li>'
        for kind, text in legend(summary, drawn, words)
    )
    return f'<ul class="keys">{items}</ul>' if items else ""
