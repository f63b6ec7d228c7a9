"""The parity gate: what an int8 model must fulfil before it is written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from fer_edge.errors import GateError
from numpy.typing import NDArray

MIN_AGREEMENT = 0.97  # share of the validation faces on which int8 and float32 must agree
MAX_ACCURACY_DIFFERENCE = 0.005
MIN_FACES_WITHOUT_CHANCE = 1000  # on fewer faces, two standard deviations of chance are allowed for


def check_input(entry: dict[str, Any]) -> None:
    """Raise GateError if an int8 model's quantized input is not the pixel itself; `entry` is its tensor's details."""
    scale, zero_point = entry["quantization"]
    if np.dtype(entry["dtype"]) != np.uint8 or (float(scale), int(zero_point)) != (1.0, 0):
        raise GateError(
            f"int8 model: its input is {np.dtype(entry['dtype']).name} with scale {scale}, zero point {zero_point}; it "
            "must be uint8 with 1 and 0, so that a pixel is its own quantized value: check --input-range"
        )


def check_agreement(reference: NDArray[np.int64], quantized: NDArray[np.int64], labels: NDArray[np.int64]) -> None:
    """Raise GateError if int8 predicts too often another class than float32, saying by how much.

    `reference` are the classes (n,) that float32 predicts, `quantized` those that int8 predicts, `labels` the right
    ones.
    """
    # Counts, so that a model exactly at a limit is within it: 0.635 - 0.630 is more than 0.005 in floating point.
    faces = len(labels)
    agreeing = int((reference == quantized).sum())
    correct, reference_correct = quantized == labels, reference == labels
    gained = int(correct.sum()) - int(reference_correct.sum())
    min_agreeing, max_gained = MIN_AGREEMENT * faces, MAX_ACCURACY_DIFFERENCE * faces
    if faces < MIN_FACES_WITHOUT_CHANCE:
        # Poisson's deviation of the number of disagreements, and McNemar's (1947) of the difference they make
        min_agreeing -= 2 * math.sqrt(max(faces - min_agreeing, 0.0))
        max_gained += 2 * math.sqrt(int((correct != reference_correct).sum()))
    failures = []
    if agreeing < min_agreeing:
        failures.append(f"they agree on {agreeing / faces:.2%} of {faces} faces, {min_agreeing / faces:.0%} is needed")
    if abs(gained) > max_gained:
        failures.append(
            f"their accuracies differ by {100 * gained / faces:+.2f} points, {100 * max_gained / faces:.1f} is allowed"
        )
    if failures:
        raise GateError(
            f"int8 model refused: {' and '.join(failures)}; check that --data and --input-range are those of the "
            "training. Nothing was written"
        )
