"""Charts as SVG whose text keeps its size at any width: x is in percent of the width, y in pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

PLOT_HEIGHT_PX = 180  # of the columns
TOP_PX, BOTTOM_PX = 10, 26  # above and below them
CELL_PX = 20  # height of a day in a map of days and hours
MIN_HEAT = 0.12  # opacity of the lightest cell in which anybody was in view
MAX_LABELS, MAX_PHONE_LABELS = 12, 6  # under the columns, on a wide page and on a phone
STEPS_S = tuple(60 * n for n in (1, 2, 5, 10, 15, 30)) + tuple(3600 * n for n in (1, 2, 3, 6, 12, 24, 48, 96, 240))


Tick = Callable[[float], str]  # seconds in words, as short as possible


class Column(NamedTuple):
    """One stacked column; each segment has the number of its colour."""

    name: str  # below it
    title: str  # shown under the pointer
    segments: Sequence[tuple[int, float]]  # colour, seconds
    watched: bool = True  # False: nothing is known of this time

    @property
    def height(self) -> float:
        """Seconds."""
        return sum(seconds for _, seconds in self.segments)


class Cell(NamedTuple):
    """One hour of a map of days and hours."""

    title: str  # shown under the pointer
    share: float  # of the darkest cell's time, 0 to 1
    watched: bool


class Chart(NamedTuple):
    """The insides of a chart's two pictures, and the height of both, pixels."""

    scale: str  # at its left
    plot: str
    height: int


def as_html(chart: Chart, name: str, title: str, description: str) -> str:
    """A chart on a page; `name` is unique there."""
    return (
        f'<div class="chart"><svg class="scale" height="{chart.height}" aria-hidden="true">{chart.scale}</svg>'
        f'<svg class="plot" height="{chart.height}" role="img" aria-labelledby="{name}-title {name}-text">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-text">{escape(description)}</desc>'
        f"{chart.plot}</svg></div>"
    )


def columns(bars: Sequence[Column], tick: Tick) -> Chart:
    """Stacked columns; `tick` writes a duration beside their scale."""
    step = _step(max(bar.height for bar in bars))
    most = step * -(-max(bar.height for bar in bars) // step) or step
    lines = [n * step for n in range(int(most / step) + 1)]
    scale = "".join(_right(tick(value), _down(value, most) + 4) for value in lines)
    grid = "".join(f'<line x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>' for y in (_down(value, most) for value in lines))
    drawn = "".join(_column(bar, n, len(bars), most) for n, bar in enumerate(bars))
    height = TOP_PX + PLOT_HEIGHT_PX + BOTTOM_PX
    return Chart(scale, f'<g class="grid">{grid}</g>{drawn}{_names(bars)}', height)


def heat(days: Sequence[tuple[str, Sequence[Cell]]]) -> Chart:
    """Days, each with its name and a cell for each hour: the darker the more; crossed out where nothing is known."""
    scale, plot = [], []
    for row, (name, cells) in enumerate(days):
        top = TOP_PX + row * CELL_PX
        scale.append(_right(escape(name), top + CELL_PX / 2 + 4))
        for hour, cell in enumerate(cells):
            x, wide = 100 * hour / len(cells), 100 / len(cells)
            plot.append(f"<g><title>{escape(cell.title)}</title>{_cell(cell, x, wide, top)}</g>")
    low = TOP_PX + len(days) * CELL_PX + 16
    plot += [f'<text x="{100 * n / 24:.3f}%" y="{low}">{n:02}</text>' for n in range(0, 24, 3)]
    return Chart("".join(scale), "".join(plot), low + 10)


def _cell(cell: Cell, x: float, wide: float, top: int) -> str:
    place = f'x="{x:.3f}%" width="{wide:.3f}%" y="{top}" height="{CELL_PX}"'
    if not cell.watched:
        ends = f'x1="{x:.3f}%" x2="{x + wide:.3f}%" y1="{top + CELL_PX}" y2="{top}"'
        return f'<rect class="cell off" {place}/><line class="cross" {ends}/>'
    drawn = f'<rect class="cell" {place}/>'
    if cell.share > 0:
        drawn += f'<rect class="heat" fill-opacity="{max(cell.share, MIN_HEAT):.2f}" {place}/>'
    return drawn


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


def _right(text: str, y: float) -> str:
    return f'<text x="100%" dx="-6" y="{y:.1f}" text-anchor="end">{text}</text>'


def _column(bar: Column, number: int, count: int, most: float) -> str:
    gap = 0.15 if count <= 100 else 0.0
    across = f'x="{100 * (number + gap) / count:.3f}%" width="{100 * (1 - 2 * gap) / count:.3f}%"'
    rects, base = [], 0.0
    if not bar.watched:
        rects.append(f'<rect class="off" {across} y="{TOP_PX}" height="{PLOT_HEIGHT_PX}"/>')
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
