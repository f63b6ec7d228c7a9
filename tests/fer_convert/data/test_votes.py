"""People's votes: read with the data's own lines, refused where they do not fit, and worth more than the label."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fer_convert.data import batches, dataset, votes
from fer_convert.export import load
from fer_convert.training import distill
from fer_convert.training.recipe import Recipe
from fer_convert.training.train import train
from fer_edge.errors import DataError, SettingsError
from hypothesis import given
from hypothesis import strategies as st

HEADER = ["Usage", "Image name", "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear"]
HEADER += ["contempt", "unknown", "NF"]
# FER2013's label -> the kind that people vote for
KIND = (4, 5, 6, 1, 3, 2, 0)


def write(path: Path, rows: list[list[object]], header: list[str] | None = None) -> Path:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(header or HEADER)
        table.writerows(rows)
    return path


def rows_for(faces_csv: Path) -> list[list[object]]:
    """Most votes for what the label says, a few of no kind that tell the lines apart; a line for each of the faces."""
    with faces_csv.open(newline="") as file:
        rows = []
        for number, (label, _, usage) in enumerate(list(csv.reader(file))[1:]):
            counts = [0] * 10
            counts[KIND[int(label)]] += 500
            counts[9] += number
            rows.append([usage, f"fer{number:07}.png", *counts])
    return rows


@pytest.fixture
def faces_csv(faces_csv: Path, tmp_path: Path) -> Path:
    """The drawn faces with the lines of the two splits among each other, as no reader may suppose they are not."""
    with faces_csv.open(newline="") as file:
        head, *rows = csv.reader(file)
    mixed = tmp_path / "fer2013.csv"
    with mixed.open("w", newline="") as file:
        csv.writer(file).writerows([head, *(rows[i] for i in np.random.default_rng(6).permutation(len(rows)))])
    return mixed


@pytest.fixture
def cast(faces_csv: Path, tmp_path: Path) -> Path:
    return write(tmp_path / "fer2013new.csv", rows_for(faces_csv))


def test_the_votes_come_in_the_order_of_the_training_faces(faces_csv: Path, cast: Path) -> None:
    faces = dataset.read(faces_csv, (48, 48))
    found = votes.read(cast, faces)
    assert found.shape == (84, 10)
    np.testing.assert_array_equal(found.argmax(axis=1), np.array(KIND)[faces.training()[1].labels])
    with faces_csv.open(newline="") as file:
        lines = [number for number, row in enumerate(list(csv.reader(file))[1:]) if row[2] == "Training"]
    np.testing.assert_array_equal(found[:, 9], lines)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-50], r"[0-9]+ lines for Training, where fer2013.csv has 84 faces; give FER\+'s"),
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
def test_votes_that_do_not_fit_are_refused(faces_csv: Path, tmp_path: Path, change: object, message: str) -> None:
    path = write(tmp_path / "votes.csv", change(rows_for(faces_csv)))  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        votes.read(path, dataset.read(faces_csv, (48, 48)))


def test_another_file_is_refused_with_what_is_missing(faces_csv: Path, tmp_path: Path) -> None:
    faces = dataset.read(faces_csv, (48, 48))
    with pytest.raises(DataError, match=r"no column neutral, happiness, .*begins with Usage,Image name,neutral"):
        votes.read(faces_csv, faces)
    with pytest.raises(DataError, match=r"cannot be read \(No such file"):
        votes.read(tmp_path / "none.csv", faces)
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DataError, match="the file is empty"):
        votes.read(tmp_path / "empty.csv", faces)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("votes") / "votes.csv"
    path.write_bytes(",".join(HEADER).encode() + b"\n" + content)
    with suppress(DataError):
        assert all(found.shape[1] == 10 for found in votes._read(path).values())


def people(n: int, seed: int) -> tuple[votes.Votes, np.ndarray, np.ndarray]:
    """Votes of n faces, the label of each, wrong in a third, and what it shows: what nine of ten people see."""
    rng = np.random.default_rng(seed)
    shown = rng.integers(0, 7, n)
    counts = np.stack([rng.multinomial(10, np.where(np.arange(10) == KIND[s], 0.7, 0.3 / 9)) for s in shown])
    labels = np.where(rng.random(n) < 0.33, rng.integers(0, 7, n), shown)
    return counts.astype(np.float64), labels, shown


def test_votes_and_labels_together_tell_what_a_face_shows() -> None:
    counts, labels, shown = people(3000, 1)
    found = votes.combine(counts, labels, 7)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (labels == shown).mean() < 0.75
    assert (found.argmax(axis=1) == shown).mean() > 0.95
    # As sure as it is right
    assert found.max(axis=1).mean() == pytest.approx((found.argmax(axis=1) == labels).mean(), abs=0.05)


def test_what_teachers_say_counts_beside_the_votes() -> None:
    counts, labels, shown = people(3000, 2)
    blind = np.full_like(counts, 1.0)
    told = np.where(np.eye(7)[shown] > 0, 0.7, 0.05).astype(np.float32)
    assert (votes.combine(blind, labels, 7).argmax(axis=1) == shown).mean() < 0.3
    assert (votes.combine(blind, labels, 7, told).argmax(axis=1) == shown).mean() > 0.95


def test_a_class_without_a_face_is_never_the_answer() -> None:
    counts, labels, _ = people(500, 3)
    kept = labels != 1
    found = votes.combine(counts[kept], labels[kept], 7)
    assert found.shape == (kept.sum(), 7)
    assert (found[:, 1] == 0).all()


# The first test to need it waits for TensorFlow, which on a busy machine takes long.
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_votes_alone_teach_each_face_in_the_order_of_its_batches(faces_csv: Path, cast: Path, tmp_path: Path) -> None:
    recipe = Recipe(network="tiny", size=48, batch=16, views=2, label_share=0.0)
    lines: list[str] = []
    distill.teach(recipe, faces_csv, [], tmp_path / "answers.npz", lines.append, people=cast)
    faces = dataset.read(faces_csv, (48, 48))
    answers, _ = distill.read(tmp_path / "answers.npz", recipe, faces)
    assert answers.shape == (2, 84, 7)
    for epoch in (0, 1):
        plain = np.concatenate([one for _, one, _ in batches.batches(faces.training()[1], 7, recipe, epoch)])
        told = np.concatenate([one for _, one, _ in batches.batches(faces.training()[1], 7, recipe, epoch, answers)])
        # The votes follow the labels here, so each face's answer must be its own label.
        np.testing.assert_array_equal(told.argmax(axis=1), plain.argmax(axis=1))
    other = write(tmp_path / "other.csv", [*rows_for(faces_csv), ["PublicTest", "", *[0] * 10]])
    with pytest.raises(SettingsError, match=r"votes: [0-9a-f]{64} -> "):
        distill.teach(recipe, faces_csv, [], tmp_path / "answers.npz", people=other)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.usefixtures("tiny")
def test_people_and_teachers_answer_together_of_the_same_face(faces_csv: Path, cast: Path, tmp_path: Path) -> None:
    """Each beside the other's row, or the answers would be those of other faces."""
    recipe = Recipe(network="tiny", size=48, batch=16, views=1, epochs=1, label_share=0.0)
    teacher = train(replace(recipe, views=0), faces_csv, tmp_path / "teacher", report=lambda _: None)
    distill.teach(recipe, faces_csv, [teacher], tmp_path / "answers.npz", lambda _: None, people=cast)
    faces = dataset.read(faces_csv, (48, 48))
    answers, _ = distill.read(tmp_path / "answers.npz", recipe, faces)
    order = batches.shuffled(84, recipe, 0)
    model = load.load(teacher).model
    seen = [np.asarray(model.predict_on_batch(one)) for one, _, _ in batches.batches(faces.training()[1], 7, recipe, 0)]
    labels = faces.training()[1].labels[order]
    wanted = votes.combine(votes.read(cast, faces)[order], labels, 7, np.concatenate(seen))
    np.testing.assert_allclose(answers[0], wanted, atol=2e-3)  # float16 on disk
    np.testing.assert_array_equal(answers[0].argmax(axis=1), labels)


def test_votes_for_a_folder_of_pictures_are_refused(picture_folder: Callable[..., Path], tmp_path: Path) -> None:
    """Its faces come in the order of their names, not in that of the lines."""
    folder = picture_folder({"Training": {"happy": 3, "sad": 3}})
    path = write(tmp_path / "votes.csv", [["Training", "", 0, 9, *[0] * 8]] * 6)
    with pytest.raises(SettingsError, match=r"its lines are those of fer2013.csv; give that as --data, not a folder"):
        distill.teach(Recipe(views=1), folder, [], tmp_path / "a.npz", people=path)


def test_faces_of_one_class_are_refused(faces_csv: Path, tmp_path: Path) -> None:
    head, *rows = faces_csv.read_text().splitlines(keepends=True)
    happy = tmp_path / "happy.csv"
    happy.write_text(head + "".join(row for row in rows if row.startswith("3,")))
    path = write(tmp_path / "votes.csv", rows_for(happy))
    with pytest.raises(DataError, match="its Training faces are all of one class"):
        votes.read(path, dataset.read(happy, (48, 48)))


def test_somebody_must_answer_and_on_whole_faces(faces_csv: Path, cast: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="neither --teacher nor --votes"):
        distill.teach(Recipe(views=2), faces_csv, [], tmp_path / "a.npz")
    with pytest.raises(SettingsError, match=r"--mixup 0.2: people voted on whole faces"):
        distill.teach(Recipe(views=2, mixup=0.2), faces_csv, [], tmp_path / "a.npz", people=cast)
    assert not list(tmp_path.glob("a*"))
