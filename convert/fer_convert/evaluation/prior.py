"""Agreement and macro-recall over the prior: how far frequent classes stay ahead, 0 to 1.

A network learns how frequent each class is. Its scores times frequency ** (prior - 1) have part of that taken out; that
finds more faces of the rare classes and fewer of the frequent ones (Menon et al., arXiv:2007.07314, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from fer_edge.classifiers.labels import match_labels
from fer_edge.classifiers.prior import Prior
from numpy.typing import NDArray
from sklearn.metrics import recall_score

from fer_convert.data.votes import NO_CONSENSUS, Votes
from fer_convert.evaluation.scored_model import ScoredModel

PRIORS = tuple(step / 10 for step in range(11))


@dataclass(frozen=True)
class PriorPoint:
    """What is measured with one prior; shares, 0 to 1."""

    prior: float
    agreement: float  # with the majority
    macro_recall: float


def find_prior(model: ScoredModel, classes: tuple[str, ...], training: Votes | None) -> Prior | None:
    """What the card of `model` says, in the order of `classes`; else what the majority sees in `training`, all of it.

    None without a card's entry and without votes.
    """
    if model.card and model.card.prior:
        places = match_labels(model.labels, classes) or range(len(classes))
        return replace(model.card.prior, frequencies=tuple(model.card.prior.frequencies[place] for place in places))
    if training is None:
        return None
    majority = training.consensus[training.consensus != NO_CONSENSUS]
    counts = np.maximum(np.bincount(majority, minlength=len(classes)), 1)
    return Prior(1.0, 1.0, tuple((counts / counts.sum()).tolist()))


def with_prior(probabilities: NDArray[np.float32], prior: Prior, wanted: float) -> NDArray[np.float64]:
    """`probabilities` (n, classes) with the share `wanted` of the frequencies in them, as `classifier.prior` does."""
    scores = probabilities.astype(np.float64) * prior.factors(wanted)
    shares: NDArray[np.float64] = scores / scores.sum(axis=1, keepdims=True)
    return shares


def prior_curve(
    probabilities: NDArray[np.float32], majority: NDArray[np.int64], prior: Prior
) -> tuple[PriorPoint, ...]:
    """Agreement and macro-recall for each of PRIORS, on n faces with `probabilities` (n, classes)."""
    points = []
    present = np.unique(majority)
    for wanted in PRIORS:
        predicted = with_prior(probabilities, prior, wanted).argmax(axis=1)
        recall = recall_score(majority, predicted, labels=present, average="macro", zero_division=0.0)
        points.append(PriorPoint(wanted, float((predicted == majority).mean()), float(recall)))
    return tuple(points)
