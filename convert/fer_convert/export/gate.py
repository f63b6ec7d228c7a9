"""What an int8 model must hold to before it is written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from fer_edge.errors import GateError
from numpy.typing import NDArray

AGREEMENT = 0.97  # share of the validation faces on which int8 and float32 must agree
DIFFERENCE = 0.005  # largest difference of their accuracies
ENOUGH = 1000  # faces to hold to that; on fewer, two standard deviations of chance are allowed for


def check_input(entry: dict[str, Any]) -> None:
    """Refuse an int8 model whose quantized input is not the pixel itself. Raises GateError."""
    scale, zero = entry["quantization"]
    if np.dtype(entry["dtype"]) != np.uint8 or (float(scale), int(zero)) != (1.0, 0):
        raise GateError(
            f"int8 model: its input is {np.dtype(entry['dtype']).name} with scale {scale}, zero point {zero}; it must "
            "be uint8 with 1 and 0, so that a pixel is its own quantized value: check --input-range"
        )


def check_agreement(reference: NDArray[np.int64], quantized: NDArray[np.int64], labels: NDArray[np.int64]) -> None:
    """Refuse an int8 model that reads faces (n,) otherwise than float32 does. Raises GateError saying by how much."""
    # Counts, so that a model exactly at a limit is within it: 0.635 - 0.630 is more than 0.005 in floating point.
    faces = len(labels)
    agreeing = int((reference == quantized).sum())
    right, was_right = quantized == labels, reference == labels
    more = int(right.sum()) - int(was_right.sum())
    fewest, most = AGREEMENT * faces, DIFFERENCE * faces
    if faces < ENOUGH:
        # Poisson's deviation of how many are read otherwise, and McNemar's (1947) of what that changes
        fewest -= 2 * math.sqrt(max(faces - fewest, 0.0))
        most += 2 * math.sqrt(int((right != was_right).sum()))
    failures = []
    if agreeing < fewest:
        failures.append(f"they agree on {agreeing / faces:.2%} of {faces} faces, {fewest / faces:.0%} is needed")
    if abs(more) > most:
        failures.append(
            f"their accuracies differ by {100 * more / faces:+.2f} points, {100 * most / faces:.1f} is allowed"
        )
    if failures:
        raise GateError(
            f"int8 model refused: {' and '.join(failures)}; check that --data and --input-range are those of the "
            "training. Nothing was written"
        )
