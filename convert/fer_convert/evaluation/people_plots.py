"""The plots that votes add to a report: calibration by voters, accuracy over coverage, agreement over the prior."""

from __future__ import annotations

from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from fer_convert.evaluation.people import SHOWN_ACCURACY, People
from fer_convert.evaluation.people_report import human_line
from fer_convert.evaluation.plots import DATA_COLOR, GRID_COLOR, TEXT_COLOR, bins_plot, style
from fer_convert.evaluation.result import Evaluation
from fer_convert.evaluation.text import percent

HUMAN_COLOR, SECOND_COLOR = "#c2572b", "#4f9d69"
SHARES = PercentFormatter(1, decimals=0, symbol=" %")


def voter_plot(result: Evaluation, people: People) -> Figure:
    """The share of voters who said what the model says, over its confidence."""
    figure, axes = bins_plot(people.bins, result.model, '"0.8" means eight of ten people')
    axes.set_ylabel("share of the voters who said the same")
    _human(axes, people)
    _title(axes, f"calibration error {percent(people.ece)} on {result.metrics.faces:,} faces with a majority")
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    return figure


def coverage_plot(result: Evaluation, people: People) -> Figure:
    """The accuracy of what is shown over the share of the faces for which something is shown."""
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    coverage, accuracy = [p.coverage for p in people.curve], [p.accuracy for p in people.curve]
    axes.plot(coverage, accuracy, color=DATA_COLOR, linewidth=1.8, label=result.model, zorder=3)
    axes.axhline(SHOWN_ACCURACY, color=GRID_COLOR, linewidth=1.2, zorder=1, label=f"{percent(SHOWN_ACCURACY, 0)} right")
    if people.shown:
        axes.plot(people.shown.coverage, people.shown.accuracy, "o", color=DATA_COLOR, markersize=7, zorder=4)
        text = f"confidence {people.shown.threshold:.2f} or more:\n{percent(people.shown.coverage)} of the faces shown"
        # Below the curve if there is room to its left, else above it
        offset, sides = ((-8, -8), ("right", "top")) if people.shown.coverage > 0.45 else ((8, 8), ("left", "bottom"))
        axes.annotate(
            text, (people.shown.coverage, people.shown.accuracy), offset, textcoords="offset points",
            ha=sides[0], va=sides[1], fontsize=9, color=TEXT_COLOR,
        )  # fmt: skip
    _human(axes, people)
    axes.set(xlim=(0, 1.01), ylim=(min(0.5, *accuracy), 1.01))
    axes.set_xlabel("share of the faces with a majority that is shown")
    axes.set_ylabel("right among those shown")
    _title(axes, "what is shown, and how often the majority sees the same")
    _finish(axes, "lower left")
    return figure


def prior_plot(result: Evaluation, people: People) -> Figure:
    """Agreement with the majority and macro-recall over the prior."""
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    priors = [point.prior for point in people.prior]
    lines = (
        ("agreement with the majority", DATA_COLOR, "o", [point.agreement for point in people.prior]),
        ("macro-recall", SECOND_COLOR, "s", [point.macro_recall for point in people.prior]),
    )
    for label, color, marker, shares in lines:
        axes.plot(priors, shares, color=color, linewidth=1.8, marker=marker, markersize=4, label=label, zorder=3)
    _human(axes, people)
    if people.model_prior is not None:
        label = f"as converted: {people.model_prior:g}"
        axes.axvline(people.model_prior, color=GRID_COLOR, linewidth=1.5, label=label, zorder=1)
    whole = "the model as it is" if people.model_prior is None else "frequencies as in the training data"
    axes.set(xlim=(-0.02, 1.02), xlabel=f"prior (0: frequencies taken out, 1: {whole})", ylabel="share")
    _title(axes, f"{result.model}\nif frequent classes stay ahead by more or less")
    _finish(axes, "best")
    return figure


def _human(axes: Axes, people: People) -> None:
    """The human line, if it is known."""
    if people.voter_agreement is not None:
        axes.axhline(
            people.voter_agreement, color=HUMAN_COLOR, linewidth=1.2, linestyle="--", label=human_line(people), zorder=2
        )


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=10, color=TEXT_COLOR)


def _finish(axes: Axes, legend: Literal["best", "lower left"]) -> None:
    axes.yaxis.set_major_formatter(SHARES)
    axes.legend(loc=legend, frameon=False, fontsize=9)
    axes.grid(color=GRID_COLOR, linewidth=0.4)
    axes.set_axisbelow(True)
    style(axes)
