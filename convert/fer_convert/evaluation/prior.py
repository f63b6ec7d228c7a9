"""Agreement and macro-recall over the prior: how far frequent classes stay ahead, 0 to 1.

A network learns how frequent each class is. Its scores times frequency ** (prior - 1) have part of that taken out; that
finds more faces of the rare classes and fewer of the frequent ones (Menon et al., arXiv:2007.07314, section 4).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from fer_edge.errors import ModelError
from numpy.typing import NDArray
from sklearn.metrics import recall_score

from fer_convert.data.votes import NO_CONSENSUS, Votes
from fer_convert.evaluation.scored_model import ScoredModel

PRIORS = tuple(step / 10 for step in range(11))


@dataclass(frozen=True)
class Prior:
    """The classes' frequencies that are in a model's scores."""

    share: float  # of their logarithms, that is in the scores: 0 to 1
    temperature: float  # that the logits were divided by after that share was left in
    frequencies: NDArray[np.float64]  # (classes,) in the order of the data's, above 0; sum 1
    from_card: bool  # False: the scores are taken to have all of it


@dataclass(frozen=True)
class PriorPoint:
    """What is measured with one prior; shares, 0 to 1."""

    prior: float
    agreement: float  # with the majority
    macro_recall: float


def find_prior(model: ScoredModel, classes: tuple[str, ...], training: Votes | None) -> Prior | None:
    """What the card of `model` says; else the frequencies of what the majority sees in `training`, None without votes.

    Raises ModelError if the card's entry is damaged.
    """
    if model.card and (entry := json.loads(model.path.with_suffix(".json").read_text(encoding="utf-8")).get("prior")):
        try:
            return _prior_of_card(entry, classes)
        except (KeyError, TypeError, ValueError, AttributeError) as cause:
            raise ModelError(
                f"model card {model.path.with_suffix('.json')}: wrong or missing entry in its prior ({cause!r}); "
                "restore it or convert the model again"
            ) from None
    if training is None:
        return None
    majority = training.consensus[training.consensus != NO_CONSENSUS]
    counts = np.maximum(np.bincount(majority, minlength=len(classes)), 1)
    return Prior(1.0, 1.0, counts / counts.sum(), from_card=False)


def _prior_of_card(entry: dict[str, Any], classes: tuple[str, ...]) -> Prior:
    share, temperature = float(entry["share"]), float(entry["temperature"])
    frequencies = np.array([float(entry["frequencies"][name]) for name in classes])
    if not (0 <= share <= 1 and 0 < temperature < np.inf and 0 < frequencies.min() <= frequencies.max() < np.inf):
        raise ValueError(f"share {share}, temperature {temperature}, frequencies {frequencies.tolist()}")
    return Prior(share, temperature, frequencies / frequencies.sum(), from_card=True)


def with_prior(probabilities: NDArray[np.float32], prior: Prior, wanted: float) -> NDArray[np.float64]:
    """`probabilities` (n, classes) with the share `wanted` of the frequencies in them, as `classifier.prior` does."""
    weights = np.exp((wanted - prior.share) * np.log(prior.frequencies) / prior.temperature)
    scores = probabilities.astype(np.float64) * weights
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
