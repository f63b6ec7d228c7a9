"""Votes of people on each face: what most of them see in it, and how many see something else.

Two forms of CSV file, with a column of counts for each class, and columns for other votes beside them:

    FER+'s fer2013new.csv   Usage, Image name, neutral, happiness, ... contempt, unknown, NF; a line for each line of
                            fer2013.csv (https://github.com/microsoft/FERPlus; Barsoum, Zhang, Canton Ferrer, Zhang,
                            "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label
                            Distribution", arXiv:1608.01041)
    your own                the same with columns named as your classes; for a folder of pictures a column `file`, the
                            path of a picture below that folder, in place of Usage

A face may have any number of votes. One whose votes for a class are more than those in every other column is a
consensus face: its class is what the majority sees.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from fer_edge.classifiers.labels import find_label, folded
from fer_edge.errors import DataError
from numpy.typing import NDArray

from fer_convert.data.faces import Dataset, Faces
from fer_convert.data.fer2013_csv import read_header, read_rows, split_of_usage

KEY_COLUMNS = ("usage", "image name", "file")  # not counts
NO_CONSENSUS = -1  # in place of a class
MIN_SHARE = 0.3  # of a face's votes that must be for one of the classes, for it to be trained on
MIN_CLASS_SHARE = 0.5  # the same, for confidence to be fitted to its votes or compared with them
STRAY_RATERS = 8  # from so many votes on, a single one for a class is left out as a slip; FER+'s authors do so with ten
MIN_KAPPA = 0.2  # Cohen's, of the data's labels and the majority; FER+ has 0.58, votes in another order 0.0
MAX_VOTES = 1000  # in one column


@dataclass(frozen=True)
class Votes:
    """The votes on n faces."""

    counts: NDArray[np.int64]  # (n, classes)
    others: NDArray[np.int64]  # (n, other columns): for none of the classes, such as FER+'s contempt, unknown and NF

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Votes:
        """Those on some of the faces."""
        return Votes(self.counts[rows], self.others[rows])

    @property
    def totals(self) -> NDArray[np.int64]:
        """All votes on each face (n,)."""
        totals: NDArray[np.int64] = self.counts.sum(axis=1) + self.others.sum(axis=1)
        return totals

    @property
    def class_shares(self) -> NDArray[np.float64]:
        """The share of each face's votes that are for one of the classes (n,), 0 without votes."""
        shares: NDArray[np.float64] = self.counts.sum(axis=1) / np.maximum(self.totals, 1)
        return shares

    @property
    def consensus(self) -> NDArray[np.int64]:
        """The class with more votes than every other column (n,), or NO_CONSENSUS."""
        columns = np.hstack([self.counts, self.others])
        leaders = columns.argmax(axis=1)
        sole = (columns == columns.max(axis=1, keepdims=True)).sum(axis=1) == 1
        return np.where(sole & (leaders < self.counts.shape[1]), leaders, NO_CONSENSUS)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The share of the votes for a class that each class has (n, classes); 0 in all without such votes."""
        return _shares(self.counts)

    @property
    def targets(self) -> NDArray[np.float32]:
        """`probabilities` to train on (n, classes): stray single votes are left out, unless no other is there."""
        stray = (self.counts == 1) & (self.totals[:, None] >= STRAY_RATERS)
        kept = np.where(stray, 0, self.counts)
        return _shares(np.where(kept.any(axis=1, keepdims=True), kept, self.counts)).astype(np.float32)

    def voter_agreement(self) -> float:
        """One person: the share of votes that are for what the majority of the others sees, on the consensus faces.

        Each vote is taken out in turn. Where the others are then of two minds, it is not counted. NaN without any.
        """
        faces = self[self.consensus != NO_CONSENSUS]
        columns = np.hstack([faces.counts, faces.others])
        agreeing = counted = 0
        for column in range(columns.shape[1]):
            others = columns.copy()
            others[:, column] -= 1
            leads = others.argmax(axis=1) == column
            sole = (others == others.max(axis=1, keepdims=True)).sum(axis=1) == 1
            voters = columns[:, column] * sole
            agreeing, counted = agreeing + int((voters * leads).sum()), counted + int(voters.sum())
        return agreeing / counted if counted else float("nan")


def consensus_faces(faces: Faces, votes: Votes) -> Faces:
    """Those of `faces` (n) with a consensus in the n `votes`, labelled with what the majority sees."""
    return replace(faces, labels=votes.consensus)[votes.consensus != NO_CONSENSUS]


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def read(path: Path, data: Dataset, used: Collection[str] | None = None) -> Mapping[str, Votes]:
    """The votes at `path` for the faces of `data`, by split, in the order of its faces. Raises DataError.

    Splits without a vote are left out; at least one has votes. Those named in
    `used`, by default all, must have votes for each class, that fit the labels.
    """
    header = read_header(path, "votes")
    columns = _columns(path, header, data)
    if any(faces.names for faces in data.splits.values()):
        if "file" not in header:
            raise DataError(
                f"votes {path}: no column `file`, where {data.name} is a folder; name the picture of each line in it, "
                "or give fer2013.csv as --data with FER+'s fer2013new.csv"
            )
        splits = _by_file(path, columns, data)
    else:
        splits = _by_line(path, columns, data)
    classes = len(data.classes)
    votes = {name: Votes(rows[:, :classes], rows[:, classes:]) for name, rows in splits.items() if rows.any()}
    if not votes:
        raise DataError(f"votes {path}: not one vote for a face of {data.name}; give the votes on its faces")
    for name in votes if used is None else votes.keys() & set(used):
        _check(path, name, votes[name], data.splits[name], data)
    return votes


def _columns(path: Path, header: list[str], data: Dataset) -> list[str]:
    """The columns of counts: those of the classes of `data` in their order, then all others. Raises DataError."""
    names = [name for name in header if name and name not in KEY_COLUMNS]
    classes = [folded(name) for name in data.classes]
    # A column is its class's by its own name before it is by another, such as FER+'s happiness for happy.
    class_of = {name: find_label(name, classes) or name for name in names}
    found = {name: [column for column in names if class_of[column] == name] for name in classes}
    missing = [name for name, columns in found.items() if not columns]
    if missing:
        raise DataError(
            f"votes {path}: no column for {', '.join(missing)}; give each class of {data.name} a column of counts, or "
            "give FER+'s fer2013new.csv, which begins with Usage,Image name,neutral"
        )
    twice = [name for name in [*class_of, *found] if names.count(name) > 1 or len(found.get(name, ())) > 1]
    if twice:
        raise DataError(f"votes {path}: more than one column for {twice[0]}; put its votes into one")
    own = [found[name][0] for name in classes]
    return own + [name for name in names if name not in own]


def read_training(path: Path, data: Dataset) -> Votes:
    """The votes at `path` for the training faces of `data`, in their order. Raises DataError, too if there are none."""
    split, faces = data.training()
    votes = read(path, data, (split,))
    if split not in votes:
        raise DataError(f"votes {path}: not one for {split}, where {data.name} has {len(faces):,} faces to train on")
    return votes[split]


def _check(path: Path, split: str, votes: Votes, faces: Faces, data: Dataset) -> None:
    """Raise DataError if these can hardly be the votes on these faces, or if a class has none."""
    unseen = [name for name, count in zip(data.classes, votes.counts.sum(axis=0), strict=True) if not count]
    if unseen:
        raise DataError(
            f"votes {path}: nobody voted for {', '.join(unseen)} in {split}; add faces that show it, or leave it out"
        )
    agreed = votes.consensus != NO_CONSENSUS
    share, kappa = _agreement(faces.labels[agreed], votes.consensus[agreed], len(data.classes))
    if kappa < MIN_KAPPA:
        raise DataError(
            f"votes {path}: the majority sees the label of {data.name} in {share:.0%} of the faces of {split}, little "
            f"more than by chance (kappa {kappa:.2f}, FER+ has 0.58): these are the votes of other faces, or the lines "
            "are in another order; give the votes that were made for these faces"
        )


def _agreement(labels: NDArray[np.int64], majority: NDArray[np.int64], classes: int) -> tuple[float, float]:
    """The share of faces (n,) for which the two are the same, and Cohen's kappa; 0 without faces, or of one class."""
    faces = max(1, len(labels))
    share = float((labels == majority).sum() / faces)
    frequencies = [np.bincount(one, minlength=classes) / faces for one in (labels, majority)]
    chance = float(frequencies[0] @ frequencies[1])
    return share, (share - chance) / (1 - chance) if chance < 1 else 0.0


def _by_line(path: Path, columns: list[str], data: Dataset) -> dict[str, NDArray[np.int64]]:
    """Counts (n, columns) by split: the lines of a split are its faces, in their order. Raises DataError."""
    rows: dict[str, list[list[int]]] = {}
    expected = "FER+'s fer2013new.csv begins with Usage,Image name,neutral"
    for place, (usage, *counts) in read_rows(path, "votes", ("usage", *columns), expected):
        rows.setdefault(split_of_usage(usage, place), []).append(_counts(counts, place))
    for split, faces in data.splits.items():
        if len(rows.get(split, ())) not in (0, len(faces)) or not rows:
            raise DataError(
                f"votes {path}: {len(rows.get(split, ())):,} lines for {split}, where {data.name} has {len(faces):,} "
                "faces; give FER+'s fer2013new.csv with the fer2013.csv that it was made for"
            )
    return {split: np.array(rows[split], np.int64) for split in data.splits if split in rows}


def _by_file(path: Path, columns: list[str], data: Dataset) -> dict[str, NDArray[np.int64]]:
    """Counts (n, columns) by split: each line names its picture, a face without one has no votes. Raises DataError."""
    place_of = {
        name: (split, number) for split, faces in data.splits.items() for number, name in enumerate(faces.names)
    }
    found = {split: np.zeros((len(faces), len(columns)), np.int64) for split, faces in data.splits.items()}
    seen: set[str] = set()
    for place, (file, *counts) in read_rows(path, "votes", ("file", *columns), "it names the picture of each line"):
        name = file.replace("\\", "/").removeprefix("./")
        if name not in place_of:
            raise DataError(
                f"{place}: {file[:80]!r} is no picture in {data.name} that can be read; give its path below "
                "that folder, or remove the line"
            )
        if name in seen:
            raise DataError(f"{place}: {file[:80]!r} has a line already; put all votes on a picture into one line")
        seen.add(name)
        split, number = place_of[name]
        found[split][number] = _counts(counts, place)
    return found


def _counts(texts: list[str], place: str) -> list[int]:
    for text in texts:
        if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= MAX_VOTES):
            raise DataError(f"{place}: {text[:20]!r} votes; it is a whole number 0 to {MAX_VOTES}, fix the row")
    return [int(text) for text in texts]
