"""The class prior: how frequent each class is, and how much of that a converted model keeps.

A network learns how frequent each class is in its training data: FER2013 has sixteen happy faces for each disgusted
one, because of how it was collected. In front of a camera the frequencies are different, so part of them (in
logarithms) is subtracted from the logits (Menon et al., "Long-tail learning via logit adjustment", arXiv:2007.07314,
section 4). How much was chosen on PublicTest: a third to a half raised the mean recall of the classes by one to three
points at the same accuracy; all of it costs a point of accuracy.

What is left in stands on the card, so that the device can change it: `fer_edge.classifiers.prior`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DEFAULT_PRIOR = 0.7  # share of the training data's log frequencies that is left in
DEFAULT_VOTES_PRIOR = 0.4  # the same with votes: more cost agreement, less cost macro-recall (models/README.md)
# Share of them that a network learns, by the class weights it was trained with (`data.batches.class_weights`)
LEARNED_PRIOR = {"none": 1.0, "sqrt": 0.5, "balanced": 0.0}


def frequencies_of(labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """The share of each class (classes,) in `labels` (n,); that of an absent one is as if one face had it."""
    counts = np.bincount(labels, minlength=classes)
    shares: NDArray[np.float64] = np.maximum(counts, 1) / len(labels)
    return shares


def logit_shift(frequencies: NDArray[np.float64], left: float, learned: float = 1.0) -> NDArray[np.float64]:
    """What to subtract from the logits (classes,) of a network whose classes have these `frequencies` (classes,).

    It has `learned` that share of their logarithms, of which the share `left` is to be left in, both 0 to 1; none is
    ever added. The mean of the shift is 0.
    """
    logs = max(learned - left, 0.0) * np.log(frequencies)
    centred: NDArray[np.float64] = logs - logs.mean()
    return centred


def adjust(probabilities: NDArray[np.float32], shift: NDArray[np.float64]) -> NDArray[np.float32]:
    """`probabilities` (n, classes) after `shift` (classes,) is subtracted from their logits."""
    odds = probabilities * np.exp(-shift)
    shares: NDArray[np.float32] = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def card_entry(
    left: float, temperature: float, frequencies: NDArray[np.float64], labels: tuple[str, ...]
) -> dict[str, Any]:
    """The entry `prior` of a card: the share of the log `frequencies` (classes,) that is `left` in, and the rest."""
    shares = {label: _significant(share) for label, share in zip(labels, frequencies, strict=True)}
    return {"share": left, "temperature": _significant(temperature), "frequencies": shares}


def _significant(value: float) -> float:
    return float(f"{value:.6g}")
