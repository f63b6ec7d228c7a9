"""Votes of people on each face: FER+, ten votes for each face of FER2013, from which soft labels are made.

    https://github.com/microsoft/FERPlus, fer2013new.csv: Usage, Image name, and ten columns of counts, neutral to NF,
    a line for each line of fer2013.csv (Barsoum, Zhang, Canton Ferrer, Zhang, arXiv:1608.01041)

FER2013's own label is one class, and for a third of the faces most votes are for another one. The probability of each
label given the votes is a better target than either: a multinomial logistic regression of the labels on the votes and,
if there are teachers, on their predictions. The votes say more of a training face than its picture shows, so these soft
labels are for training alone (Vapnik and Izmailov, "Learning Using Privileged Information", JMLR 16, 2015).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from fer_edge.errors import DataError
from fer_edge.types import EMOTIONS
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fer_convert.data.faces import Dataset
from fer_convert.data.fer2013_csv import read_rows, split_of_usage

VOTE_COLUMNS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "nf")
# FER2013's class for each of these; "" if it has none
EMOTION_OF_COLUMN = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "", "", "")
MIN_LABEL_AGREEMENT = 0.4  # share of the faces whose label has the most votes; FER+ has 0.64, other faces 0.2
MIN_PROBABILITY = 1e-3  # added to a teacher's predictions, whose logarithm is taken
MAX_VOTES = 1000  # in one column; FER+ has ten in all columns

Votes = NDArray[np.float64]  # (n, 10) counts in the order of VOTE_COLUMNS


def read(path: Path, faces: Dataset) -> Votes:
    """The votes at `path` for the training faces of `faces`, a fer2013.csv, in their order. Raises DataError."""
    split, training = faces.training()
    votes = _read_splits(path).get(split, np.empty((0, len(VOTE_COLUMNS))))
    advice = "give FER+'s fer2013new.csv with the fer2013.csv that it was made for"
    if len(votes) != len(training):
        raise DataError(
            f"votes {path}: {len(votes):,} lines for {split}, where {faces.name} has {len(training):,} faces; {advice}"
        )
    if len(np.unique(training.labels)) < 2:
        raise DataError(f"data {faces.name}: its {split} faces are all of one class; votes say nothing about them")
    class_of_column = np.array([EMOTIONS.index(name) if name in EMOTIONS else -1 for name in EMOTION_OF_COLUMN])
    agreement = float((class_of_column[votes.argmax(axis=1)] == training.labels).mean())
    if agreement < MIN_LABEL_AGREEMENT:
        raise DataError(
            f"votes {path}: the label has the most votes in {agreement:.0%} of the faces of {faces.name}, where "
            f"FER+ has 64 %: these are the votes of other faces, or the lines are in another order; {advice}"
        )
    return votes


def _read_splits(path: Path) -> Mapping[str, Votes]:
    """The votes by the name of the split, in the order of the lines. Raises DataError naming file and line."""
    rows: dict[str, list[list[int]]] = {}
    expected = "FER+'s fer2013new.csv begins with Usage,Image name,neutral"
    for place, (usage, *counts) in read_rows(path, "votes", ("usage", *VOTE_COLUMNS), expected):
        for text in counts:
            if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= MAX_VOTES):
                raise DataError(f"{place}: {text[:20]!r} votes; it is a whole number 0 to {MAX_VOTES}, fix the row")
        rows.setdefault(split_of_usage(usage, place), []).append([int(text) for text in counts])
    return {split: np.array(counts, np.float64) for split, counts in rows.items()}


def soft_labels(
    votes: Votes, labels: NDArray[np.int64], classes: int, predictions: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """The probability of each class as the label (n, classes), given `votes` and the teachers' `predictions`.

    `labels` is (n,), `predictions` (n, classes) or None. A logistic regression that is fitted on these very faces: a
    few hundred weights on thousands of faces. Predictions of teachers that were trained on them count somewhat more
    than they would deserve on other faces.
    """
    shares = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    # Square roots besides, because the first vote for a class says more than the fifth.
    features = [shares, np.sqrt(shares)]
    if predictions is not None:
        features.append(np.log(predictions.astype(np.float64) + MIN_PROBABILITY))
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    known = np.hstack(features)
    probabilities = np.zeros((len(labels), classes), np.float32)
    fitted = regression.fit(known, labels).predict_proba(known)
    probabilities[:, regression.classes_] = fitted  # a class without a face has no column
    return probabilities
