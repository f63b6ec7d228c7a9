"""A .tflite file that others made, with a list of labels beside it: the card that it would have.

Teachable Machine and TFLite Model Maker export a model and a `labels.txt`, a line a label. The rest is in the model:
its size, its type, and for integers the scale of the input.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fer_edge.classifiers.runtimes import load_interpreter
from fer_edge.errors import ModelError

FLOAT_RANGE = (-1.0, 1.0)  # of pixels, in Teachable Machine's float models
COLOURS = 3
MAX_LABELS_BYTES = 100_000
_NUMBERED = re.compile(r"(\d+)[ \t:,]+(.*)")  # "0 happy"


def labels_file(model: Path) -> Path | None:
    """The list of labels beside `model`: labels.txt, or one named as the model; None without one."""
    candidates = (model.with_suffix(".txt"), model.with_name(f"{model.stem}_labels.txt"), model.with_name("labels.txt"))
    return next((path for path in candidates if os.path.isfile(path)), None)  # noqa: PTH113 - is_file may raise


def read_labels(path: Path) -> tuple[str, ...]:
    """The labels in the file at `path`, a line each; numbers before them, if all have theirs, are no part of them.

    Raises ModelError.
    """
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_LABELS_BYTES).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as cause:
        raise ModelError(f"labels {path}: cannot be read as UTF-8 text ({cause}); write a label in each line") from None
    labels = [line.strip() for line in lines if line.strip()]
    numbered = [_NUMBERED.fullmatch(label) for label in labels]
    if all(found and int(found[1]) == number for number, found in enumerate(numbered)):
        labels = [found[2].strip() for found in numbered if found]
    if len(labels) < 2 or not all(labels) or len(set(labels)) < len(labels):
        raise ModelError(f"labels {path}: {len(labels)} labels; write two or more, all different, one in each line")
    return tuple(labels)


def describe(path: Path, labels: Sequence[str], pixel_range: tuple[float, float] | None = None) -> dict[str, Any]:
    """What the card of the .tflite file at `path` would say; `labels` are in the order of its outputs.

    `pixel_range` is what its input takes for the pixels 0 and 255; None: for integers the pixels themselves, for floats
    FLOAT_RANGE. Raises ModelError.
    """
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise ModelError(f"model {path}: {cause.strerror}; check the path and its rights") from None
    _, interpreter = load_interpreter(path, content)
    entries, results = interpreter.get_input_details(), interpreter.get_output_details()
    shape = [int(side) for side in entries[0]["shape"]] if len(entries) == 1 else []
    dtype = np.dtype(entries[0]["dtype"]).name
    if len(shape) == 4 and shape[1] in (1, COLOURS) and shape[3] not in (1, COLOURS):
        raise ModelError(f"model {path}: takes {tuple(shape)}, channels first; export it with channels last")
    if len(shape) != 4 or shape[0] != 1 or shape[3] not in (1, COLOURS) or dtype not in ("uint8", "int8", "float32"):
        raise ModelError(f"model {path}: takes {dtype} {tuple(shape)}; a face is (1, height, width, 1 or 3)")
    given = [tuple(int(side) for side in result["shape"]) for result in results]
    if given != [(1, len(labels))]:
        raise ModelError(f"model {path}: gives {given}, for {len(labels)} labels; check that they are of this model")
    if pixel_range is None:
        pixel_range = _integer_range(entries[0]) if dtype != "float32" else FLOAT_RANGE
    variant = "float32" if dtype == "float32" else "int8"
    return {
        "card": 1,
        "name": path.stem,
        "model": path.stem,
        "variant": variant,
        "file": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "labels": list(labels),
        "input": {
            "height": shape[1],
            "width": shape[2],
            "channels": shape[3],
            "dtype": dtype,
            "range": list(pixel_range),
        },
    }


def _integer_range(entry: dict[str, Any]) -> tuple[float, float]:
    """The real values that the tensor's first and last integer stand for: those of the pixels 0 and 255."""
    scale, zero = entry["quantization"]
    limits = np.iinfo(np.dtype(entry["dtype"]))
    return float((limits.min - zero) * (scale or 1)), float((limits.max - zero) * (scale or 1))
