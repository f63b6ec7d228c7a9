"""One training step, and prediction, on the backend that Keras is set to.

On TensorFlow and JAX these are Keras's own. On torch they are those of `fer_convert.training.torch_graph`, which
compute the same faster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fer_convert import backend
from fer_convert.data.batches import Batch
from fer_convert.data.faces import network_input
from fer_convert.training import torch_graph


class Engine(Protocol):
    """What trains a compiled model, or predicts with any model."""

    def train(self, batch: Batch) -> tuple[float, float]:
        """One step; returns the batch's mean loss and its accuracy, 0 to 1."""
        ...

    def predict(self, faces: NDArray[np.float32], exact: bool = True) -> NDArray[np.float32]:
        """Probabilities (n, classes) of faces (n, height, width, 1); not `exact`: to two digits, if that is faster."""
        ...


def make_engine(model: Any) -> Engine:
    """The fastest engine there is for the Keras `model`."""
    if backend.keras().backend.backend() == "torch" and torch_graph.fits(model):
        return TorchEngine(model)
    return KerasEngine(model)


def predict(model: Any, pixels: NDArray[np.uint8], batch: int = 256) -> NDArray[np.float32]:
    """Probabilities (n, classes) of a Keras `model` that takes pixels, for faces (n, height, width) of its size."""
    engine = make_engine(model)
    return np.concatenate(
        [engine.predict(network_input(pixels[first : first + batch])) for first in range(0, len(pixels), batch)]
    )


class KerasEngine:
    """Keras's own step, on any backend."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def train(self, batch: Batch) -> tuple[float, float]:
        faces, labels, weights = batch
        self._model.reset_metrics()  # Keras before 3.15 continues the means of all batches
        result = self._model.train_on_batch(faces, labels, sample_weight=weights, return_dict=True)
        return float(result["loss"]), float(result["accuracy"])

    def predict(self, faces: NDArray[np.float32], exact: bool = True) -> NDArray[np.float32]:  # noqa: ARG002
        return np.asarray(self._model.predict_on_batch(faces))


class TorchEngine:
    """The same step by torch's own kernels, in bfloat16 if the processor has it; exact predictions are in float32."""

    def __init__(self, model: Any) -> None:
        self._torch, self._model = backend.torch(), model
        self._forward = torch_graph.forward(model)
        self._device = model.variables[0].value.device
        self._bfloat16 = _has_fast_bfloat16(self._torch, self._device.type)

    def train(self, batch: Batch) -> tuple[float, float]:
        torch, model = self._torch, self._model
        faces, labels, weights = (torch.from_numpy(part).to(self._device) for part in batch)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bfloat16):
            probabilities = self._forward(faces, True)
        model.zero_grad()
        loss = model.compute_loss(x=faces, y=labels, y_pred=probabilities, sample_weight=weights)
        loss.backward()
        variables = model.trainable_variables
        with torch.no_grad():
            model.optimizer.apply([variable.value.grad for variable in variables], variables)
        correct = (probabilities.argmax(dim=1) == labels.argmax(dim=1)).float()
        return loss.item(), ((correct * weights).sum() / weights.sum()).item()

    def predict(self, faces: NDArray[np.float32], exact: bool = True) -> NDArray[np.float32]:
        rough = self._bfloat16 and not exact
        with self._torch.no_grad(), self._torch.autocast(self._device.type, self._torch.bfloat16, enabled=rough):
            tensor = self._forward(self._torch.from_numpy(faces).to(self._device), False)
        probabilities: NDArray[np.float32] = tensor.cpu().numpy()
        return probabilities


def _has_fast_bfloat16(torch: Any, device: str) -> bool:
    """Whether bfloat16 is faster than float32 on `device` ("cuda" or "cpu"), and not emulated by it."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device == "cpu" and bool(_capabilities(torch).get("avx512_bf16", False))


def _capabilities(torch: Any) -> dict[str, Any]:
    """The processor's features; none if torch is too old to list them, which then trains in float32."""
    get_capabilities: Callable[[], dict[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)
    return get_capabilities()
