"""A plot of accuracy over latency: the best model is at the top left."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fer_edge.bench.results import ModelResult
from fer_edge.errors import SinkError, counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # one for each number of threads
# Okabe and Ito's palette, which colour-blind people tell apart (jfly.uni-koeln.de/color, 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # one for each model
MIN_ACCURACY_SPAN = 0.02  # height of the plot, share of right answers, so that small differences look small


def check(path: Path) -> None:
    """Raise SinkError if no plot can be drawn into `path`: before a minute of measuring, not after it."""
    if importlib.util.find_spec("matplotlib") is None:
        raise SinkError(f"plot {path}: needs matplotlib, which is not installed; fix it with: pip install matplotlib")
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise SinkError(f"plot {path}: a plot is a .png, .svg or .pdf; give it such a name")


def plot(rows: Sequence[ModelResult], title: str, path: Path) -> None:
    """Draw the rows whose cards state an accuracy. Raises SinkError."""
    from matplotlib.figure import Figure

    shown = [row for row in rows if row.accuracy is not None]
    if not shown:
        raise SinkError(f"plot {path}: no card states its model's accuracy; add metrics.accuracy to one")
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    counts = sorted({row.threads for row in shown})
    markers = {threads: MARKERS[number % len(MARKERS)] for number, threads in enumerate(counts)}
    for number, key in enumerate(dict.fromkeys((row.name, row.runtime) for row in shown)):
        points = sorted((row.threads, 1000 * row.median, row.accuracy or 0.0) for row in shown if row.key[:2] == key)
        colour = COLOURS[number % len(COLOURS)]
        _, times, shares = zip(*points, strict=True)
        axes.plot(times, shares, color=colour, linewidth=1, label=", ".join(key))
        for threads, time, share in points:
            # Hollow, and smaller from one model to the next: the points of variants often overlap.
            size = max(15 - 3 * number, 6)
            axes.plot(time, share, markers[threads], color=colour, markersize=size, markerfacecolor="none")
    for threads, marker in markers.items():
        label = counted(threads, "thread")
        axes.plot([], [], marker, color="black", markerfacecolor="none", label=label)
    _scale(axes, shown)
    splits = " or ".join(sorted({row.split for row in shown}))
    axes.set(title=title, xlabel="median latency of one face, ms", ylabel=f"right answers on {splits}")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    try:
        figure.savefig(path, dpi=120)
    except OSError as cause:
        raise SinkError(f"plot {path}: cannot be written ({cause.strerror}); choose another file") from None


def _scale(axes: Axes, rows: Sequence[ModelResult]) -> None:
    from matplotlib.ticker import PercentFormatter

    shares = [row.accuracy or 0.0 for row in rows]
    middle, span = (max(shares) + min(shares)) / 2, max(shares) - min(shares)
    half = max(0.7 * span, MIN_ACCURACY_SPAN / 2)
    axes.set_ylim(middle - half, middle + half)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    times = [1000 * row.median for row in rows]
    if max(times) > 10 * min(times):
        axes.set_xscale("log")
    else:
        axes.set_xlim(0, 1.1 * max(times))
