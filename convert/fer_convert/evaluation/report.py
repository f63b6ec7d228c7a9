"""An evaluation as text: a table for the terminal, and a Markdown page, which `write` puts beside its plots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from fer_convert import files
from fer_convert.data.faces import FER2013_SIDE_PX
from fer_convert.evaluation.metrics import Parity
from fer_convert.evaluation.people import People
from fer_convert.evaluation.people_plots import coverage_plot, prior_plot, voter_plot
from fer_convert.evaluation.people_report import (
    SCORES_HEAD,
    confidence_rows,
    human_line,
    own_label_line,
    prior_note,
    prior_rows,
    scores_rows,
)
from fer_convert.evaluation.plots import calibration_plot, confusion_plot
from fer_convert.evaluation.result import Evaluation, Scores
from fer_convert.evaluation.text import aligned, aligned_left, markdown, percent

ALL_TRAINED_ON = "Every face of this split is also in the training split: this is no measure of unseen faces"


def table(result: Evaluation) -> str:
    """The figures as text, at most 100 characters wide."""
    lines = [
        f"{result.model} on {result.data}, {result.metrics.split}: {_faces(result)}",
        "",
        *aligned(_class_rows(result)),
        "",
    ]
    if result.people:
        lines += aligned([SCORES_HEAD, *scores_rows(result, result.people)], gap="   ")
        lines += ["", own_label_line(result.people)]
    else:
        lines.append(_summary_line(result))
    if unseen := _unseen_line(result):
        lines.append(unseen)
    if rows := _condition_rows(result):
        lines += ["", *aligned_left(rows)]
    if result.people:
        lines += ["", *aligned_left(confidence_rows(result, result.people))]
        if priors := prior_rows(result.people.prior):
            lines += ["", *aligned(priors), f"({prior_note(result.people)})"]
    shows = "what the majority sees" if result.people else "the labelled classes"
    lines += ["", f"confusion: rows are {shows}, columns the predicted ones", *_confusion_lines(result)]
    if pairs := _top_confusions(result):
        lines += ["", "confused most:", *pairs]
    return "\n".join(lines)


def _faces(result: Evaluation) -> str:
    faces = f"{result.metrics.faces:,}"
    return f"the {faces} of {result.people.voted_faces:,} faces with a majority" if result.people else f"{faces} faces"


def _class_rows(result: Evaluation) -> list[tuple[str, ...]]:
    metrics = result.metrics
    return [
        ("", "precision", "recall", "    F1", " faces"),
        *((e.label, percent(e.precision), percent(e.recall), percent(e.f1), f"{e.faces:,}") for e in metrics.classes),
        ("macro average", "", percent(metrics.macro_recall), percent(metrics.macro_f1), ""),
    ]


def _summary_line(result: Evaluation) -> str:
    metrics = result.metrics
    return (
        f"accuracy {percent(metrics.accuracy, 2)}   macro-recall {percent(metrics.macro_recall, 2)}   "
        f"macro-F1 {percent(metrics.macro_f1, 2)}   expected calibration error {percent(metrics.ece, 2)}"
    )


def _unseen_line(result: Evaluation) -> str:
    if not result.unseen:
        return ALL_TRAINED_ON if result.also_trained_on else ""
    figure = f"{'agreement' if result.people else 'accuracy'} {percent(result.unseen.accuracy, 2)}"
    return f"{figure} without the {result.also_trained_on:,} faces that are also trained on"


def _condition_rows(result: Evaluation) -> list[tuple[str, str]]:
    """Name and text of each value that --conditions adds; none without it. With votes all but the scores' are left."""
    return [
        (name, _value_text(value))
        for name, value in result.conditions.items()
        if not isinstance(value, Scores) and not (result.people and isinstance(value, float))
    ]


def _value_text(value: float | Parity | str) -> str:
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
    """report.md, report.json and the plots in `folder`; returns their paths. Raises SinkError."""
    files.make_folder(folder, "--report")
    written = [folder / "report.md", folder / "report.json"]
    files.write_text(written[0], page(result))
    files.write_json(written[1], result.as_json())
    for name, _, draw in _plots(result):
        written.append(folder / name)
        with files.atomic(written[-1]) as temporary:
            draw().savefig(temporary, dpi=110, bbox_inches="tight", pad_inches=0.1)  # or long names are cut off
    return written


def _plots(result: Evaluation) -> list[tuple[str, str, Callable[[], Figure]]]:
    """File name, title and how it is drawn, in the order of the page."""
    people = result.people
    plots: list[tuple[str, str, Callable[[], Figure]]] = [
        ("confusion.png", "Confusion matrix", lambda: confusion_plot(result))
    ]
    if people is None:
        return [*plots, ("calibration.png", "Calibration", lambda: calibration_plot(result))]
    plots += [
        ("calibration.png", "Calibration", lambda: voter_plot(result, people)),
        ("coverage.png", "Accuracy and coverage", lambda: coverage_plot(result, people)),
    ]
    if people.prior:
        plots.append(("prior.png", "Agreement and macro-recall over the prior", lambda: prior_plot(result, people)))
    return plots


def page(result: Evaluation) -> str:
    """The figures as Markdown, with the plots."""
    metrics, people = result.metrics, result.people
    votes = f", votes {people.votes} sha256 `{people.votes_sha256[:12]}…`" if people else ""
    head, *classes = _class_rows(result)
    blocks = [
        f"# {result.model}",
        f"Measured on {result.data}, split {metrics.split}: {_faces(result)} "
        f"(data sha256 `{result.data_sha256[:12]}…`{votes}).",
        "\n".join(_sentences(result)),
        markdown(("class", *(title.strip() for title in head[1:])), classes),
    ]
    if result.conditions:
        size = f"{FER2013_SIDE_PX} x {FER2013_SIDE_PX}"
        blocks.append(f"Under each condition: the accuracy on faces that are changed at {size} pixels, then resized.")
    if people:
        blocks.append(markdown(SCORES_HEAD, scores_rows(result, people)))
    if rows := _condition_rows(result):
        blocks.append(markdown(("measured", "value"), rows))
    if people:
        blocks += _people_blocks(result, people)
    if pairs := _top_confusions(result):
        blocks += ["Confused most:", "\n".join(f"- {pair}" for pair in pairs)]
    blocks += [f"![{title}]({name})" for name, title, _ in _plots(result)]
    return "\n\n".join(blocks) + "\n"


def _sentences(result: Evaluation) -> list[str]:
    """The main figures in words."""
    metrics, people = result.metrics, result.people
    macro = f"macro-recall **{percent(metrics.macro_recall, 2)}**, macro-F1 **{percent(metrics.macro_f1, 2)}**"
    if people:
        sentences = [
            f"Agreement with the majority of people **{percent(metrics.accuracy, 2)}**, on faces on which people agree "
            f"among themselves ({human_line(people)}); {macro}.",
            f"{_capitalized(own_label_line(people))}.",
        ]
    else:
        accuracy = f"Accuracy **{percent(metrics.accuracy, 2)}**, {macro}"
        sentences = [f"{accuracy}, expected calibration error {percent(metrics.ece, 2)}."]
    if unseen := _unseen_line(result):
        sentences.append(f"{_capitalized(unseen)}.")
    return sentences


def _people_blocks(result: Evaluation, people: People) -> list[str]:
    blocks = ["Confidence, against the votes:", markdown(("measured", "value"), confidence_rows(result, people))]
    if rows := prior_rows(people.prior):
        blocks += [f"How far frequent classes stay ahead ({prior_note(people)}):", markdown(rows[0], rows[1:])]
    return blocks


def _capitalized(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
