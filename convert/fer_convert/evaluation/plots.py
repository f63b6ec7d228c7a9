"""The two plots of every report: the confusion matrix, and the calibration curve."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fer_convert.evaluation.metrics import Bin
from fer_convert.evaluation.people_report import human_line
from fer_convert.evaluation.result import Evaluation
from fer_convert.evaluation.text import percent

TEXT_COLOR, GRID_COLOR, DATA_COLOR = "#1f2933", "#cbd2d9", "#2f6db5"


def confusion_plot(result: Evaluation) -> Figure:
    """The confusion matrix, each row as shares of the faces of its class."""
    metrics = result.metrics
    labels = [entry.label for entry in metrics.classes]
    counts = np.array(metrics.confusion, np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.2 + 0.62 * len(labels)
    figure = Figure(figsize=(side, side * 0.92), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap=mpl.colormaps["Blues"], vmin=0, vmax=1)
    for row, column in np.ndindex(shares.shape):
        share = shares[row, column]
        shade = "white" if share > 0.55 else TEXT_COLOR if share >= 0.005 else GRID_COLOR
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=shade, fontsize=9)
    axes.set_xticks(range(len(labels)), labels, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), [f"{e.label} ({e.faces:,})" for e in metrics.classes])
    axes.set_xlabel("predicted")
    if result.people:
        axes.set_ylabel("what the majority sees")
        agreement = f"agreement {percent(metrics.accuracy)} on {metrics.faces:,} faces"
        title = f"{result.model}\n{agreement}\n{human_line(result.people)}"
    else:
        axes.set_ylabel("labelled")
        title = f"{result.model}: accuracy {metrics.accuracy:.1%} on {metrics.faces:,} faces"
    axes.set_title(title, fontsize=10, color=TEXT_COLOR)
    style(axes)
    return figure


def calibration_plot(result: Evaluation) -> Figure:
    """Accuracy over confidence, and below it the number of faces of each confidence."""
    metrics = result.metrics
    figure, upper = bins_plot(metrics.bins, result.model, "confidence equals accuracy")
    upper.set_ylabel("accuracy")
    upper.set_title(f"expected calibration error {metrics.ece:.1%}", fontsize=10, color=TEXT_COLOR)
    upper.legend(loc="upper left", frameon=False, fontsize=9)
    return figure


def bins_plot(bins: tuple[Bin, ...], model: str, diagonal: str) -> tuple[Figure, Axes]:
    """The accuracy of `bins` over their confidence, their faces below it; the axes are those of the first."""
    figure = Figure(figsize=(5.2, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = [b for b in bins if b.faces]
    upper.plot([0, 1], [0, 1], color=GRID_COLOR, linewidth=1.5, zorder=1, label=diagonal)
    upper.plot(
        [b.confidence for b in filled], [b.accuracy for b in filled],
        color=DATA_COLOR, linewidth=1.5, marker="o", markersize=5, zorder=2, label=model,
    )  # fmt: skip
    upper.set(ylim=(0, 1), xlim=(0, 1))
    width = 1 / len(bins)
    lower.bar([b.low + width / 2 for b in bins], [b.faces for b in bins], width * 0.9, color=DATA_COLOR)
    lower.set(xlabel="confidence", ylabel="faces")
    for axes in (upper, lower):
        axes.grid(color=GRID_COLOR, linewidth=0.4)
        axes.set_axisbelow(True)
        style(axes)
    return figure, upper


def style(axes: Axes) -> None:
    """No frame, no ticks, dark grey text."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, colors=TEXT_COLOR, labelsize=9)
    axes.xaxis.label.set_color(TEXT_COLOR)
    axes.yaxis.label.set_color(TEXT_COLOR)
