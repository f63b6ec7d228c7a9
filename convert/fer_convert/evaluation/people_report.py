"""What votes tell of a model, as rows of text for the terminal's table and the page."""

from __future__ import annotations

from collections.abc import Sequence

from fer_convert.data.votes import MIN_CLASS_SHARE
from fer_convert.evaluation.metrics import CALIBRATION_BINS
from fer_convert.evaluation.people import SHOWN_ACCURACY, People
from fer_convert.evaluation.prior import PriorPoint
from fer_convert.evaluation.result import Evaluation, Scores
from fer_convert.evaluation.text import percent

SCORES_HEAD = ("", "agreement", "macro-recall", "macro-F1")
Rows = list[tuple[str, ...]]


def human_line(people: People) -> str:
    """The human line: "one person: 78.1 %"."""
    return f"one person: {_human(people)}"


def _human(people: People) -> str:
    return "not known" if people.voter_agreement is None else percent(people.voter_agreement)


def scores_rows(result: Evaluation, people: People) -> Rows:
    """Agreement with the majority, macro-recall and macro-F1: of one person, of the model, under each condition."""
    metrics = result.metrics
    measured = {"the model": Scores(metrics.accuracy, metrics.macro_recall, metrics.macro_f1)}
    measured |= {name: value for name, value in result.conditions.items() if isinstance(value, Scores)}
    rows: Rows = [("one person", _human(people), "", "")]
    for name, scores in measured.items():
        shares = (scores.accuracy, scores.macro_recall, scores.macro_f1)
        rows.append((name, *(percent(share, 2) for share in shares)))
    return rows


def own_label_line(people: People) -> str:
    """How often the model predicts the data's own label, which is not always what the majority sees."""
    return (
        f"the data's own label is predicted for {percent(people.own_label_accuracy, 2)} of these faces, "
        f"and seen by the majority in {percent(people.own_label_agreement, 2)}"
    )


def confidence_rows(result: Evaluation, people: People) -> Rows:
    """Confidence against the votes: calibration, log loss, what is shown, and telling faces without a majority."""
    faces = result.metrics.faces
    rows: Rows = [
        (f"calibration error against voters, {CALIBRATION_BINS} bins", percent(people.ece, 2)),
    ]
    if fit := people.fit:
        some = f"{fit.faces:,} faces with {percent(MIN_CLASS_SHARE, 0)} or more class votes"
        rows += [
            (f"on {some}", percent(fit.ece, 2)),
            (
                "log loss against the votes, on those faces",
                f"{fit.log_loss:.3f} (the least: {fit.least_log_loss:.3f})",
            ),
            ("Brier score against the votes, on those faces", f"{fit.brier:.4f}"),
        ]
    rows += _shown_rows(people, faces)
    if people.auroc is not None:
        rows.append(("AUROC of confidence, majority against none", f"{people.auroc:.3f}"))
    return rows


def _shown_rows(people: People, faces: int) -> Rows:
    if people.shown is None:
        goal = percent(SHOWN_ACCURACY, 0)
        return [(f"shown, if {goal} of what is shown is to be right", "none: no confidence is right so often")]
    shown = f"{percent(people.shown.coverage)} of these faces, {percent(people.shown.accuracy)} of them right"
    rows: Rows = [(f"shown with a confidence of {people.shown.threshold:.3f} or more", shown)]
    if people.shown_without_consensus is not None:
        others = f"{percent(people.shown_without_consensus)} of {people.voted_faces - faces:,}"
        rows.append(("as confident, of the faces without a majority", others))
    return rows


def prior_rows(points: Sequence[PriorPoint]) -> Rows:
    """Agreement and macro-recall for each prior, a column each, in percent; none if the prior is not known."""
    if not points:
        return []
    return [
        ("prior", *(f"{point.prior:.1f}" for point in points)),
        ("agreement, %", *(f"{100 * point.agreement:.1f}" for point in points)),
        ("macro-recall, %", *(f"{100 * point.macro_recall:.1f}" for point in points)),
    ]


def prior_note(people: People) -> str:
    """What the values of the prior mean for this model."""
    if people.model_prior is not None:
        return f"as the device's setting classifier.prior takes it; the model was converted with {people.model_prior:g}"
    return "1 is the model as it is; frequencies of what the majority sees in the training faces"
