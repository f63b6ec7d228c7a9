"""A plot of accuracy over latency: the best model is at the top left."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_edge.bench.results import ModelResult
from fer_edge.classifiers.cards import Card
from fer_edge.errors import SinkError, counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # one for each number of threads
LINES = ("-", ":", "--")  # one for each interpreter
MARKER_SIZE = 7  # points, of all
# Okabe and Ito's palette, which colour-blind people tell apart (jfly.uni-koeln.de/color, 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # one for each model
MIN_ACCURACY_SPAN = 0.02  # height of the plot, share of right answers, so that small differences look small
INKED_STEPS = 20
NAME_DISTANCES = (10, 22, 36, 52, 70)  # points between a point and its name, the first where there is room


def check(path: Path, cards: Sequence[Card]) -> None:
    """Raise SinkError if no plot of `cards` can be drawn into `path`: before a minute of measuring, not after it."""
    if importlib.util.find_spec("matplotlib") is None:
        raise SinkError(f"plot {path}: needs matplotlib, which is not installed; fix it with: pip install matplotlib")
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise SinkError(f"plot {path}: a plot is a .png, .svg or .pdf; give it such a name")
    if all(card.accuracy is None for card in cards):
        raise SinkError(f"plot {path}: no card states its model's accuracy; add metrics.accuracy to one")


def plot(rows: Sequence[ModelResult], title: str, path: Path) -> None:
    """Draw the rows whose cards state an accuracy, one at least. Raises SinkError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [row for row in rows if row.accuracy is not None]
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    _draw_band(axes, shown)
    counts = sorted({row.threads for row in shown})
    markers = {threads: MARKERS[number % len(MARKERS)] for number, threads in enumerate(counts)}
    names: list[tuple[str, ModelResult, str]] = []  # text, the row beside which it stands, colour
    runtimes = list(dict.fromkeys(row.runtime for row in shown))
    colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(dict.fromkeys(row.name for row in shown))}
    for name, runtime in dict.fromkeys((row.name, row.runtime) for row in shown):
        same = sorted((row for row in shown if row.key[:2] == (name, runtime)), key=lambda row: row.threads)
        _draw_points(axes, same, colours[name], markers, LINES[runtimes.index(runtime) % len(LINES)])
        names.append((name if len(runtimes) == 1 else f"{name}\n{runtime}", same[0], colours[name]))
    for threads, marker in markers.items():
        axes.plot([], [], marker, color="black", markersize=MARKER_SIZE, label=counted(threads, "thread"))
    _scale(axes, shown)
    splits = " or ".join(sorted({row.split for row in shown}))
    axes.set(
        title=title,
        xlabel="median latency of one face, ms; whiskers: the middle half of the turns' medians",
        ylabel="right answers",
    )
    axes.grid(alpha=0.3)
    figure.supxlabel(f"right answers on {splits}, by the cards", fontsize="small")
    figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize="small")
    _write_names(axes, names, shown)
    try:
        figure.savefig(path, dpi=120)
    except OSError as cause:
        raise SinkError(f"plot {path}: cannot be written ({cause.strerror}); choose another file") from None


def _draw_band(axes: Axes, rows: Sequence[ModelResult]) -> None:
    """The 95 % interval of the best accuracy: what lies in it may be as good."""
    best = max(rows, key=lambda row: row.accuracy or 0.0)
    low, high = (best.accuracy or 0.0) - best.accuracy_error, (best.accuracy or 0.0) + best.accuracy_error
    axes.axhspan(low, high, color="0.93", zorder=0, label="95 % interval of the best")


def _draw_points(axes: Axes, rows: Sequence[ModelResult], colour: str, markers: dict[int, str], line: str) -> None:
    """One model in one interpreter: a point for each number of threads, with its whiskers."""
    times = [1000 * row.median for row in rows]
    shares = [row.accuracy or 0.0 for row in rows]
    halves = [_whisker(row) for row in rows]
    axes.errorbar(times, shares, xerr=halves, color=colour, linestyle=line, linewidth=1, elinewidth=1.5, capsize=4)
    for row, time, share in zip(rows, times, shares, strict=True):
        marker = markers[row.threads]
        axes.plot(time, share, marker, color=colour, markersize=MARKER_SIZE, markeredgecolor="white")


def _whisker(row: ModelResult) -> float:
    """Milliseconds to each side of its median."""
    return 1000 * row.median * min(row.spread, 1.9) / 2


def _inked(rows: Sequence[ModelResult]) -> Iterator[tuple[float, float]]:
    """Places on the lines and whiskers, which no name may cover: milliseconds, share."""
    for key in dict.fromkeys(row.key[:2] for row in rows):
        same = [row for row in rows if row.key[:2] == key]
        low = min(1000 * row.median - _whisker(row) for row in same)
        high = max(1000 * row.median + _whisker(row) for row in same)
        for step in range(INKED_STEPS + 1):
            yield low + (high - low) * step / INKED_STEPS, same[0].accuracy or 0.0


def _write_names(axes: Axes, names: Sequence[tuple[str, ModelResult, str]], rows: Sequence[ModelResult]) -> None:
    """Each name near its point, where it covers neither another name nor a point, with a line to it."""
    from matplotlib.text import Text

    figure: Any = axes.figure
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    points = [axes.transData.transform(point) for point in _inked(rows)]
    frame = axes.get_window_extent(renderer)
    marker = renderer.points_to_pixels(MARKER_SIZE / 2)
    taken: list[Any] = []
    for text, row, colour in names:
        place = (1000 * row.median, row.accuracy or 0.0)
        for across, down in _offsets():
            written = axes.annotate(
                text,
                place,
                (across, down),
                textcoords="offset points",
                ha="left" if across > 0 else "right" if across < 0 else "center",
                va="center" if not down else "bottom" if down > 0 else "top",
                color=colour,
                fontsize=9,
                arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4},
            )
            written.update_positions(renderer)
            box = Text.get_window_extent(written, renderer)  # without the line, which may pass others
            is_inside = frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)
            around = box.padded(marker)  # a point is as wide as its marker
            covers = any(map(box.overlaps, taken)) or any(around.contains(*point) for point in points)
            if is_inside and not covers:
                taken.append(box)
                break
            written.remove()


def _offsets() -> Iterator[tuple[int, int]]:
    """Where a name may be, in points from its point, the nearest first."""
    for far in NAME_DISTANCES:
        yield from ((far, 0), (0, far), (0, -far), (far, far), (far, -far), (-far, far), (-far, -far), (-far, 0))


def _scale(axes: Axes, rows: Sequence[ModelResult]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    shares = [row.accuracy or 0.0 for row in rows]
    middle, span = (max(shares) + min(shares)) / 2, max(shares) - min(shares)
    error = max(row.accuracy_error for row in rows)
    half = max(0.7 * span, MIN_ACCURACY_SPAN / 2, span / 2 + 1.5 * error)
    axes.set_ylim(middle - half, middle + half)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    times = [1000 * row.median for row in rows]
    if max(times) > 10 * min(times):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda time, _: f"{time:g}"))
        axes.set_xlim(min(times) / 1.5, 1.5 * max(times))
    else:
        axes.set_xlim(0, 1.25 * max(times))
