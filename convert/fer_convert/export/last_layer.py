"""Folded into the last layer, so that they cost the device nothing: a flatter class prior, and a temperature.

**Prior.** A network learns how frequent each class is in its training data: FER2013 has sixteen happy faces for each
disgusted one, because of how it was collected. In front of a camera the frequencies are different, so part of them (in
logarithms) is subtracted from the logits (Menon et al., "Long-tail learning via logit adjustment", arXiv:2007.07314,
section 4). How much was chosen on PublicTest: a third to a half raised the mean recall of the classes by one to three
points at the same accuracy; all of it costs a point of accuracy.

**Temperature.** softmax(z / T) predicts the same class as softmax(z), and for the right T its probabilities are the
shares of correct predictions (Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks",
arXiv:1706.04599, section 4.2).

Between the last layer with weights and the softmax a classifier only takes means, so both are changes of its weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

DEFAULT_PRIOR = 0.7  # share of the training data's log frequencies that is left in
# Share of them that a network learns, by the class weights it was trained with (`data.batches.class_weights`)
LEARNED_PRIOR = {"none": 1.0, "sqrt": 0.5, "balanced": 0.0}
# Standard deviation of the log temperature before any face is seen: a few faces are no evidence for more, thousands are
LOG_TEMPERATURE_SIGMA = 0.5
TEMPERATURE_RANGE = (0.25, 4.0)  # beyond it more is wrong with the probabilities than their scale
LINEAR_LAYERS = ("GlobalAveragePooling2D", "AveragePooling2D", "Flatten", "Reshape", "Dropout", "Identity")


def logit_shift(
    labels: NDArray[np.int64], classes: int, left: float = DEFAULT_PRIOR, learned: float = 1.0
) -> NDArray[np.float64]:
    """What to subtract from the logits (classes,) of a network that was trained on faces with `labels` (n,).

    It has `learned` that share of the classes' log frequencies, of which the share `left` is to be left in, both 0 to
    1; none is ever added. The mean of the shift is 0.
    """
    counts = np.bincount(labels, minlength=classes)
    logs = max(learned - left, 0.0) * np.log(np.maximum(counts, 1) / len(labels))
    centred: NDArray[np.float64] = logs - logs.mean()
    return centred


def adjust(probabilities: NDArray[np.float32], shift: NDArray[np.float64]) -> NDArray[np.float32]:
    """`probabilities` (n, classes) after `shift` (classes,) is subtracted from their logits."""
    odds = probabilities * np.exp(-shift)
    shares: NDArray[np.float32] = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def fit_temperature(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The most likely temperature of `probabilities` (n, classes) given `labels` (n,); 1 changes nothing."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    rows = np.arange(len(labels))

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        of_faces = (np.logaddexp.reduce(scaled, axis=1) - scaled[rows, labels]).sum()
        return float(of_faces + 0.5 * (log_temperature / LOG_TEMPERATURE_SIGMA) ** 2)

    bounds = np.log(TEMPERATURE_RANGE)
    return float(np.exp(minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded").x))


def fold(model: Any, temperature: float, shift: NDArray[np.float64]) -> bool:
    """Change the Keras `model` so that (z - shift) / temperature reaches its softmax instead of z.

    `shift` is (classes,). False, and nothing changed, if the layers do not allow it.
    """
    layers = [layer for layer in model.layers if type(layer).__name__ not in LINEAR_LAYERS]
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
