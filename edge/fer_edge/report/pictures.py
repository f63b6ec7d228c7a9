"""The charts of a report as SVG pictures, each whole by itself: for slides, articles and other pages."""

from __future__ import annotations

import re
from html import escape

from fer_edge.drawing.words import Words
from fer_edge.records import percent
from fer_edge.report.drawn import Drawn, charts, legend, shares
from fer_edge.report.page import style
from fer_edge.report.tally import Summary

FIRST_LINES = '<?xml version="1.0" encoding="UTF-8"?>\n<!-- fer-edge report -->\n'
WIDTH_PX, MARGIN_PX, SCALE_PX = 800, 16, 92  # of a picture, around it, and of the part left of its columns
TITLE_PX, BAR_PX, KEY_PX, LETTER_PX = 34, 26, 20, 7.2  # heights; and the width of a letter of the legend, about
PICTURE_RULE = re.compile(r"rect|\.(c\d|cross|grid|name)\b")
# A picture has no page around it: white paper, whatever the reader's page is.
PICTURE_STYLE = (
    "svg { --paper: #fff; --ink: #1c1c1e; --faint: #62626a; --line: #dcdce0; --heat: #0072b2; }\n"
    "text { fill: #1c1c1e; font: 13px system-ui, sans-serif; }\n.scale text, .plot text { fill: #62626a; }\n"
    ".title { font-size: 18px; }\n"
)


def pictures(summary: Summary, words: Words) -> dict[str, str]:
    """The name of a file, and its SVG; none if nobody was in view."""
    if not summary.total.shown:
        return {}
    found = {"emotions.svg": _emotions(summary, words)}
    for drawn in charts(summary, words):
        found[f"{drawn.name}.svg"] = _chart(summary, drawn, words)
    return found


def _chart(summary: Summary, drawn: Drawn, words: Words) -> str:
    chart, top = drawn.chart, MARGIN_PX + TITLE_PX
    inner = WIDTH_PX - 2 * MARGIN_PX - SCALE_PX
    keys, height = _keys(summary, drawn, words, top + chart.height + 8)
    body = (
        f'<svg class="scale" x="{MARGIN_PX}" y="{top}" width="{SCALE_PX}" height="{chart.height}">{chart.scale}</svg>\n'
        f'<svg class="plot" x="{MARGIN_PX + SCALE_PX}" y="{top}" width="{inner}" height="{chart.height}" '
        f'overflow="visible">{chart.plot}</svg>\n{keys}'
    )
    return _picture(summary, drawn.title, drawn.text, body, height + MARGIN_PX)


def _keys(summary: Summary, drawn: Drawn, words: Words, top: int) -> tuple[str, int]:
    """The legend from `top` on, and where it ends."""
    x, y, parts = MARGIN_PX + SCALE_PX, top, []
    for kind, text in legend(summary, drawn, words):
        wide = round(24 + LETTER_PX * len(text) + 16)
        if x + wide > WIDTH_PX - MARGIN_PX and x > MARGIN_PX + SCALE_PX:
            x, y = MARGIN_PX + SCALE_PX, y + KEY_PX
        parts.append(f'<rect class="{kind}" x="{x + 0.5}" y="{y + 0.5}" width="11" height="11"/>')
        parts.append(f'<text x="{x + 18}" y="{y + 11}">{escape(text)}</text>')
        x += wide
    return "\n".join(parts), y + (KEY_PX if parts else 0)


def _emotions(summary: Summary, words: Words) -> str:
    top, names = MARGIN_PX + TITLE_PX, 150
    room = WIDTH_PX - 2 * MARGIN_PX - names - 70
    parts = []
    for row, (label, share, most) in enumerate(shares(summary)):
        y = top + row * BAR_PX
        parts.append(
            f'<text x="{MARGIN_PX + names - 12}" y="{y + 14}" text-anchor="end">{escape(words.emotion(label))}</text>'
        )
        wide = room * share / most
        number = summary.labels.index(label)
        parts.append(
            f'<rect class="c{number}" x="{MARGIN_PX + names}" y="{y}" width="{wide:.1f}" height="{BAR_PX - 8}"/>'
        )
        parts.append(f'<text x="{MARGIN_PX + names + wide + 8:.1f}" y="{y + 14}">{percent(share)}</text>')
    said = ", ".join(f"{words.emotion(label)} {percent(share)}" for label, share, _ in shares(summary))
    height = top + len(summary.labels) * BAR_PX + MARGIN_PX
    return _picture(summary, words["history_shares"], said, "\n".join(parts), height)


def _picture(summary: Summary, title: str, text: str, body: str, height: float) -> str:
    # Those of the page's layout are of no use here.
    colours = "\n".join(line for line in style(summary).splitlines() if PICTURE_RULE.match(line))
    return (
        f'{FIRST_LINES}<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH_PX} {height:.0f}" role="img" aria-labelledby="title text">\n'
        f'<title id="title">{escape(title)}</title>\n<desc id="text">{escape(text)}</desc>\n'
        f"<style>\n{PICTURE_STYLE}{colours}\n</style>\n"
        f'<path fill="#fff" d="M0 0H{WIDTH_PX}V{height:.0f}H0z"/>\n'
        f'<text class="title" x="{MARGIN_PX}" y="{MARGIN_PX + 16}">{escape(title)}</text>\n{body}\n</svg>\n'
    )
