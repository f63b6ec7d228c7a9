"""The graph of a Functional model: producers and consumers of a tensor, and the number of multiplications."""

from __future__ import annotations

import math
from typing import Any


def consumers(model: Any, tensor: Any) -> list[Any]:
    """The layers of `model` whose input is `tensor`, or includes it."""
    if isinstance(tensor, list | tuple):
        tensor = tensor[0]
    found = []
    for layer in model.layers:
        # An input layer has an input, too, its own output; an unused layer has none.
        entry = getattr(layer, "input", None)
        entries = entry if isinstance(entry, list | tuple) else [entry]
        if any(one is tensor for one in entries) and getattr(layer, "output", None) is not tensor:
            found.append(layer)
    return found


def producer(model: Any, tensor: Any) -> Any:
    """The layer of `model` whose output is `tensor`; None if there is none, or if `tensor` is several tensors."""
    return next((layer for layer in model.layers if getattr(layer, "output", None) is tensor), None)


def single(layers: list[Any]) -> Any:
    """The only layer of a list; None if there are more or fewer."""
    return layers[0] if len(layers) == 1 else None


def multiply_adds(model: Any) -> int:
    """Multiplications with a weight for one face, in the convolutions and dense layers of a `model` of one size."""
    total = 0
    for layer in model.layers:
        places = math.prod(layer.output.shape[1:-1])  # positions of a kernel; 1 of a dense layer
        # Every weight of a kernel is used once at each position.
        total += places * sum(math.prod(weight.shape) for weight in layer.weights if "kernel" in weight.name)
    return total
