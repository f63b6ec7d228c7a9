"""Metrics of a classifier's probabilities on labelled faces."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from fer_edge.errors import ModelError
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

CALIBRATION_BINS = 15  # as in Guo et al., arXiv:1706.04599


@dataclass(frozen=True)
class ClassMetrics:
    """One class against the others; shares, 0 to 1."""

    label: str
    precision: float  # of the faces predicted as this class, the share that is
    recall: float  # of the faces of this class, the share that is predicted so
    f1: float
    faces: int  # of this class


@dataclass(frozen=True)
class Bin:
    """Faces of similar confidence; shares, 0 to 1."""

    low: float  # the confidence is above this
    high: float  # and at most this
    confidence: float  # mean, 0 if the bin is empty
    accuracy: float  # 0 if the bin is empty; measured by votes: the mean share of the voters who said the same
    faces: int


@dataclass(frozen=True)
class Confusion:
    """Faces of one class that are predicted as another."""

    shows: str  # the class that they are labelled with
    read_as: str  # the class that is predicted
    faces: int  # that are confused so
    of: int  # faces labelled with the one


@dataclass(frozen=True)
class Parity:
    """A converted model compared with float32, on the same faces."""

    points: float  # the converted model's accuracy minus that of float32, percentage points
    agreement: float  # share of the faces for which both predict the same class, 0 to 1


@dataclass(frozen=True)
class Metrics:
    """Everything that is measured on one split; shares, 0 to 1."""

    split: str
    faces: int
    accuracy: float
    macro_recall: float  # mean over the classes that have faces
    macro_f1: float
    ece: float  # expected calibration error: mean distance between confidence and accuracy
    classes: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]  # [labelled class][predicted class], faces
    bins: tuple[Bin, ...]

    def summary(self) -> dict[str, Any]:
        """The figures that a model's card holds; shares are rounded to four digits."""
        shares = {name: round(getattr(self, name), 4) for name in ("accuracy", "macro_recall", "macro_f1", "ece")}
        return {"split": self.split, "faces": self.faces, **shares}

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {**asdict(self), "top_confusions": [asdict(pair) for pair in self.top_confusions()]}

    def top_confusions(self, most: int = 5) -> list[Confusion]:
        """The pairs (labelled, predicted) of classes that are confused most often, at most `most`, by faces."""
        pairs = [
            Confusion(shows.label, read_as.label, count, shows.faces)
            for shows, row in zip(self.classes, self.confusion, strict=True)
            for read_as, count in zip(self.classes, row, strict=True)
            if count and read_as is not shows
        ]
        return sorted(pairs, key=lambda pair: -pair.faces)[:most]


def measure(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], classes: tuple[str, ...], split: str
) -> Metrics:
    """Metrics of `probabilities` (n, classes) on faces with `labels` (n,), one or more, of the split called `split`.

    Raises ModelError if a probability is not a number.
    """
    check_finite(probabilities)
    predicted = probabilities.argmax(axis=1)
    every = list(range(len(classes)))
    precision, recall, f1, support = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0.0)
    bins = calibration(probabilities, labels)
    return Metrics(
        split=split,
        faces=len(labels),
        accuracy=float((predicted == labels).mean()),
        macro_recall=float(recall[support > 0].mean()),
        macro_f1=float(f1.mean()),
        ece=expected_error(bins),
        classes=tuple(
            ClassMetrics(name, float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
            for i, name in enumerate(classes)
        ),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion_matrix(labels, predicted, labels=every)),
        bins=bins,
    )


def check_finite(probabilities: NDArray[np.float32]) -> None:
    """Raise ModelError if one of the `probabilities` (n, classes) is not a number."""
    invalid = int((~np.isfinite(probabilities).all(axis=1)).sum())
    if invalid:
        raise ModelError(
            f"the model's predictions for {invalid} of {len(probabilities)} faces are not numbers; restore it, or "
            "train again"
        )


def parity(predicted: NDArray[np.int64], reference: NDArray[np.int64], labels: NDArray[np.int64]) -> Parity:
    """The classes (n,) that a converted model predicts, compared with those of float32; n is one or more."""
    gained = int((predicted == labels).sum()) - int((reference == labels).sum())
    return Parity(100 * gained / len(labels), float((predicted == reference).mean()))


def calibration(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], bins: int = CALIBRATION_BINS
) -> tuple[Bin, ...]:
    """Confidence and accuracy of `probabilities` (n, classes) in `bins` bins of equal width, with `labels` (n,).

    Guo et al., arXiv:1706.04599, section 2.
    """
    return confidence_bins(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels, bins)


def confidence_bins(
    confidence: NDArray[np.float32], outcome: NDArray[np.bool_] | NDArray[np.float64], bins: int = CALIBRATION_BINS
) -> tuple[Bin, ...]:
    """Mean `confidence` (n,) and mean `outcome` (n,), both 0 to 1, in `bins` bins of equal width of the confidence."""
    exact = confidence.astype(np.float64)
    bin_of_face = np.clip(np.ceil(exact * bins).astype(int) - 1, 0, bins - 1)
    result = []
    for number in range(bins):
        inside = bin_of_face == number
        count = int(inside.sum())
        mean, share = (float(exact[inside].mean()), float(outcome[inside].mean())) if count else (0.0, 0.0)
        result.append(Bin(number / bins, (number + 1) / bins, mean, share, count))
    return tuple(result)


def expected_error(bins: tuple[Bin, ...]) -> float:
    """The expected calibration error: the mean distance of confidence and accuracy, weighted by the bins' faces."""
    return sum(abs(b.accuracy - b.confidence) * b.faces for b in bins) / sum(b.faces for b in bins)
