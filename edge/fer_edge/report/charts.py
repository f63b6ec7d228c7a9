"""Charts as SVG whose text keeps its size at any width: x is in percent of the width, y in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from fer_edge.report.dates import duration

PLOT_HEIGHT_PX = 180  # of the columns
TOP_PX, BOTTOM_PX = 10, 26  # above and below them
MAX_LABELS, MAX_PHONE_LABELS = 12, 6  # under the columns, on a wide page and on a phone
STEPS_S = tuple(60 * n for n in (1, 2, 5, 10, 15, 30)) + tuple(3600 * n for n in (1, 2, 3, 6, 12, 24, 48, 96, 240))


class Column(NamedTuple):
    """One stacked column; each segment has the number of its colour."""

    name: str  # below it
    title: str  # shown under the pointer
    segments: Sequence[tuple[int, float]]  # colour, seconds

    @property
    def height(self) -> float:
        """Seconds."""
        return sum(seconds for _, seconds in self.segments)


def columns(name: str, title: str, description: str, bars: Sequence[Column]) -> str:
    """A chart as HTML; `name` is unique on the page."""
    step = _step(max(bar.height for bar in bars))
    most = step * -(-max(bar.height for bar in bars) // step) or step
    lines = [n * step for n in range(int(most / step) + 1)]
    scale = "".join(_right(_tick(value), _down(value, most) + 4) for value in lines)
    grid = "".join(f'<line x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>' for y in (_down(value, most) for value in lines))
    height = TOP_PX + PLOT_HEIGHT_PX + BOTTOM_PX
    return (
        f'<div class="chart"><svg class="scale" height="{height}" aria-hidden="true">{scale}</svg>'
        f'<svg class="plot" height="{height}" role="img" aria-labelledby="{name}-title {name}-text">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-text">{escape(description)}</desc>'
        f'<g class="grid">{grid}</g>{"".join(_column(bar, n, len(bars), most) for n, bar in enumerate(bars))}'
        f"{_names(bars)}</svg></div>"
    )


def bar(share: float, colour: int) -> str:
    """A bar in a cell of a table; the table has the same value as text."""
    return (
        f'<svg class="bar" height="14" aria-hidden="true"><rect class="c{colour}" x="0.5" y="0.5" height="13" '
        f'width="{100 * share:.2f}%"/></svg>'
    )


def _step(most: float) -> float:
    """The smallest round time of which four reach `most`."""
    return next((step for step in STEPS_S if 4 * step >= most), most / 4)


def _down(value: float, most: float) -> float:
    return TOP_PX + PLOT_HEIGHT_PX * (1 - value / most)


def _tick(seconds: float) -> str:
    """A duration, as short as possible."""
    return "0" if not seconds else duration(seconds).replace(" 00 min", "")


def _right(text: str, y: float) -> str:
    return f'<text x="100%" dx="-6" y="{y:.1f}" text-anchor="end">{text}</text>'


def _column(bar: Column, number: int, count: int, most: float) -> str:
    gap = 0.15 if count <= 100 else 0.0
    across = f'x="{100 * (number + gap) / count:.3f}%" width="{100 * (1 - 2 * gap) / count:.3f}%"'
    rects, base = [], 0.0
    for colour, seconds in bar.segments:
        if seconds > 0:
            top, bottom = _down(base + seconds, most), _down(base, most)
            rects.append(f'<rect class="c{colour}" {across} y="{top:.2f}" height="{bottom - top:.2f}"/>')
            base += seconds
    return f"<g><title>{escape(bar.title)}</title>{''.join(rects)}</g>" if rects else ""


def _names(bars: Sequence[Column]) -> str:
    """The labels below; on a phone those of the class `more` are hidden."""
    every = -(-len(bars) // MAX_LABELS)
    few = every * -(-len(bars) // (every * MAX_PHONE_LABELS))
    words = []
    for number, one in list(enumerate(bars))[::every]:
        kind, x = "name" if number % few == 0 else "name more", 100 * (number + 0.5) / len(bars)
        words.append(f'<text class="{kind}" x="{x:.3f}%" y="{TOP_PX + PLOT_HEIGHT_PX + 18}">{escape(one.name)}</text>')
    return "".join(words)
