"""What people voted a face to be: FER+, ten votes for each face of FER2013, with which a student learns more.

    https://github.com/microsoft/FERPlus, fer2013new.csv: Usage, Image name, and ten columns of counts, neutral to NF,
    a line for each line of fer2013.csv (Barsoum, Zhang, Canton Ferrer, Zhang, arXiv:1608.01041)

FER2013's own label is one word, and for a third of the faces the votes' majority is another one. What the label is on
average of faces with such votes teaches more than either: a multinomial logistic regression of the labels on the
votes, and, where there are teachers, on what they say. It knows of a training face what no picture shows, so its
answers are for learning alone (Vapnik and Izmailov, "Learning Using Privileged Information", JMLR 16, 2015).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from fer_convert.data.dataset import Data, split_of, table
from fer_edge.errors import DataError
from fer_edge.types import EMOTIONS
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

KINDS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "nf")
NAMES = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "", "", "")  # of FER2013's classes
AGREEING = 0.4  # share of the faces whose label most votes are for, at least; FER+ has 0.64, other faces 0.2
SMALLEST = 1e-3  # probability of a teacher's answer that is told from none
MOST = 1000  # votes of one kind; FER+ has ten of all kinds

Votes = NDArray[np.float64]  # (n, 10) counts in the order of KINDS


def read(path: Path, faces: Data) -> Votes:
    """The votes at `path` for the training faces of `faces`, a fer2013.csv, in their order. Raises DataError."""
    split, training = faces.training()
    found = _read(path).get(split, np.empty((0, len(KINDS))))
    advice = "give FER+'s fer2013new.csv with the fer2013.csv that it was made for"
    if len(found) != len(training):
        raise DataError(
            f"votes {path}: {len(found):,} lines for {split}, where {faces.name} has {len(training):,} faces; {advice}"
        )
    if len(np.unique(training.labels)) < 2:
        raise DataError(f"data {faces.name}: its {split} faces are all of one class; votes tell nothing about them")
    named = np.array([EMOTIONS.index(name) if name in EMOTIONS else -1 for name in NAMES])
    agreeing = float((named[found.argmax(axis=1)] == training.labels).mean())
    if agreeing < AGREEING:
        raise DataError(
            f"votes {path}: most votes are for a face's label in {agreeing:.0%} of the faces of {faces.name}, where "
            f"FER+'s are in 64 %: these are the votes of other faces, or the lines are in another order; {advice}"
        )
    return found


def digest(path: Path) -> str:
    """The sha256 of the file at `path`, which `read` has read."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(path: Path) -> Mapping[str, Votes]:
    """The votes by the name of the split, in the order of the lines. Raises DataError naming file and line."""
    rows: dict[str, list[list[int]]] = {}
    usual = "FER+'s fer2013new.csv begins with Usage,Image name,neutral"
    for place, (usage, *counts) in table(path, "votes", ("usage", *KINDS), usual):
        for text in counts:
            if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= MOST):
                raise DataError(f"{place}: {text[:20]!r} votes; it is a whole number 0 to {MOST}, mend the row")
        rows.setdefault(split_of(usage, place), []).append([int(text) for text in counts])
    return {split: np.array(counts, np.float64) for split, counts in rows.items()}


def combine(
    votes: Votes, labels: NDArray[np.int64], classes: int, answers: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """How probable each class is as the label (n, classes), by `votes` and, where given, `answers` (n, classes).

    A logistic regression that is fitted on these very faces: on a few hundred weights, thousands of faces. Answers of
    teachers that were trained on them are trusted somewhat more than they would deserve on others.
    """
    shares = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    # Roots besides, since the first vote for a kind says more than the fifth.
    parts = [shares, np.sqrt(shares)]
    if answers is not None:
        parts.append(np.log(answers.astype(np.float64) + SMALLEST))
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    known = np.hstack(parts)
    probable = regression.fit(known, labels).predict_proba(known)
    found = np.zeros((len(labels), classes), np.float32)
    found[:, regression.classes_] = probable  # a class without a face has no column
    return found
