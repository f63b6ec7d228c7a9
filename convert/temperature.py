"""Confidence that can be taken at its word: one number, the temperature, that the device does not pay for.

softmax(z / T) has the answers of softmax(z), and for a fitting T its probabilities are shares of right answers (Guo,
Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", arXiv:1706.04599, section 4.2). Between the last
layer with weights and the softmax a classifier only takes means, so its weights divided by T are the division of z.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

LIMITS = (0.25, 4.0)  # beyond them the probabilities are no confidences at all, and more is wrong than the scale
LINEAR = ("GlobalAveragePooling2D", "AveragePooling2D", "Flatten", "Reshape", "Dropout", "Identity")


def fit(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The temperature with which `probabilities` (n, classes) make `labels` (n,) the likeliest; 1 changes nothing."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    rows = np.arange(len(labels))

    def surprise(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float((np.logaddexp.reduce(scaled, axis=1) - scaled[rows, labels]).mean())

    return float(np.exp(minimize_scalar(surprise, bounds=np.log(LIMITS), method="bounded").x))


def fold(model: Any, temperature: float) -> bool:
    """Divide what reaches the softmax of the Keras `model` by `temperature`; False, and nothing changed, where the
    layers do not allow it.
    """
    layers = [layer for layer in model.layers if type(layer).__name__ not in LINEAR]
    softmax = [layer for layer in layers if getattr(getattr(layer, "activation", None), "__name__", "") == "softmax"]
    if softmax != layers[-1:]:
        return False
    last = layers[-1] if layers[-1].weights else layers[-2]
    activation = "softmax" if last is layers[-1] else "linear"
    if type(last).__name__ not in ("Conv2D", "Dense") or last.activation.__name__ != activation:
        return False
    for variable in (last.kernel, last.bias):
        if variable is not None:
            variable.assign(np.asarray(variable.numpy()) / temperature)
    return True
