"""`fer-convert evaluate --votes`: the majority is the label, and every figure is in table, JSON and page."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from fer_convert import cli
from fer_convert.data import dataset
from fer_convert.evaluation.conditions import blur
from fer_convert.evaluation.evaluate import evaluate
from fer_convert.evaluation.result import Scores
from fer_edge.classifiers.cards import load_card, models_folder
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import DataError
from fer_edge.types import EMOTIONS

MakeVotes = Callable[..., Path]
BLUR = "blur (sigma 1.2 px)"


def silent(line: str) -> None:
    """Log nothing."""


@pytest.fixture
def shipped() -> Path:
    return models_folder() / "mini_xception-int8.tflite"


@pytest.fixture
def vote_file(faces_csv: Path, make_votes: MakeVotes) -> Path:
    """Votes for the label, but for faces to validate on: the first is seen as happy, the second as by two minds."""

    def change(rows: list[list[Any]]) -> list[list[Any]]:
        rows[84][2:12] = [0, 9, 0, 0, 1, 0, 0, 0, 0, 0]
        rows[85][2:12] = [5, 0, 0, 0, 5, 0, 0, 0, 0, 0]
        return rows

    return make_votes(faces_csv, change)


@pytest.mark.slow
def test_majority_is_the_label(shipped: Path, faces_csv: Path, vote_file: Path) -> None:
    """Faces without a majority are left out, and the others have the class that it sees, under conditions too."""
    found = evaluate(shipped, faces_csv, conditions=True, vote_file=vote_file, log=silent)
    faces = dataset.read(faces_csv, (48, 48)).validation()[1]
    seen, rows = faces.labels.copy(), np.arange(42) != 1
    seen[0] = 3
    classifier = TfliteClassifier(load_card(shipped))
    expected = classifier.predict_crops(faces.pixels).argmax(axis=1)
    assert found.metrics.faces == 41
    assert found.metrics.accuracy == pytest.approx((expected == seen)[rows].mean())
    assert [entry.faces for entry in found.metrics.classes] == [4, 6, 6, 7, 6, 6, 6]
    blurred = classifier.predict_crops(blur(faces.pixels)).argmax(axis=1)
    scores = found.conditions[BLUR]
    assert isinstance(scores, Scores)
    assert scores.accuracy == pytest.approx((blurred == seen)[rows].mean())
    recalls = [(blurred == seen)[rows & (seen == label)].mean() for label in range(7)]
    assert scores.macro_recall == pytest.approx(np.mean(recalls))
    assert found.people is not None
    assert found.people.own_label_agreement == pytest.approx(40 / 41)
    assert found.people.own_label_accuracy == pytest.approx((expected == faces.labels)[rows].mean())
    assert found.people.voted_faces == 42
    prior = load_card(shipped).prior
    assert prior is not None
    assert {p.agreement for p in found.people.prior if p.prior == prior.share} == {found.metrics.accuracy}


@pytest.mark.slow
def test_figures_in_table_json_and_page(shipped: Path, faces_csv: Path, vote_file: Path, tmp_path: Path) -> None:
    """What is returned is printed, written as JSON and on the page, beside its four plots."""
    said: list[str] = []
    out = tmp_path / "report"
    evaluate(
        shipped, faces_csv, json_file=tmp_path / "f.json", folder=out, conditions=True, vote_file=vote_file,
        log=said.append,
    )  # fmt: skip
    text = json.loads((tmp_path / "f.json").read_text())
    page = (out / "report.md").read_text()
    assert json.loads((out / "report.json").read_text()) == text
    assert max(map(len, said[0].splitlines())) <= 100
    assert "PublicTest: the 41 of 42 faces with a majority\n" in said[0]
    people = text["people"]
    assert people["votes"]["name"] == "fer2013new.csv"
    assert len(people["votes"]["sha256"]) == 64
    for share in (
        f"{100 * people['voter_agreement']:.1f} %",
        f"{100 * people['ece']:.2f} %",
        f"{100 * text['conditions'][BLUR]['macro_f1']:.2f} %",
        f"{people['fit']['log_loss']:.3f}",
        f"{people['fit']['brier']:.4f}",
        f"{people['auroc']:.3f}",
        f"{100 * people['own_label_accuracy']:.2f} %",
        f"{100 * people['prior'][3]['macro_recall']:.1f}",
    ):
        assert share in said[0]
        assert share in page
    for name in ("confusion", "calibration", "coverage", "prior"):
        assert f"({name}.png)" in page
        assert min(cv2.imread(str(out / f"{name}.png")).shape[:2]) > 300


def test_faces_also_trained_on(shipped: Path, faces_csv: Path, make_votes: MakeVotes, tmp_path: Path) -> None:
    """Faces that are in the training split, too, are left out of a second agreement, by votes as by labels."""
    lines = faces_csv.read_text().splitlines()
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join([*lines, *[lines[1].replace("Training", "PublicTest")] * 3]))
    said: list[str] = []
    found = evaluate(shipped, path, vote_file=make_votes(path), log=said.append)
    assert found.unseen is not None
    assert (found.metrics.faces, found.unseen.faces, found.also_trained_on) == (45, 42, 3)
    figure = f"{100 * found.unseen.accuracy:.2f} %"
    assert f"\nagreement {figure} without the 3 faces that are also trained on\n" in said[0]


def test_without_votes_nothing_is_said_of_people(shipped: Path, faces_csv: Path) -> None:
    """The data's own labels alone: no majority, no human line."""
    said: list[str] = []
    found = evaluate(shipped, faces_csv, log=said.append)
    assert found.as_json()["people"] is None
    assert "majority" not in said[0]
    assert "person" not in said[0]


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_votes_from_the_command_line(
    shipped: Path, faces_csv: Path, vote_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`fer-convert evaluate --votes` prints the human line."""
    assert cli.main(["evaluate", str(shipped), "--data", str(faces_csv), "--votes", str(vote_file)]) == 0
    assert "\none person " in capsys.readouterr().out


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], "41 lines for PublicTest, where fer2013.csv has 42 faces"),
        (lambda rows: [row[:-1] for row in rows], "columns where the header has 12 or more"),
        (lambda rows: [[*row[:7], 0, *row[8:]] for row in rows], "nobody voted for disgust in PublicTest"),
        (lambda rows: rows[:84] + rows[84:][::-1], "the votes of other faces"),
    ],
)
def test_votes_that_do_not_fit(
    shipped: Path,
    faces_csv: Path,
    make_votes: MakeVotes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: object,
    message: str,
) -> None:
    """Each ends in one line, and nothing is written."""
    report, figures = tmp_path / "report", tmp_path / "f.json"
    arguments = ["--votes", str(make_votes(faces_csv, change)), "--report", str(report), "--json", str(figures)]
    assert cli.main(["evaluate", str(shipped), "--data", str(faces_csv), *arguments]) == DataError.exit_code
    said = capsys.readouterr()
    assert message in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert not report.exists()
    assert not figures.exists()


@pytest.mark.slow
def test_shipped_model_against_people(shipped: Path, shared: Path, fer2013: Path, tmp_path: Path) -> None:
    """The figures of FER+'s votes on a third of the validation faces are near those of all."""
    with (shared / "fer2013" / "labels.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    counts = {"Training": 700, "PublicTest": 1200}  # of the fixture
    chosen = [row for usage, count in counts.items() for row in [row for row in rows if row[1] == usage][:count]]
    path = tmp_path / "fer2013new.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["Usage", *head[3:]], *([row[1], *row[3:]] for row in chosen)])
    found = evaluate(shipped, fer2013, vote_file=path, log=silent)
    assert found.metrics.accuracy == pytest.approx(load_card(shipped).accuracy, abs=0.035)  # 3 standard errors
    people = found.people
    assert people is not None
    assert people.voter_agreement == pytest.approx(0.781, abs=0.02)
    assert people.own_label_agreement == pytest.approx(0.654, abs=0.04)
    assert people.ece < 0.1
    assert people.auroc is not None
    assert people.auroc > 0.6


def test_own_votes_on_pictures(shipped: Path, picture_folder: MakeVotes, tmp_path: Path) -> None:
    """Three raters' votes on a folder of pictures, its training faces without votes: no prior, the rest is measured."""
    each = dict.fromkeys(EMOTIONS, 2)
    folder = picture_folder({"train": each, "validation": each})
    path = tmp_path / "votes.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["file", *EMOTIONS, "cannot say"])
        for row, name in enumerate(EMOTIONS):
            counts = [2 if column == row else 0 for column in range(7)]
            out.writerow([f"validation/{name}/0.png", *counts, 1])
    labelled = shipped.with_name("mini_xception_fer2013-int8.tflite")  # its card has no prior either
    found = evaluate(labelled, folder, vote_file=path, folder=tmp_path / "report", log=silent)
    assert (found.metrics.faces, found.metrics.split) == (7, "validation")
    assert found.people is not None
    assert found.people.voted_faces == 7
    # who has one other of the same mind and one of another knows of no majority; who cannot say, of two that agree
    assert found.people.voter_agreement == 0
    assert (found.people.prior, found.people.auroc) == ((), None)
    assert not (tmp_path / "report" / "prior.png").exists()
    assert "prior.png" not in (tmp_path / "report" / "report.md").read_text()
