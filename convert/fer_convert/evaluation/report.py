"""An evaluation for people: a table for the terminal, a page and two pictures for the model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from fer_convert.data.dataset import SIDE
from fer_convert.evaluation.metrics import Parity
from fer_convert.training import checkpoint
from fer_edge.errors import SinkError
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from fer_convert.evaluation.evaluate import Evaluation, Row

ALL_KNOWN = "Every face of this split is also in the training split: this is no measure of unseen faces"
INK, SOFT, BLUE = "#1f2933", "#cbd2d9", "#2f6db5"


def table(result: Evaluation) -> str:
    """The figures as text, as wide as a terminal."""
    metrics = result.metrics
    width = max(len("macro average"), *(len(entry.label) for entry in metrics.classes))
    lines = [
        f"{result.model} on {result.data}, {metrics.split}: {metrics.faces:,} faces",
        "",
        f"{'':{width}}  precision  recall      F1   faces",
    ]
    for entry in metrics.classes:
        lines.append(
            f"{entry.label:{width}}  {percent(entry.precision):>9}  {percent(entry.recall):>6}  "
            f"{percent(entry.f1):>6}  {entry.faces:6,}"
        )
    lines += [
        f"{'macro average':{width}}  {'':9}  {'':6}  {percent(metrics.macro_f1):>6}",
        "",
        f"accuracy {percent(metrics.accuracy, 2)}   macro-F1 {percent(metrics.macro_f1, 2)}   "
        f"expected calibration error {percent(metrics.ece, 2)}",
    ]
    if unseen := _unseen(result):
        lines.append(unseen)
    if rows := _rows(result):
        longest = max(len(name) for name, _ in rows)
        lines += ["", *(f"{name:{longest}}  {text}" for name, text in rows)]
    lines += ["", "confusion: rows are what the faces show, columns what the model reads", *_confusion(result)]
    if pairs := _confusions(result):
        lines += ["", "confused most:", *pairs]
    return "\n".join(lines)


def percent(share: float, digits: int = 1) -> str:
    """A share, 0 to 1, as it is read: "63.6 %"."""
    return f"{100 * share:.{digits}f} %"


def _unseen(result: Evaluation) -> str:
    if not result.unseen:
        return ALL_KNOWN if result.known else ""
    return f"accuracy {percent(result.unseen.accuracy, 2)} without the {result.known:,} faces that are also trained on"


def _rows(result: Evaluation) -> list[tuple[str, str]]:
    """Name and text of each row that --conditions gives; none without it."""
    return [(name, _text(row)) for name, row in result.conditions.items()]


def _text(row: Row) -> str:
    if isinstance(row, Parity):
        return f"{row.points:+.2f}, both read the same in {percent(row.agreement)} of the faces"
    return row if isinstance(row, str) else percent(row, 2)


def _confusions(result: Evaluation) -> list[str]:
    return [
        f"shows {pair.shows}, read as {pair.read_as}: {pair.faces:,} of {pair.of:,} faces "
        f"({percent(pair.faces / pair.of, 0)})"
        for pair in result.metrics.top_confusions()
    ]


def _confusion(result: Evaluation) -> list[str]:
    labels = [entry.label for entry in result.metrics.classes]
    width, column = max(map(len, labels)), max(8, *(len(label) + 1 for label in labels))
    rows = [" " * width + "".join(f"{label:>{column}}" for label in labels)]
    for label, counts in zip(labels, result.metrics.confusion, strict=True):
        rows.append(f"{label:{width}}" + "".join(f"{count:{column},}" for count in counts))
    return rows


def write(result: Evaluation, folder: Path) -> list[Path]:
    """report.md, report.json, confusion.png and calibration.png in `folder`; returns their paths. Raises SinkError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise SinkError(f"--report {folder}: cannot be made ({cause.strerror}); choose another folder") from None
    written = [folder / name for name in ("report.md", "report.json", "confusion.png", "calibration.png")]
    checkpoint.write_text(written[0], page(result))
    checkpoint.write_json(written[1], result.as_json())
    for path, figure in zip(written[2:], (confusion_picture(result), calibration_picture(result)), strict=True):
        with checkpoint.whole(path) as temporary:
            figure.savefig(temporary, dpi=110)
    return written


def page(result: Evaluation) -> str:
    """The figures as Markdown, with the two pictures."""
    metrics = result.metrics
    accuracy = (
        f"Accuracy **{percent(metrics.accuracy, 2)}**, macro-F1 **{percent(metrics.macro_f1, 2)}**, "
        f"expected calibration error {percent(metrics.ece, 2)}."
    )
    unseen = _unseen(result)
    classes = [
        (e.label, percent(e.precision), percent(e.recall), percent(e.f1), f"{e.faces:,}") for e in metrics.classes
    ]
    blocks = [
        f"# {result.model}",
        f"Measured on {result.data}, split {metrics.split}: {metrics.faces:,} faces "
        f"(data sha256 `{result.data_sha256[:12]}…`).",
        f"{accuracy}\n{unseen[0].upper()}{unseen[1:]}." if unseen else accuracy,
        _markdown(("class", "precision", "recall", "F1", "faces"), classes),
    ]
    if result.conditions:
        said = f"Under each condition: the accuracy on faces that are changed at {SIDE} x {SIDE} pixels, then resized."
        blocks += [said, _markdown(("measured", "value"), _rows(result))]
    if pairs := _confusions(result):
        blocks += ["Confused most:", "\n".join(f"- {pair}" for pair in pairs)]
    blocks += ["![Confusion matrix](confusion.png)", "![Calibration](calibration.png)"]
    return "\n\n".join(blocks) + "\n"


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of text, its first column to the left, the others to the right."""
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# --- pictures ---


def confusion_picture(result: Evaluation) -> Figure:
    """Each row's shares: of the faces that show this, how many are read as that."""
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
        shade = "white" if share > 0.55 else INK if share >= 0.005 else SOFT
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=shade, fontsize=9)
    axes.set_xticks(range(len(labels)), labels, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), [f"{e.label} ({e.faces:,})" for e in metrics.classes])
    axes.set_xlabel("read as")
    axes.set_ylabel("shows")
    axes.set_title(f"{result.model}: {metrics.accuracy:.1%} of {metrics.faces:,} faces right", fontsize=10, color=INK)
    _plain(axes)
    return figure


def calibration_picture(result: Evaluation) -> Figure:
    """Accuracy over confidence, and below it how many faces there are of each confidence."""
    metrics = result.metrics
    figure = Figure(figsize=(5.2, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = [b for b in metrics.bins if b.faces]
    upper.plot([0, 1], [0, 1], color=SOFT, linewidth=1.5, zorder=1, label="confidence that can be taken at its word")
    upper.plot(
        [b.confidence for b in filled], [b.accuracy for b in filled],
        color=BLUE, linewidth=1.5, marker="o", markersize=5, zorder=2, label=result.model,
    )  # fmt: skip
    upper.set(ylim=(0, 1), xlim=(0, 1), ylabel="share of right answers")
    upper.set_title(f"expected calibration error {metrics.ece:.1%}", fontsize=10, color=INK)
    upper.legend(loc="upper left", frameon=False, fontsize=9)
    width = 1 / len(metrics.bins)
    lower.bar([b.low + width / 2 for b in metrics.bins], [b.faces for b in metrics.bins], width * 0.9, color=BLUE)
    lower.set(xlabel="confidence", ylabel="faces")
    for axes in (upper, lower):
        axes.grid(color=SOFT, linewidth=0.4)
        axes.set_axisbelow(True)
        _plain(axes)
    return figure


def _plain(axes: Axes) -> None:
    """No frame, no ticks, dark grey text."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, colors=INK, labelsize=9)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
