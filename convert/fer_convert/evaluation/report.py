"""An evaluation as text: a table for the terminal, and a Markdown page, which `write` puts beside its plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fer_convert import files
from fer_convert.data.faces import FER2013_SIDE_PX
from fer_convert.evaluation.metrics import Parity
from fer_convert.evaluation.plots import calibration_plot, confusion_plot
from fer_convert.evaluation.result import Evaluation, Value

ALL_TRAINED_ON = "Every face of this split is also in the training split: this is no measure of unseen faces"


def table(result: Evaluation) -> str:
    """The figures as text, at most 100 characters wide."""
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
    if unseen := _unseen_line(result):
        lines.append(unseen)
    if rows := _condition_rows(result):
        longest = max(len(name) for name, _ in rows)
        lines += ["", *(f"{name:{longest}}  {text}" for name, text in rows)]
    lines += ["", "confusion: rows are the labelled classes, columns the predicted ones", *_confusion_lines(result)]
    if pairs := _top_confusions(result):
        lines += ["", "confused most:", *pairs]
    return "\n".join(lines)


def percent(share: float, digits: int = 1) -> str:
    """A share, 0 to 1, as text: "63.6 %"."""
    return f"{100 * share:.{digits}f} %"


def _unseen_line(result: Evaluation) -> str:
    if not result.unseen:
        return ALL_TRAINED_ON if result.also_trained_on else ""
    accuracy = percent(result.unseen.accuracy, 2)
    return f"accuracy {accuracy} without the {result.also_trained_on:,} faces that are also trained on"


def _condition_rows(result: Evaluation) -> list[tuple[str, str]]:
    """Name and text of each value that --conditions adds; none without it."""
    return [(name, _value_text(value)) for name, value in result.conditions.items()]


def _value_text(value: Value) -> str:
    if isinstance(value, Parity):
        return f"{value.points:+.2f}, both predict the same for {percent(value.agreement)} of the faces"
    return value if isinstance(value, str) else percent(value, 2)


def _top_confusions(result: Evaluation) -> list[str]:
    return [
        f"{pair.shows} predicted as {pair.read_as}: {pair.faces:,} of {pair.of:,} faces "
        f"({percent(pair.faces / pair.of, 0)})"
        for pair in result.metrics.top_confusions()
    ]


def _confusion_lines(result: Evaluation) -> list[str]:
    labels = [entry.label for entry in result.metrics.classes]
    width, column = max(map(len, labels)), max(8, *(len(label) + 1 for label in labels))
    rows = [" " * width + "".join(f"{label:>{column}}" for label in labels)]
    for label, counts in zip(labels, result.metrics.confusion, strict=True):
        rows.append(f"{label:{width}}" + "".join(f"{count:{column},}" for count in counts))
    return rows


def write(result: Evaluation, folder: Path) -> list[Path]:
    """report.md, report.json, confusion.png and calibration.png in `folder`; returns their paths. Raises SinkError."""
    files.make_folder(folder, "--report")
    written = [folder / name for name in ("report.md", "report.json", "confusion.png", "calibration.png")]
    files.write_text(written[0], page(result))
    files.write_json(written[1], result.as_json())
    for path, figure in zip(written[2:], (confusion_plot(result), calibration_plot(result)), strict=True):
        with files.atomic(path) as temporary:
            figure.savefig(temporary, dpi=110)
    return written


def page(result: Evaluation) -> str:
    """The figures as Markdown, with the two plots."""
    metrics = result.metrics
    accuracy = (
        f"Accuracy **{percent(metrics.accuracy, 2)}**, macro-F1 **{percent(metrics.macro_f1, 2)}**, "
        f"expected calibration error {percent(metrics.ece, 2)}."
    )
    unseen = _unseen_line(result)
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
        size = f"{FER2013_SIDE_PX} x {FER2013_SIDE_PX}"
        heading = f"Under each condition: the accuracy on faces that are changed at {size} pixels, then resized."
        blocks += [heading, _markdown(("measured", "value"), _condition_rows(result))]
    if pairs := _top_confusions(result):
        blocks += ["Confused most:", "\n".join(f"- {pair}" for pair in pairs)]
    blocks += ["![Confusion matrix](confusion.png)", "![Calibration](calibration.png)"]
    return "\n\n".join(blocks) + "\n"


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of text, its first column aligned to the left, the others to the right."""
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
