"""Folded into the last layer, so that they cost the device nothing: a flatter class prior, and a temperature.

**Prior.** Part of the classes' frequencies is subtracted from the logits: see `fer_convert.export.class_prior`.

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

# Standard deviation of the log temperature before any face is seen: a few faces are no evidence for more, thousands are
LOG_TEMPERATURE_SIGMA = 0.5
TEMPERATURE_RANGE = (0.25, 4.0)  # beyond it more is wrong with the probabilities than their scale
LINEAR_LAYERS = ("GlobalAveragePooling2D", "AveragePooling2D", "Flatten", "Reshape", "Dropout", "Identity")


def fit_temperature(probabilities: NDArray[np.float32], targets: NDArray[np.float64]) -> float:
    """The most likely temperature of `probabilities` (n, classes) given `targets`; 1 changes nothing.

    `targets` are probabilities (n, classes): the shares of people's votes, or 1 for the label. A confidence becomes the
    share of people who say so, or that of faces whose label it is.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    right = (targets * logits).sum()

    def negative_log_likelihood(log_temperature: float) -> float:
        temperature = np.exp(log_temperature)
        of_faces = np.logaddexp.reduce(logits / temperature, axis=1).sum() - right / temperature
        return float(of_faces + 0.5 * (log_temperature / LOG_TEMPERATURE_SIGMA) ** 2)

    bounds = np.log(TEMPERATURE_RANGE)
    return float(np.exp(minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded").x))


def fold(model: Any, temperature: float, shift: NDArray[np.float64]) -> bool:
    """Change the Keras `model` so that (z - shift) / temperature reaches its softmax instead of z.

    `shift` is (classes,). False, and nothing changed, if the layers do not allow it.
    """
    layers = [layer for layer in model.layers if not _is_linear(layer)]
    softmax = [layer for layer in layers if _is_softmax(layer)]
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


def _is_linear(layer: Any) -> bool:
    name = type(layer).__name__
    return name in LINEAR_LAYERS or (name == "Activation" and layer.activation.__name__ == "linear")


def _is_softmax(layer: Any) -> bool:
    activation = getattr(getattr(layer, "activation", None), "__name__", "")
    return activation == "softmax" or (type(layer).__name__ == "Softmax" and layer.axis == -1)
