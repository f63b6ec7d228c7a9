"""The state of a training run on disk: every epoch whole or not at all.

`state.npz` holds the variables of model and optimizer and a JSON text: a format of numpy alone, so that a run may go on
under another Keras backend than it began with.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from fer_edge.errors import ModelError, first_line

from fer_convert import files

# numpy's own annotation of savez takes no mapping of names to arrays
_savez: Callable[..., None] = np.savez


def save(path: Path, model: Any, progress: dict[str, Any]) -> None:
    """Write every variable of the Keras `model` and its optimizer, and `progress`, to `path`. Raises SinkError."""
    arrays = {f"model{i}": np.asarray(v.numpy()) for i, v in enumerate(model.variables)}
    arrays |= {f"optimizer{i}": np.asarray(v.numpy()) for i, v in enumerate(model.optimizer.variables)}
    with files.atomic(path) as temporary, temporary.open("wb") as file:
        _savez(file, progress=np.array(json.dumps(progress)), **arrays)


def restore(path: Path, model: Any) -> dict[str, Any]:
    """Put the variables at `path` into `model` and its optimizer; returns `progress`. Raises ModelError."""
    try:
        file: BinaryIO
        with path.open("rb") as file, np.load(file) as arrays:
            model.optimizer.build(model.trainable_variables)
            for kind, variables in (("model", model.variables), ("optimizer", model.optimizer.variables)):
                for i, variable in enumerate(variables):
                    _assign(variable, arrays[f"{kind}{i}"])
            progress = json.loads(str(arrays["progress"]))
        if not isinstance(progress, dict):
            raise TypeError(f"its progress is {str(progress)[:40]!r}")
    except Exception as cause:  # noqa: BLE001 - numpy and zipfile raise errors of a dozen kinds
        why = first_line(cause)[:160]
        raise ModelError(f"checkpoint {path}: cannot be read ({why}); remove it to begin this run again") from None
    return progress


def _assign(variable: Any, value: Any) -> None:
    if np.shape(value) != tuple(variable.shape):
        raise ValueError(f"{np.shape(value)} values for {variable.name}, which has {tuple(variable.shape)}")
    variable.assign(value)
