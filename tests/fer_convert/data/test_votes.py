"""Votes: read in the order of the faces, refused if they do not fit, and better targets than the labels."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn")

from fer_convert.data import dataset, votes
from fer_edge.errors import DataError
from fer_edge.types import EMOTIONS

COLUMN_OF_LABEL = np.array([4, 5, 6, 1, 3, 2, 0])  # FER2013's label -> the column of votes for it
MakeVotes = Callable[..., Path]


def test_votes_in_order_of_faces(mixed_csv: Path, make_votes: MakeVotes) -> None:
    """Votes are matched to the training faces line by line, whatever lies between them."""
    faces = dataset.read(mixed_csv, (48, 48))
    found = votes.read(make_votes(mixed_csv), faces)
    assert found.shape == (84, 10)
    np.testing.assert_array_equal(found.argmax(axis=1), COLUMN_OF_LABEL[faces.training()[1].labels])
    with mixed_csv.open(newline="") as file:
        lines = [number for number, row in enumerate(list(csv.reader(file))[1:]) if row[2] == "Training"]
    np.testing.assert_array_equal(found[:, 9], lines)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-50], r"[0-9]+ lines for Training, where fer2013.csv has 84 faces; give FER\+'s"),
        (lambda rows: [*rows, rows[0]] * 2, r"[0-9]+ lines for Training, where fer2013.csv has 84 faces; give FER\+'s"),
        (lambda rows: [["PublicTest", *row[1:]] for row in rows], r"0 lines for Training"),
        (
            lambda rows: [[a[0], *b[1:]] for a, b in zip(rows, rows[::-1], strict=True)],
            r"% of the faces .* other faces",
        ),
        (lambda rows: [*rows[:3], ["Training", "a.png", 1]], r"line 5: 3 columns where the header has 12 or more"),
        (lambda rows: [["Train", *row[1:]] for row in rows], r"line 2: Usage 'Train'; it is Training, PublicTest"),
        (lambda rows: [[*row[:-1], "-1"] for row in rows], r"line 2: '-1' votes; it is a whole number 0 to 1000"),
        (lambda rows: [[*row[:-1], "1" * 9999] for row in rows], r"line 2: '1{20}' votes"),
        (lambda rows: [[*row[:-1], "²"] for row in rows], r"line 2: '²' votes"),
    ],
)
def test_votes_that_do_not_fit(mixed_csv: Path, make_votes: MakeVotes, change: object, message: str) -> None:
    """Other faces' votes, missing lines and bad values are refused with the line."""
    with pytest.raises(DataError, match=message):
        votes.read(make_votes(mixed_csv, change), dataset.read(mixed_csv, (48, 48)))


def test_other_files_are_refused(faces_csv: Path, tmp_path: Path) -> None:
    """Another CSV, a missing and an empty file are refused with the cause."""
    faces = dataset.read(faces_csv, (48, 48))
    with pytest.raises(DataError, match=r"no column neutral, happiness, .*begins with Usage,Image name,neutral"):
        votes.read(faces_csv, faces)
    with pytest.raises(DataError, match=r"cannot be read \(No such file"):
        votes.read(tmp_path / "none.csv", faces)
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DataError, match="the file is empty"):
        votes.read(tmp_path / "empty.csv", faces)


def test_faces_of_one_class(faces_csv: Path, tmp_path: Path, make_votes: MakeVotes) -> None:
    """Votes on faces of one class say nothing, and are refused."""
    head, *rows = faces_csv.read_text().splitlines(keepends=True)
    happy = tmp_path / "happy.csv"
    happy.write_text(head + "".join(row for row in rows if row.startswith("3,")))
    with pytest.raises(DataError, match="its Training faces are all of one class"):
        votes.read(make_votes(happy), dataset.read(happy, (48, 48)))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No content of the file raises anything but DataError."""
    path = tmp_path_factory.mktemp("votes") / "votes.csv"
    path.write_bytes(",".join(("usage", *votes.VOTE_COLUMNS)).encode() + b"\n" + content)
    with suppress(DataError):
        assert all(found.shape[1] == 10 for found in votes._read_splits(path).values())


def people(n: int, seed: int) -> tuple[votes.Votes, np.ndarray, np.ndarray]:
    """Votes of n faces, the label of each, wrong in a third, and what it shows: what nine of ten people see."""
    rng = np.random.default_rng(seed)
    shown = rng.integers(0, 7, n)
    counts = np.stack([rng.multinomial(10, np.where(np.arange(10) == COLUMN_OF_LABEL[s], 0.7, 0.3 / 9)) for s in shown])
    labels = np.where(rng.random(n) < 0.33, rng.integers(0, 7, n), shown)
    return counts.astype(np.float64), labels, shown


def test_soft_labels_correct_labels() -> None:
    """Soft labels find the true class behind wrong labels, and are as confident as they are right."""
    counts, labels, shown = people(3000, 1)
    found = votes.soft_labels(counts, labels, 7)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (labels == shown).mean() < 0.75
    assert (found.argmax(axis=1) == shown).mean() > 0.95
    # As confident as it is right
    assert found.max(axis=1).mean() == pytest.approx((found.argmax(axis=1) == labels).mean(), abs=0.05)


def test_predictions_count_beside_votes() -> None:
    """Votes that say nothing give way to the teachers' predictions."""
    counts, labels, shown = people(3000, 2)
    blind = np.full_like(counts, 1.0)
    predictions = np.where(np.eye(7)[shown] > 0, 0.7, 0.05).astype(np.float32)
    assert (votes.soft_labels(blind, labels, 7).argmax(axis=1) == shown).mean() < 0.3
    assert (votes.soft_labels(blind, labels, 7, predictions).argmax(axis=1) == shown).mean() > 0.95


def test_absent_class_has_no_probability() -> None:
    """A class that no face has gets a probability of 0."""
    counts, labels, _ = people(500, 3)
    kept = labels != 1
    found = votes.soft_labels(counts[kept], labels[kept], 7)
    assert found.shape == (kept.sum(), 7)
    assert (found[:, 1] == 0).all()


@pytest.mark.parametrize(("agreeing", "accepted"), [(33, False), (34, True)])
def test_labels_must_agree_with_votes(faces_csv: Path, make_votes: MakeVotes, agreeing: int, accepted: bool) -> None:
    """Of 84 faces 34 are 40 %: fewer agree by chance alone, if the votes are those of other faces."""

    def disagree(rows: list[list[Any]]) -> list[list[Any]]:
        """All but the first votes are for nothing."""
        return [row if i < agreeing else [*row[:2], *[0] * 9, 9] for i, row in enumerate(rows)]

    with nullcontext() if accepted else pytest.raises(DataError, match="these are the votes of other faces"):
        assert len(votes.read(make_votes(faces_csv, disagree), dataset.read(faces_csv, (48, 48)))) == 84


def test_columns_are_of_their_emotions() -> None:
    """FER+'s ten columns in its order, seven of which are classes of FER2013."""
    emotions = dict(zip(votes.VOTE_COLUMNS, votes.EMOTION_OF_COLUMN, strict=True))
    assert [emotions[name] for name in ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")] == [
        *EMOTIONS
    ]
    assert [emotions[name] for name in ("contempt", "unknown", "nf")] == ["", "", ""]


def test_most_and_no_votes_are_read(faces_csv: Path, make_votes: MakeVotes) -> None:
    """1000 votes in a column are allowed, and a face without votes has finite soft labels."""

    def change(rows: list[list[Any]]) -> list[list[Any]]:
        return [[*rows[0][:2], *[0] * 10], [*rows[1][:2], *[0] * 4, 1000, *[0] * 5], *rows[2:]]

    faces = dataset.read(faces_csv, (48, 48))
    found = votes.read(make_votes(faces_csv, change), faces)
    assert (found[0].sum(), found[1].max()) == (0, 1000)
    assert np.isfinite(votes.soft_labels(found, faces.training()[1].labels, 7)).all()


def test_certain_predictions_are_finite() -> None:
    """A teacher that gives a class a probability of 0 does not make the logarithm infinite."""
    counts, labels, shown = people(300, 4)
    found = votes.soft_labels(counts, labels, 7, np.eye(7, dtype=np.float32)[shown])
    assert np.isfinite(found).all()
    assert (found.argmax(axis=1) == shown).mean() > 0.95
