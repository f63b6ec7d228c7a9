"""How good a classifier's probabilities are on labelled faces."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from fer_edge.detectors.face_verifier import entropy
from fer_edge.errors import ModelError
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

BINS = 15  # of the calibration error, as in Guo et al.


@dataclass(frozen=True)
class ClassMetrics:
    """One class against the others; shares, 0 to 1."""

    label: str
    precision: float  # of the faces read as this, how many are
    recall: float  # of the faces that are this, how many are read so
    f1: float
    faces: int


@dataclass(frozen=True)
class Bin:
    """Faces of similar confidence; shares, 0 to 1."""

    low: float  # confidence above this
    high: float  # and up to this
    confidence: float  # their mean, 0 where empty
    accuracy: float  # share of right ones, 0 where empty
    faces: int


@dataclass(frozen=True)
class Confusion:
    """Faces of one class that are read as another."""

    shows: str
    read_as: str
    faces: int  # that show the one and are read as the other
    of: int  # that show the one


@dataclass(frozen=True)
class Parity:
    """A converted model against float32, on the same faces."""

    points: float  # the converted model's accuracy less that of float32, hundredths
    agreement: float  # share of the faces that both read the same, 0 to 1


@dataclass(frozen=True)
class Metrics:
    """All that an evaluation finds; shares, 0 to 1."""

    split: str
    faces: int
    accuracy: float
    macro_f1: float
    ece: float  # expected calibration error: how far confidence is from accuracy
    entropy: tuple[float, float]  # mean and deviation of what `fer_edge.detectors.face_verifier` calls so
    classes: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]  # [true class][read as], faces
    bins: tuple[Bin, ...]

    def summary(self) -> dict[str, Any]:
        """What a model's card holds."""
        shares = {name: round(getattr(self, name), 4) for name in ("accuracy", "macro_f1", "ece")}
        return {"split": self.split, "faces": self.faces, **shares}

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {**asdict(self), "top_confusions": [asdict(pair) for pair in self.top_confusions()]}

    def top_confusions(self, most: int = 5) -> list[Confusion]:
        """The ordered pairs of classes that are confused most, by faces, `most` at most."""
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
    """Metrics of `probabilities` (n, classes) against `labels` (n,); n is one or more. Raises ModelError."""
    wrong = int((~np.isfinite(probabilities).all(axis=1)).sum())
    if wrong:
        raise ModelError(f"the model answers {wrong} of {len(labels)} faces with no numbers; restore it, or train anew")
    read = probabilities.argmax(axis=1)
    every = list(range(len(classes)))
    precision, recall, f1, support = precision_recall_fscore_support(labels, read, labels=every, zero_division=0.0)
    bins = calibration(probabilities, labels)
    hesitations = [entropy(scores) for scores in probabilities.tolist()]
    return Metrics(
        split=split,
        faces=len(labels),
        accuracy=float((read == labels).mean()),
        macro_f1=float(f1.mean()),
        entropy=(float(np.mean(hesitations)), float(np.std(hesitations))),
        ece=sum(abs(b.accuracy - b.confidence) * b.faces for b in bins) / len(labels),
        classes=tuple(
            ClassMetrics(name, float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
            for i, name in enumerate(classes)
        ),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion_matrix(labels, read, labels=every)),
        bins=bins,
    )


def parity(read: NDArray[np.int64], reference: NDArray[np.int64], labels: NDArray[np.int64]) -> Parity:
    """What a converted model reads in faces (n,) against what float32 reads in them; n is one or more."""
    more = int((read == labels).sum()) - int((reference == labels).sum())
    return Parity(100 * more / len(labels), float((read == reference).mean()))


def calibration(probabilities: NDArray[np.float32], labels: NDArray[np.int64], bins: int = BINS) -> tuple[Bin, ...]:
    """Confidence against accuracy, in `bins` bins of equal width (Guo et al., arXiv:1706.04599, section 2)."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    found = []
    for number in range(bins):
        inside = which == number
        count = int(inside.sum())
        mean, share = (float(confidence[inside].mean()), float(right[inside].mean())) if count else (0.0, 0.0)
        found.append(Bin(number / bins, (number + 1) / bins, mean, share, count))
    return tuple(found)
