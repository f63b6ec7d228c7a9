"""An evaluation as a table, a page and plots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from fer_convert.data.votes import Votes
from fer_convert.evaluation import people_plots, people_report, plots, report
from fer_convert.evaluation.coverage import CoveragePoint
from fer_convert.evaluation.metrics import Parity, measure
from fer_convert.evaluation.people import VoteSource, compare
from fer_convert.evaluation.result import Evaluation, Scores
from fer_edge.classifiers.prior import Prior
from fer_edge.types import EMOTIONS


@pytest.fixture
def result() -> Evaluation:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 200)
    scores = rng.random((200, 7)).astype(np.float32)
    scores[np.arange(200), labels] += 0.7
    found = measure(scores / scores.sum(axis=1, keepdims=True), labels, EMOTIONS, "PublicTest")
    return Evaluation("model.tflite", "faces.csv", "ab" * 32, found, None)


@pytest.fixture
def against_people(result: Evaluation) -> Evaluation:
    """The same faces with ten votes each, the last ten of them for nobody's class."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(7), [entry.faces for entry in result.metrics.classes])
    counts = np.eye(7, dtype=np.int64)[labels] * 7
    counts[np.arange(200), rng.integers(0, 7, 200)] += 1
    others = np.full((200, 1), 2)
    counts[-10:], others[-10:] = 1, 3
    scores = rng.random((200, 7)).astype(np.float32)
    scores[np.arange(200), labels] += 0.7
    scores /= scores.sum(axis=1, keepdims=True)
    source = VoteSource("votes.csv", "cd" * 32, Votes(counts, others), None)
    people = compare(scores, labels, source, Prior(0.7, 1.2, (1 / 7,) * 7), 0.7)
    metrics = measure(scores[:-10], labels[:-10], EMOTIONS, "PublicTest")
    conditions = {"accuracy": 0.5, "blur": Scores(0.71234, 0.62345, 0.53456), "int8": Parity(-0.5, 0.97)}
    return replace(result, metrics=metrics, conditions=conditions, people=people)


def test_table_fits_a_terminal(result: Evaluation) -> None:
    """The table has every class and confusion in 100 columns."""
    text = report.table(result)
    figures, _, confused = text.partition("confused most:")
    for label in EMOTIONS:
        assert figures.count(label) == 3  # its line, its row, its column
    assert len(confused.splitlines()) == 6
    assert max(map(len, text.splitlines())) <= 100


def test_table_of_a_perfect_model_fits(result: Evaluation) -> None:
    """Figures of 100 % are the widest."""
    metrics = replace(result.metrics, accuracy=1.0, macro_recall=1.0, macro_f1=1.0, ece=1.0)
    text = report.table(replace(result, metrics=metrics))
    assert "accuracy 100.00 %   macro-recall 100.00 %   macro-F1 100.00 %   expected" in text
    assert max(map(len, text.splitlines())) <= 100


def test_macro_recall_in_table_and_page(result: Evaluation) -> None:
    """It stands under the recalls and in the summary."""
    figure = result.metrics.macro_recall
    (line,) = [line for line in report.table(result).splitlines() if line.startswith("macro average")]
    assert f"  {100 * figure:.1f} %" in line
    assert f"macro-recall {100 * figure:.2f} %" in report.table(result)
    assert f"macro-recall **{100 * figure:.2f} %**" in report.page(result)
    assert result.as_json()["macro_recall"] == figure


def test_votes_in_table_and_page(against_people: Evaluation) -> None:
    """One person stands above the model and the conditions; the other figures of people follow."""
    people = against_people.people
    assert people is not None
    person, accuracy = f"{100 * people.voter_agreement:.1f} %", f"{100 * against_people.metrics.accuracy:.2f} %"
    text, page = report.table(against_people), report.page(against_people)
    rows = [line.split() for line in text.splitlines()]
    assert rows.index(["one", "person", *person.split()]) + 1 == next(
        number for number, row in enumerate(rows) if row[:4] == ["the", "model", *accuracy.split()]
    )
    assert ["blur", "71.23", "%", "62.34", "%", "53.46", "%"] in rows
    assert ["int8", "-0.50,", "both", "predict", "the", "same", "for", "97.0", "%", "of", "the", "faces"] in rows
    assert not [row for row in rows if row[:1] == ["accuracy"]]  # the table above has it
    assert "converted with 0.7)" in text
    assert "rows are what the majority sees" in text
    shown = f"{100 * people.shown.coverage:.1f} % of these faces, {100 * people.shown.accuracy:.1f} % of them right"
    assert f"shown with a confidence of {people.shown.threshold:.3f} or more | {shown} |" in page
    assert (
        f"| as confident, of the faces without a majority | {100 * people.shown_without_consensus:.1f} % of 10 |"
        in page
    )
    assert max(map(len, text.splitlines())) <= 100
    assert f"| one person | {person} |  |  |" in page
    assert f"(one person: {person})" in page
    assert "| blur | 71.23 % | 62.34 % | 53.46 % |" in page
    assert "votes votes.csv sha256 `cdcdcdcdcdcd…`" in page


def test_what_is_not_known_is_said(against_people: Evaluation) -> None:
    """With one vote a face, no threshold, no prior and no face without a majority, the rows say so or are left out."""
    people = replace(
        against_people.people, voter_agreement=None, fit=None, shown=None, shown_without_consensus=None, auroc=None,
        prior=(),
    )  # fmt: skip
    bare = replace(against_people, people=people)
    text = report.table(bare) + report.page(bare)
    assert ["one", "person", "not", "known"] in [line.split() for line in text.splitlines()]
    assert "(one person: not known)" in text
    assert "none: no confidence is right so often" in text
    for absent in ("nan ", "None", "log loss", "AUROC", "prior", "without a majority"):
        assert absent not in text
    assert not [line for line in people_plots.coverage_plot(bare, people).axes[0].lines if line.get_linestyle() == "--"]


def test_plots_show_the_human_line(against_people: Evaluation) -> None:
    """One person is in the title of the confusion matrix, and a line at its height in every other plot of votes."""
    people = against_people.people
    assert people is not None
    line = people_report.human_line(people)
    assert line == f"one person: {100 * people.voter_agreement:.1f} %"
    assert line in plots.confusion_plot(against_people).axes[0].get_title()
    for draw in (people_plots.voter_plot, people_plots.coverage_plot, people_plots.prior_plot):
        (drawn,) = [entry for entry in draw(against_people, people).axes[0].lines if entry.get_label() == line]
        np.testing.assert_allclose(drawn.get_ydata(), people.voter_agreement)


def test_plots_draw_the_figures(against_people: Evaluation) -> None:
    """The curves are those of the figures, and the marked point is what is shown."""
    people = replace(against_people.people, shown=CoveragePoint(0.4, 0.9, 0.89))
    coverage, prior = (d(against_people, people).axes[0] for d in (people_plots.coverage_plot, people_plots.prior_plot))
    np.testing.assert_allclose(
        coverage.lines[0].get_xydata(), [(point.coverage, point.accuracy) for point in people.curve]
    )
    np.testing.assert_allclose(coverage.lines[2].get_xydata(), [(0.9, 0.89)])
    assert coverage.texts[0].get_text() == "confidence 0.40 or more:\n90.0 % of the faces shown"
    np.testing.assert_allclose(prior.lines[0].get_ydata(), [point.agreement for point in people.prior])
    np.testing.assert_allclose(prior.lines[1].get_ydata(), [point.macro_recall for point in people.prior])
    voters = people_plots.voter_plot(against_people, people).axes[0].lines[1]
    filled = [(entry.confidence, entry.accuracy) for entry in people.bins if entry.faces]
    np.testing.assert_allclose(voters.get_xydata(), filled)


def test_table_and_page_name_confusions(result: Evaluation) -> None:
    """The largest confusions are in table, page and JSON; a model without errors has none."""
    first, *_, last = result.metrics.top_confusions()
    for pair in (first, last):
        line = (
            f"{pair.shows} predicted as {pair.read_as}: {pair.faces} of {pair.of} faces "
            f"({100 * pair.faces / pair.of:.0f} %)"
        )
        assert f"\n{line}" in report.table(result)
        assert f"\n- {line}\n" in report.page(result)
    assert result.as_json()["top_confusions"][0]["read_as"] == first.read_as
    right = replace(result, metrics=measure(np.eye(7, dtype=np.float32), np.arange(7), EMOTIONS, "PublicTest"))
    assert "onfused most" not in report.table(right) + report.page(right)


def test_widest_table_of_votes_fits(against_people: Evaluation) -> None:
    """100 % of tens of thousands of faces are the widest."""
    people = against_people.people
    assert people is not None
    assert people.fit is not None
    widest = replace(
        people, shown=CoveragePoint(1.0, 1.0, 1.0), shown_without_consensus=1.0, voted_faces=99_999,
        fit=replace(people.fit, faces=99_999, log_loss=10.0),
    )  # fmt: skip
    text = report.table(replace(against_people, people=widest))
    assert "100.0 % of these faces, 100.0 % of them right" in text
    assert max(map(len, text.splitlines())) <= 100
