"""The file of soft labels that `fer-convert distill` writes and `fer-convert train --soft-labels` reads.

A .npz with two entries: `soft_labels`, float16 probabilities (views, faces, classes), and `settings`, a JSON text that
says which faces, views, teachers and votes they come from. Until 0.1.0 the first was called `answers`; such files still
load.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.errors import ModelError, SettingsError, first_line
from numpy.typing import NDArray

from fer_convert import files
from fer_convert.data.faces import Dataset
from fer_convert.training.recipe import VIEW_SETTINGS, Recipe, differences

# Probabilities. Of views: (views, faces, classes), the faces of each view in the order of `data.batches`. Of faces:
# (faces, classes), in the order of the data; in the file they have a first axis, too, one entry for each view.
SoftLabels = NDArray[np.float16]


def view_settings(recipe: Recipe, faces: Dataset) -> dict[str, Any]:
    """The settings that decide which faces are seen, and how they look."""
    settings = recipe.as_json()
    chosen = {f"--{name}": settings[name] for name in VIEW_SETTINGS}
    return {"data": faces.sha256, "classes": list(faces.classes)} | chosen


def read(path: Path, recipe: Recipe, faces: Dataset) -> tuple[SoftLabels, str]:
    """The soft labels at `path`, of views or, if made with `per_face`, of faces; and the file's sha256.

    Raises ModelError if it is no such file or not complete, SettingsError if it does not fit `recipe` and `faces`.
    """
    soft, settings = load(path)
    per_face = settings["per face"]
    wanted = view_settings(recipe, faces)
    if per_face:  # a soft label of any view fits whatever views the training makes
        wanted = {key: wanted[key] for key in ("data", "classes")}
    changed = differences({key: settings.get(key) for key in wanted}, wanted)
    if changed:
        raise SettingsError(f"--soft-labels {path}: made from other faces ({'; '.join(changed)}); train with theirs")
    if len(soft) != settings["--views"]:
        done = f"{len(soft)} of {settings['--views']} views are done"
        raise ModelError(f"--soft-labels {path}: {done}; run fer-convert distill to its end")
    if per_face:
        soft = soft.mean(axis=0, dtype=np.float32).astype(np.float16)
    return soft, files.sha256(path)


def load(path: Path) -> tuple[SoftLabels, dict[str, Any]]:
    """The soft labels (views done, faces, classes) at `path`, and their settings. Raises ModelError."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            soft = arrays["soft_labels" if "soft_labels" in arrays else "answers"]
            settings = json.loads(str(arrays["settings"]))
        if soft.ndim != 3 or soft.dtype != np.float16 or not {"teachers", "--views"} <= set(settings):
            raise ValueError(f"it holds {soft.dtype} {soft.shape}")
    except Exception as cause:  # noqa: BLE001 - numpy and zipfile raise errors of a dozen kinds
        raise ModelError(
            f"{path}: not a file of soft labels ({first_line(cause)[:120]}); make one with fer-convert distill"
        ) from None
    # Older files have neither votes nor soft labels of faces.
    return soft, {"votes": None, "per face": False} | settings


def save(path: Path, soft: SoftLabels, settings: dict[str, Any]) -> None:
    """Write the soft labels (views done, faces, classes) and their settings, whole or not at all. Raises SinkError."""
    with files.atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, soft_labels=soft, settings=np.array(json.dumps(settings)))
