"""What is folded into the last layer, so that the device does not pay for it: a fairer prior, and an honest confidence.

**Prior.** A network learns how frequent each class is in its training data: FER2013 has sixteen happy faces for a
disgusted one, because of how it was searched for. Whoever stands before a camera is another matter, so a part of that
(in logarithms) is taken out of the logits again (Menon et al., "Long-tail learning via logit adjustment",
arXiv:2007.07314, section 4). How much was chosen on PublicTest: a third to a half raised the mean recall of the classes
by one to three points at the same accuracy; all of it costs a point of accuracy.

**Temperature.** softmax(z / T) has the answers of softmax(z), and for a fitting T its probabilities are shares of right
answers (Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", arXiv:1706.04599, section 4.2).

Between the last layer with weights and the softmax a classifier only takes means, so both are changes of its weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

PRIOR = 0.7  # share of the training data's log frequencies that is left in
# Share of them that a network learns, by the class weights it was trained with (`data.batches.class_weights`)
LEARNED = {"none": 1.0, "sqrt": 0.5, "balanced": 0.0}
SPREAD = 0.5  # of log temperatures before any face is seen; a few faces are no evidence for more, thousands are
LIMITS = (0.25, 4.0)  # beyond them the probabilities are no confidences at all, and more is wrong than the scale
LINEAR = ("GlobalAveragePooling2D", "AveragePooling2D", "Flatten", "Reshape", "Dropout", "Identity")


def prior(labels: NDArray[np.int64], classes: int, left: float = PRIOR, learned: float = 1.0) -> NDArray[np.float64]:
    """What to take from the logits (classes,) of a network that learned from faces with `labels` (n,).

    It `learned` that share of the classes' log frequencies; the share `left` is to be left in, and none is put in.
    """
    counts = np.bincount(labels, minlength=classes)
    logs = max(learned - left, 0.0) * np.log(np.maximum(counts, 1) / len(labels))
    centred: NDArray[np.float64] = logs - logs.mean()
    return centred


def without(probabilities: NDArray[np.float32], shift: NDArray[np.float64]) -> NDArray[np.float32]:
    """`probabilities` (n, classes) as they are when `shift` (classes,) is taken from their logits."""
    odds = probabilities * np.exp(-shift)
    shares: NDArray[np.float32] = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def fit(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The likeliest temperature of `probabilities` (n, classes) by `labels` (n,); 1 changes nothing."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    rows = np.arange(len(labels))

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        of_faces = (np.logaddexp.reduce(scaled, axis=1) - scaled[rows, labels]).sum()
        return float(of_faces + 0.5 * (log_temperature / SPREAD) ** 2)

    return float(np.exp(minimize_scalar(negative_log_likelihood, bounds=np.log(LIMITS), method="bounded").x))


def fold(model: Any, temperature: float, shift: NDArray[np.float64]) -> bool:
    """Let (z - shift) / temperature reach the softmax of the Keras `model` where z did; `shift` is (classes,).

    False, and nothing changed, where the layers do not allow it.
    """
    layers = [layer for layer in model.layers if type(layer).__name__ not in LINEAR]
    softmax = [layer for layer in layers if getattr(getattr(layer, "activation", None), "__name__", "") == "softmax"]
    if softmax != layers[-1:]:
        return False
    last = layers[-1] if layers[-1].weights else layers[-2]
    activation = "softmax" if last is layers[-1] else "linear"
    if type(last).__name__ not in ("Conv2D", "Dense") or last.activation.__name__ != activation:
        return False
    if last.bias is None and shift.any():
        return False
    last.kernel.assign(np.asarray(last.kernel.numpy()) / temperature)
    if last.bias is not None:
        last.bias.assign((np.asarray(last.bias.numpy()) - shift) / temperature)
    return True
