"""Votes: matched to their faces, refused if they do not fit; the majority, the targets and one voter by hand."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_convert.data import dataset, votes
from fer_convert.data.faces import Dataset, Faces
from fer_convert.data.votes import NO_CONSENSUS, Votes
from fer_edge.errors import DataError
from hypothesis import given
from hypothesis import strategies as st

COLUMN_OF_LABEL = np.array([4, 5, 6, 1, 3, 2, 0])  # FER2013's label -> the column of votes for it
MakeVotes = Callable[..., Path]
HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"


def of(counts: list[list[int]], others: list[list[int]] | None = None) -> Votes:
    """Votes with these counts, and without other columns unless given."""
    return Votes(np.array(counts, np.int64), np.array(others or [[]] * len(counts), np.int64).reshape(len(counts), -1))


def faces(labels: list[int], names: tuple[str, ...] = ()) -> Faces:
    return Faces(np.zeros((len(labels), 4, 4), np.uint8), np.array(labels, np.int64), names)


def folder(train: list[str], validation: list[str], classes: tuple[str, ...] = ("calm", "tense")) -> Dataset:
    """A folder of pictures, whose paths say their classes."""
    splits = {"train": train, "validation": validation}
    return Dataset(
        "faces",
        "ab",
        classes,
        {split: faces([classes.index(n.split("/")[0]) for n in names], (*names,)) for split, names in splits.items()},
    )


def lines_of(labels: list[int], classes: tuple[str, ...]) -> Dataset:
    """Data without names, as of a CSV."""
    return Dataset("faces.csv", "ab", classes, {"Training": faces(labels)})


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# What the votes on a face say


def test_majority_has_no_equal() -> None:
    """The class with the most votes; none with a tie, with another column ahead or level, or without votes."""
    found = of(
        [[3, 2, 0], [2, 2, 0], [2, 0, 1], [2, 0, 1], [2, 0, 0], [0, 0, 0], [0, 0, 1]],
        [[0, 0], [0, 0], [3, 0], [0, 2], [1, 1], [0, 0], [0, 0]],
    )
    assert found.consensus.tolist() == [0, NO_CONSENSUS, NO_CONSENSUS, NO_CONSENSUS, 0, NO_CONSENSUS, 2]


def test_totals_and_shares() -> None:
    """Other columns count as votes, but for no class; a face without votes has shares of 0."""
    found = of([[3, 1], [0, 0], [0, 0]], [[2, 2], [4, 0], [0, 0]])
    assert len(found) == 3
    assert found.totals.tolist() == [8, 4, 0]
    assert found.class_shares.tolist() == [0.5, 0, 0]
    assert found.probabilities.tolist() == [[0.75, 0.25], [0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("counts", "others", "target"),
    [
        ([6, 1, 1], [0], [1, 0, 0]),  # of eight voters a single vote is a slip
        ([5, 1, 1], [0], [5 / 7, 1 / 7, 1 / 7]),  # of seven it is not
        ([4, 2, 1], [1], [4 / 6, 2 / 6, 0]),  # votes for no class make eight, too
        ([1, 1, 0], [8], [0.5, 0.5, 0]),  # nothing but single votes: they stay
        ([1, 0, 0], [9], [1, 0, 0]),
        ([0, 0, 0], [9], [0, 0, 0]),
    ],
)
def test_stray_votes_are_left_out(counts: list[int], others: list[int], target: list[float]) -> None:
    """From eight votes on a single one for a class is no target, unless there is no other."""
    found = of([counts], [others]).targets
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [target], rtol=1e-6)


@pytest.mark.parametrize(
    ("counts", "others", "agreement"),
    [
        # Each of the three finds two others of its mind; the fourth finds three who are not.
        ([[3, 1]], [[0]], 3 / 4),
        # Without one of the two for the first class the others are level, which says nothing: one vote counts.
        ([[2, 1]], [[0]], 0),
        # A vote for none of the classes is a voter, too.
        ([[3, 0]], [[1]], 3 / 4),
        # No consensus, no face: the second is left out.
        ([[4, 0], [2, 2]], [[0], [0]], 1),
        # Votes are counted, not faces: 9 of 10, and 0 of the 2 whose others agree.
        ([[9, 1], [3, 2]], [[0], [0]], 9 / 12),
    ],
)
def test_voter_against_the_others(counts: list[list[int]], others: list[list[int]], agreement: float) -> None:
    """One voter, taken out, against the majority of those who remain."""
    assert of(counts, others).voter_agreement() == pytest.approx(agreement)


@pytest.mark.parametrize("counts", [[[2, 2]], [[1, 0]], [[0, 0]]])
def test_no_voter_to_compare(counts: list[list[int]]) -> None:
    """Without a majority, or with one voter alone, there is no figure."""
    assert math.isnan(of(counts).voter_agreement())


def test_some_of_the_votes() -> None:
    """By a mask or by indices, both kinds of columns."""
    found = of([[1, 0], [2, 0], [3, 0]], [[4], [5], [6]])
    assert (found[np.array([True, False, True])].counts[:, 0].tolist()) == [1, 3]
    assert (found[np.array([2, 0])].others[:, 0].tolist()) == [6, 4]


# FER+'s file, a line for each line of fer2013.csv


def test_votes_in_order_of_faces(mixed_csv: Path, make_votes: MakeVotes) -> None:
    """Votes are matched to the faces of their split line by line, whatever lies between them."""
    data = dataset.read(mixed_csv, (48, 48))
    found = votes.read(make_votes(mixed_csv), data)
    assert {split: len(one) for split, one in found.items()} == {"Training": 84, "PublicTest": 42}
    with mixed_csv.open(newline="") as file:
        usages = [row[2] for row in list(csv.reader(file))[1:]]
    for split, one in found.items():
        assert one.counts.shape[1] == 7
        np.testing.assert_array_equal(one.consensus, data.splits[split].labels)
        np.testing.assert_array_equal(one.others[:, 2], [n for n, usage in enumerate(usages) if usage == split])
    np.testing.assert_array_equal(votes.read_training(make_votes(mixed_csv), data).others, found["Training"].others)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-50], r"[0-9]+ lines for [A-Z]\w+, where fer2013.csv has (84|42) faces; give FER\+'s"),
        (lambda rows: [*rows, rows[0]] * 2, r"[0-9]+ lines for [A-Z]\w+, where fer2013.csv has (84|42) faces; give"),
        (lambda rows: [["PrivateTest", *row[1:]] for row in rows], r"not one vote for a face of fer2013.csv"),
        (lambda rows: [], r"0 lines for [A-Z]\w+, where"),
        (lambda rows: [[*row[:2], *[0] * 10] for row in rows], r"not one vote for a face of fer2013.csv; give the"),
        (
            lambda rows: [[a[0], *b[1:]] for a, b in zip(rows, rows[::-1], strict=True)],
            r"% of the faces of \w+, little more than by chance \(kappa 0?.* these are the votes of other faces",
        ),
        (
            lambda rows: [[*row[:7], 0, *row[8:]] for row in rows],
            r"nobody voted for disgust in \w+; add faces that show it, or leave it out",
        ),
        (lambda rows: [*rows[:3], ["Training", "a.png", 1]], r"line 5: 3 columns where the header has 12 or more"),
        (lambda rows: [["Trein", *row[1:]] for row in rows], r"line 2: Usage 'Trein'; it is Training, PublicTest"),
        (lambda rows: [[*row[:-1], "-1"] for row in rows], r"line 2: '-1' votes; it is a whole number 0 to 1000"),
        (lambda rows: [[*row[:-1], "1001"] for row in rows], r"line 2: '1001' votes"),
        (lambda rows: [[*row[:-1], "1" * 9999] for row in rows], r"line 2: '1{20}' votes"),
        (lambda rows: [[*row[:-1], "²"] for row in rows], r"line 2: '²' votes"),
    ],
)
def test_votes_that_do_not_fit(mixed_csv: Path, make_votes: MakeVotes, change: object, message: str) -> None:
    """Other faces' votes, missing lines, unseen classes and bad values are refused with the line."""
    with pytest.raises(DataError, match=message) as error:
        votes.read(make_votes(mixed_csv, change), dataset.read(mixed_csv, (48, 48)))
    assert "\n" not in str(error.value)


def test_split_without_votes(mixed_csv: Path, make_votes: MakeVotes) -> None:
    """It is left out, its lines empty or missing; training on it is refused."""
    data = dataset.read(mixed_csv, (48, 48))
    no_counts = make_votes(mixed_csv, lambda rows: [[*r[:2], *[0] * 10] if r[0] == "Training" else r for r in rows])
    assert set(votes.read(no_counts, data)) == {"PublicTest"}
    no_lines = make_votes(mixed_csv, lambda rows: [r for r in rows if r[0] != "Training"], "lines.csv")
    assert set(votes.read(no_lines, data)) == {"PublicTest"}
    for path in (no_counts, no_lines):
        with pytest.raises(DataError, match=r"not one for Training, where fer2013\.csv has 84 faces to train on"):
            votes.read_training(path, data)


def test_unused_split_may_lack_a_class(mixed_csv: Path, make_votes: MakeVotes) -> None:
    """Nobody voted for disgust there: that is refused only for a split that is needed."""
    data = dataset.read(mixed_csv, (48, 48))
    path = make_votes(mixed_csv, lambda rows: [[*r[:7], 0, *r[8:]] if r[0] == "PublicTest" else r for r in rows])
    assert set(votes.read(path, data, ("Training",))) == {"Training", "PublicTest"}
    assert votes.read_training(path, data).counts.any(axis=0).all()
    with pytest.raises(DataError, match="nobody voted for disgust in PublicTest"):
        votes.read(path, data, ("Training", "PublicTest"))


def test_columns_by_other_names(picture_folder: Callable[..., Path], tmp_path: Path) -> None:
    """A column is found for its class whatever the folder is called."""
    data = dataset.read(picture_folder({"train": {"Anger": 1, "HAPPINESS": 1}}), (48, 48))
    lines = ("train/Anger/0.png,0,3,1", "train/HAPPINESS/0.png,3,0,0")
    found = votes.read(write(tmp_path / "v.csv", "file,happy,angry,other", *lines), data)["train"]
    assert found.counts.tolist() == [[3, 0], [0, 3]]
    assert found.others.tolist() == [[1], [0]]


def test_other_files_are_refused(faces_csv: Path, tmp_path: Path) -> None:
    """Another CSV, a missing and an empty file are refused with the cause."""
    data = dataset.read(faces_csv, (48, 48))
    with pytest.raises(DataError, match=r"no column for angry, disgust, .*begins with Usage,Image name,neutral"):
        votes.read(faces_csv, data)
    with pytest.raises(DataError, match=r"no column usage in its first line"):
        votes.read(write(tmp_path / "usage.csv", HEADER.removeprefix("Usage,")), data)
    with pytest.raises(DataError, match=r"cannot be read \(No such file"):
        votes.read(tmp_path / "none.csv", data)
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DataError, match="the file is empty"):
        votes.read(tmp_path / "empty.csv", data)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """No content of the file raises anything but DataError."""
    path = tmp_path_factory.mktemp("votes") / "votes.csv"
    data = lines_of([0, 1], ("calm", "tense"))
    for header in (b"", b"usage,calm,tense,other\n"):
        path.write_bytes(header + content)
        with suppress(DataError):
            assert all(found.counts.shape == (2, 2) for found in votes.read(path, data).values())


@pytest.mark.parametrize(("wrong", "accepted"), [(7, True), (9, False)])
def test_labels_must_agree_with_votes(tmp_path: Path, wrong: int, accepted: bool) -> None:
    """Of 20 faces, ten of each class, 13 are kappa 0.3; 11 are 0.1, which the votes of other faces may reach."""
    labels = [0, 1] * 10
    seen = [1 - label if i < wrong else label for i, label in enumerate(labels)]
    path = write(tmp_path / "v.csv", "usage,calm,tense", *(f"Training,{3 * (1 - s)},{3 * s}" for s in seen))
    refused = pytest.raises(DataError, match=r"in 55% of the faces of Training, .*\(kappa 0\.10")
    with nullcontext() if accepted else refused:
        assert len(votes.read(path, lines_of(labels, ("calm", "tense")))["Training"]) == 20


@pytest.mark.parametrize("tense", [0, 2])
def test_majority_of_one_class_is_refused(tmp_path: Path, tense: int) -> None:
    """So is a file without any majority: neither says whose votes they are."""
    lines = [f"Training,{2 + (tense == 0)},{tense}"] * 3 + ["Training,2,2"]
    path = write(tmp_path / "v.csv", "usage,calm,tense", *lines)
    with pytest.raises(DataError, match=r"kappa 0\.00"):
        votes.read(path, lines_of([0, 0, 0, 1], ("calm", "tense")))


def test_most_votes_are_read(faces_csv: Path, make_votes: MakeVotes) -> None:
    """1000 votes in a column are allowed, and a face without any."""

    def change(rows: list[list[Any]]) -> list[list[Any]]:
        return [[*rows[0][:2], *[0] * 10], [*rows[1][:2], *[0] * 4, 1000, *[0] * 5], *rows[2:]]

    found = votes.read(make_votes(faces_csv, change), dataset.read(faces_csv, (48, 48)))["Training"]
    assert (found.totals[0], found.counts[1].max()) == (0, 1000)


# Files of one's own


@pytest.mark.parametrize("name", ["happy", "Happiness"])
def test_columns_by_their_names(tmp_path: Path, name: str) -> None:
    """In any order and case, FER+'s names or FER2013's; columns of other names are other votes, if they have one."""
    data = lines_of([0, 1], ("happy", "Calm"))
    path = write(tmp_path / "v.csv", f"blurred,calm,usage,{name},,image name", "1,2,training,9,x,a", "3,8,Training,4,,")
    found = votes.read(path, data)["Training"]
    assert found.counts.tolist() == [[9, 2], [4, 8]]
    assert found.others.tolist() == [[1], [3]]


def test_class_by_ferplus_name(tmp_path: Path) -> None:
    """A class of one's own may be called as FER+ calls one."""
    path = write(tmp_path / "v.csv", "usage,anger,happiness", "Training,5,1", "Training,0,4")
    found = votes.read(path, lines_of([1, 0], ("happiness", "anger")))
    assert found["Training"].counts.tolist() == [[1, 5], [4, 0]]


@pytest.mark.parametrize(
    ("header", "name"), [("happy,happiness,calm", "happy"), ("happy,calm,calm", "calm"), ("happy,calm,nf,nf", "nf")]
)
def test_two_columns_for_one_thing(tmp_path: Path, header: str, name: str) -> None:
    """Which one counts nobody could tell."""
    path = write(tmp_path / "v.csv", f"usage,{header}", "Training,1,1,1,1", "Training,1,1,1,1")
    with pytest.raises(DataError, match=rf"more than one column for {name}; put its votes into one"):
        votes.read(path, lines_of([0, 1], ("happy", "calm")))


def test_pictures_by_their_paths(tmp_path: Path) -> None:
    """In any order, by the path below the folder; a picture without a line has no votes."""
    data = folder(["calm/1.png", "calm/2.png", "tense/1.png"], ["tense/9.png", "calm/8.png"])
    path = write(
        tmp_path / "v.csv",
        "file,tense,calm,blurred",
        r"tense\9.png,2,1,0",
        "./tense/1.png,4,0,1",
        "calm/8.png,0,3,0",
        "calm/2.png,1,6,0",
    )
    found = votes.read(path, data)
    assert found["train"].counts.tolist() == [[0, 0], [6, 1], [0, 4]]
    assert found["train"].others.tolist() == [[0], [0], [1]]
    assert found["validation"].counts.tolist() == [[1, 2], [3, 0]]
    only = write(tmp_path / "only.csv", "file,calm,tense", "tense/9.png,1,2", "calm/8.png,3,0")
    assert set(votes.read(only, data)) == {"validation"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,calm,tense", "calm/3.png,1,0"], r"line 2: 'calm/3.png' is no picture in faces that can be read; give"),
        (["file,calm,tense", "calm/1.png,1,0", "./calm/1.png,1,0"], r"line 3: './calm/1.png' has a line already; put"),
        (["file,calm,tense", "calm/1.png,1.5,0"], r"line 2: '1.5' votes"),
        (["file,calm,tense", "calm/1.png,1,0"], r"nobody voted for tense in train"),
        (["file,calm,tense"], r"not one vote for a face of faces"),
        (["file,calm", "calm/1.png,1"], r"no column for tense; give each class of faces a column"),
        (["usage,calm,tense", "Training,1,0"], r"no column `file`, where faces is a folder; name the picture"),
    ],
)
def test_pictures_that_do_not_fit(tmp_path: Path, lines: list[str], message: str) -> None:
    """Unknown and repeated pictures, bad counts and missing columns are refused with the line."""
    with pytest.raises(DataError, match=message):
        votes.read(write(tmp_path / "v.csv", *lines), folder(["calm/1.png", "tense/1.png"], ["calm/2.png"]))


def test_votes_on_a_real_folder(picture_folder: Callable[..., Path], tmp_path: Path) -> None:
    """Pictures that are held out keep their votes, and one that cannot be read has none."""
    source = picture_folder({"": {"calm": 10, "tense": 10}})
    data = dataset.read(source, (48, 48))
    lines = [f"{path.relative_to(source).as_posix()},{i + 1}" for i, path in enumerate(sorted(source.rglob("*.png")))]
    counts = {line.split(",")[0]: int(line.split(",")[1]) for line in lines}
    path = write(
        tmp_path / "v.csv",
        "file,calm,tense",
        *(f"{name},{count},0" if "calm" in name else f"{name},0,{count}" for name, count in counts.items()),
    )
    for split, found in votes.read(path, data).items():
        names = data.splits[split].names
        assert found.counts.max(axis=1).tolist() == [counts[name] for name in names]
        np.testing.assert_array_equal(found.consensus, data.splits[split].labels)
