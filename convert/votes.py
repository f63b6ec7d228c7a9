"""What people voted a face to be: FER+, ten votes for each face of FER2013, with which a student learns more.

    https://github.com/microsoft/FERPlus, fer2013new.csv: Usage, Image name, and ten columns of counts, neutral to NF,
    a line for each line of fer2013.csv (Barsoum, Zhang, Canton Ferrer, Zhang, arXiv:1608.01041)

FER2013's own label is one word, and for a third of the faces the votes' majority is another one. What the label is on
average of faces with such votes teaches more than either: a multinomial logistic regression of the labels on the
votes, and, where there are teachers, on what they say. It knows of a training face what no picture shows, so its
answers are for learning alone (Vapnik and Izmailov, "Learning Using Privileged Information", JMLR 16, 2015).
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.data import USAGES, Data
from edge.errors import DataError

KINDS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "nf")
SMALLEST = 1e-3  # probability of a teacher's answer that is told from none
MOST = 1000  # votes of one kind; FER+ has ten of all kinds

Votes = NDArray[np.float64]  # (n, 10) counts in the order of KINDS


def read(path: Path, faces: Data) -> Votes:
    """The votes at `path` for the training faces of `faces`, in their order. Raises DataError."""
    split, training = faces.training()
    found = _read(path).get(split)
    if found is None or len(found) != len(training):
        raise DataError(
            f"votes {path}: {0 if found is None else len(found):,} lines for {split}, where {faces.name} has "
            f"{len(training):,} faces; give FER+'s fer2013new.csv with the fer2013.csv that it was made for"
        )
    return found


def digest(path: Path) -> str:
    """The sha256 of the file at `path`, which `read` has read."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(path: Path) -> Mapping[str, Votes]:
    """The votes by the name of the split, in the order of the lines. Raises DataError naming file and line."""
    rows: dict[str, list[list[int]]] = {}
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            lines = csv.reader(file)
            header = [name.strip().lower() for name in next(lines, [])]
            missing = [name for name in ("usage", *KINDS) if name not in header]
            if missing:
                raise DataError(
                    f"votes {path}: no column {', '.join(missing)} in its first line, which is "
                    f"{','.join(header)[:60]!r}; FER+'s fer2013new.csv begins with Usage,Image name,neutral"
                )
            where = [header.index(name) for name in ("usage", *KINDS)]
            for fields in filter(None, lines):
                split, counts = _row(fields, where, f"votes {path}, line {lines.line_num}")
                rows.setdefault(split, []).append(counts)
    except OSError as cause:
        raise DataError(f"votes {path}: cannot be read ({cause.strerror}); check the path and its rights") from None
    except csv.Error as cause:
        raise DataError(f"votes {path}, line {lines.line_num}: not CSV ({cause}); download it again") from None
    return {split: np.array(counts, np.float64) for split, counts in rows.items()}


def _row(fields: list[str], where: list[int], place: str) -> tuple[str, list[int]]:
    if len(fields) <= max(where):
        raise DataError(f"{place}: {len(fields)} columns where the header has more; the file is cut off, get it again")
    usage, *texts = (fields[column].strip() for column in where)
    if usage.lower() not in USAGES:
        raise DataError(f"{place}: Usage {usage[:20]!r}; it is {', '.join(USAGES.values())}, mend the row")
    for text in texts:
        if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= MOST):
            raise DataError(f"{place}: {text[:20]!r} votes; it is a whole number 0 to {MOST}, mend the row")
    return USAGES[usage.lower()], [int(text) for text in texts]


def combine(
    votes: Votes, labels: NDArray[np.int64], classes: int, answers: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """How probable each class is as the label (n, classes), by `votes` and, where given, `answers` (n, classes).

    A logistic regression that is fitted on these very faces: on a few hundred weights, thousands of faces.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

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
