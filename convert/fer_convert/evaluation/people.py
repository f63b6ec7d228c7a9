"""A model against people: its predictions and the votes on each face.

    consensus faces   one class has more votes than every other column: what the majority sees, which is the label
    calibration       "0.8 means eight of ten people": confidence against the share of all voters who said the same
    coverage          what is shown, if only predictions of enough confidence are, and how much of it is right
    the human line    one person against the majority of the others, on the same faces

Votes for none of the classes, such as FER+'s contempt, are those of voters who did not say the same. Calibration and
coverage are of the consensus faces, as accuracy is; log loss and Brier score are of nearly all faces with votes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.classifiers.prior import Prior
from fer_edge.errors import DataError
from numpy.typing import NDArray
from scipy.special import xlogy
from sklearn.metrics import roc_auc_score

from fer_convert import files
from fer_convert.data import votes as votes_file
from fer_convert.data.faces import TRAINING_SPLITS, Dataset
from fer_convert.data.votes import MIN_CLASS_SHARE, NO_CONSENSUS, Votes
from fer_convert.evaluation.coverage import CoveragePoint, coverage_points, lowest_threshold, thinned
from fer_convert.evaluation.metrics import Bin, check_finite, confidence_bins, expected_error
from fer_convert.evaluation.prior import PriorPoint, prior_curve

SHOWN_ACCURACY = 0.88  # what is shown is to be right this often: it decides the threshold
# Half a step of int8's output, which has 0 for all that is less. Of every model, so that variants can be compared.
MIN_PROBABILITY = 1 / 512


@dataclass(frozen=True)
class VoteSource:
    """A file of votes, and the votes on the split that is measured."""

    name: str
    sha256: str
    measured: Votes
    training: Votes | None  # None if the training split has none

    @property
    def agreed(self) -> NDArray[np.bool_]:
        """Which faces of the split (n,) have a majority."""
        agreed: NDArray[np.bool_] = self.measured.consensus != NO_CONSENSUS
        return agreed


@dataclass(frozen=True)
class VoteFit:
    """Predictions against the votes themselves, on the faces with MIN_CLASS_SHARE or more of the votes for a class."""

    faces: int
    log_loss: float  # mean cross entropy of the votes' shares among the classes, nats
    least_log_loss: float  # the entropy of the votes: no prediction has less
    brier: float  # mean of the squared differences, summed over the classes: 0 to 2
    ece: float  # of the confidence, as `People.ece`, on these faces


@dataclass(frozen=True)
class People:
    """What votes tell of a model; shares, 0 to 1. The consensus faces are those of the evaluation's metrics."""

    votes: str  # the file's own name
    votes_sha256: str
    voter_agreement: float | None  # one person with the majority of the others; None with one vote a face
    voted_faces: int  # of the split, with or without consensus
    own_label_accuracy: float  # share of the consensus faces for which the data's own label is predicted
    own_label_agreement: float  # share of them whose own label is what the majority sees
    ece: float  # mean distance of the confidence and the share of all voters who said the same, on the consensus faces
    bins: tuple[Bin, ...]  # of that; `accuracy` is the share of the voters
    fit: VoteFit | None  # None without a face that it is measured on
    shown: CoveragePoint | None  # the lowest threshold at which SHOWN_ACCURACY is reached; None if it is at none
    shown_without_consensus: float | None  # share of the faces without consensus that are shown then
    auroc: float | None  # of the confidence, telling consensus faces from the others; None if there are no others
    curve: tuple[CoveragePoint, ...]  # on the consensus faces
    prior: tuple[PriorPoint, ...]  # on the consensus faces; empty if the classes' frequencies are not known
    model_prior: float | None  # the prior of the model as it is; None if its card has none, 1 then is that

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        entries = asdict(self)
        entries["votes"] = {"name": entries.pop("votes"), "sha256": entries.pop("votes_sha256")}
        entries["shown_accuracy"] = SHOWN_ACCURACY
        for entry in entries["bins"]:
            entry["voters"] = entry.pop("accuracy")
        return entries


def read_votes(path: Path, data: Dataset, split: str) -> VoteSource:
    """The votes at `path` for the faces of `data`, of which `split` is measured. Raises DataError."""
    found: Mapping[str, Votes] = votes_file.read(path, data, (split,))
    if split not in found:
        raise DataError(f"votes {path}: not one for a face of {split}; give one of {', '.join(found)} as --split")
    training = {name.lower() for name in TRAINING_SPLITS}
    trained = next((votes for name, votes in found.items() if name.lower() in training), None)
    return VoteSource(path.name, files.sha256(path), found[split], trained)


def compare(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    source: VoteSource,
    prior: Prior | None,
    model_prior: float | None = None,
) -> People:
    """The `probabilities` (n, classes) of all n faces of a split against the votes on them.

    `labels` (n,) are the data's own. The curve is that of `prior`; `model_prior` is the one that the model's card says.
    Raises ModelError if a probability is not a number.
    """
    check_finite(probabilities)
    votes = source.measured
    agreed, predicted, confidence = source.agreed, probabilities.argmax(axis=1), probabilities.max(axis=1)
    disagreed = ~agreed & (votes.totals > 0)
    points = coverage_points(confidence[agreed], (predicted == votes.consensus)[agreed])
    shown = lowest_threshold(points, SHOWN_ACCURACY)
    bins = voter_bins(probabilities[agreed], votes[agreed])
    agreement = votes.voter_agreement()
    return People(
        votes=source.name,
        votes_sha256=source.sha256,
        voter_agreement=agreement if np.isfinite(agreement) else None,
        voted_faces=int((votes.totals > 0).sum()),
        own_label_accuracy=float((predicted == labels)[agreed].mean()),
        own_label_agreement=float((votes.consensus == labels)[agreed].mean()),
        ece=expected_error(bins),
        bins=bins,
        fit=_fit(probabilities, votes),
        shown=shown,
        shown_without_consensus=_share_from(confidence[disagreed], shown),
        auroc=_auroc(confidence, agreed, disagreed),
        curve=thinned(points),
        prior=prior_curve(probabilities[agreed], votes.consensus[agreed], prior) if prior else (),
        model_prior=model_prior,
    )


def voter_bins(probabilities: NDArray[np.float32], votes: Votes) -> tuple[Bin, ...]:
    """Confidence, and the share of all the voters on a face who said what is predicted."""
    said_so = np.take_along_axis(votes.counts, probabilities.argmax(axis=1)[:, None], axis=1)[:, 0]
    return confidence_bins(probabilities.max(axis=1), said_so / np.maximum(votes.totals, 1))


def _fit(probabilities: NDArray[np.float32], votes: Votes) -> VoteFit | None:
    rows = votes.class_shares >= MIN_CLASS_SHARE
    if not rows.any():
        return None
    given, shares = probabilities[rows].astype(np.float64), votes[rows].probabilities
    floored = np.maximum(given, MIN_PROBABILITY)
    floored /= floored.sum(axis=1, keepdims=True)
    return VoteFit(
        faces=len(given),
        log_loss=float(-xlogy(shares, floored).sum(axis=1).mean()),
        least_log_loss=float(-xlogy(shares, shares).sum(axis=1).mean()),
        brier=float(((given - shares) ** 2).sum(axis=1).mean()),
        ece=expected_error(voter_bins(probabilities[rows], votes[rows])),
    )


def _share_from(confidence: NDArray[np.float32], shown: CoveragePoint | None) -> float | None:
    """Of faces with this `confidence` (n,), the share that is `shown`; None without faces or a threshold."""
    return float((confidence >= shown.threshold).mean()) if shown and len(confidence) else None


def _auroc(confidence: NDArray[np.float32], agreed: NDArray[np.bool_], disagreed: NDArray[np.bool_]) -> float | None:
    voted = agreed | disagreed
    return float(roc_auc_score(agreed[voted], confidence[voted])) if disagreed.any() else None
