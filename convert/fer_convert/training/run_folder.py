"""The folder of a training run: its configuration, its history, and how far it is."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fer_edge.errors import ModelError, SettingsError

from fer_convert import backend, file_lock, files
from fer_convert.export.load import LoadedModel
from fer_convert.training import checkpoint
from fer_convert.training.recipe import Recipe, differences
from fer_convert.training.training_data import TrainingData

RESULT_FILES = ("state.npz", "best.keras")
HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_accuracy", "learning_rate", "seconds")


@dataclass
class Progress:
    """How far a run is; what a checkpoint holds beside the variables."""

    epoch: int = 0  # epochs done
    best: float = -1.0  # best accuracy on the validation split, 0 to 1
    best_epoch: int = 0
    scale: float = 1.0  # of the learning rate, by the plateau schedule
    scaled_at: int = 0  # epoch of the last change of scale
    history: list[dict[str, float]] = field(default_factory=list)  # one row an epoch, HISTORY_COLUMNS

    @classmethod
    def read(cls, path: Path, model: Any) -> Progress:
        """The progress in the checkpoint at `path`, whose variables are put into `model`. Raises ModelError."""
        found = checkpoint.restore(path, model)
        wrong = [k for k, v in asdict(cls()).items() if not isinstance(found.get(k), type(v)) and found.get(k) != 0]
        if wrong or len(found) != len(fields(cls)):
            raise ModelError(f"checkpoint {path}: not a run's progress; remove it to begin this run again")
        return cls(**found)

    def add(self, row: dict[str, float], recipe: Recipe) -> None:
        """Count an epoch: `row` is its line of the history, with its accuracy on the validation split."""
        self.epoch += 1
        self.history.append(row)
        if row["val_accuracy"] > self.best:
            self.best, self.best_epoch = row["val_accuracy"], self.epoch
        epochs_waited = self.epoch - max(self.best_epoch, self.scaled_at)
        if recipe.schedule == "plateau" and epochs_waited >= recipe.patience:
            self.scale, self.scaled_at = self.scale / 2, self.epoch


def configuration(recipe: Recipe, material: TrainingData, loaded: LoadedModel | None) -> dict[str, Any]:
    """Everything that decides how a run goes, and the versions it ran with; of files their sha256."""
    keras, faces = backend.keras(), material.data
    return {
        "recipe": recipe.as_json(),
        "from": loaded.sha256 if loaded else None,
        "soft_labels": material.soft_labels_sha256,
        "votes": material.vote_file["sha256"] if material.vote_file else None,
        "data": {"name": faces.name, "sha256": faces.sha256, "classes": list(faces.classes)},
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }


@contextmanager
def run_folder(out: Path, settings: dict[str, Any]) -> Iterator[None]:
    """`out` as the folder of the run with `settings`, for this process alone while the block lasts.

    Raises SinkError if it cannot be created or another process trains in it, SettingsError if it holds another run.
    """
    with file_lock.exclusive(out / ".lock", f"run folder {out}", "training"):
        _begin(out, settings)
        yield


def _begin(out: Path, settings: dict[str, Any]) -> None:
    """Write config.json, or check that the run in `out` has the same settings. Raises SettingsError, SinkError."""
    path = out / "config.json"
    if path.exists():
        # Another version of a library may go on with a run; other settings or data may not.
        changed = differences({**_read_configuration(path), "versions": None}, {**settings, "versions": None})
        if changed:
            raise SettingsError(
                f"run {out}: was begun with other settings ({'; '.join(changed)}); "
                "use the same to go on, or choose another --out"
            )
        return
    for name in RESULT_FILES:
        if (out / name).exists():  # its settings are not known
            raise SettingsError(f"run {out}: holds {name} without config.json; choose another --out")
    files.write_json(path, settings)


def _read_configuration(path: Path) -> dict[str, Any]:
    """The config.json at `path`, with the names of today. Raises SettingsError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise SettingsError(f"{path}: not readable as JSON ({cause}); restore it or choose another --out") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: not a JSON object; restore it or choose another --out")
    if "teachers" in content:  # its name until 0.1.0
        content.setdefault("soft_labels", content.pop("teachers"))
    recipe = content.get("recipe")
    if isinstance(recipe, dict):
        if "label_share" in recipe:  # its name until 0.1.0
            recipe.setdefault("hard_label_weight", recipe.pop("label_share"))
        recipe.setdefault("optimizer", "adamw")  # the only one before there was a choice
    return content


def write_history(out: Path, progress: Progress) -> None:
    """Write history.csv: one line for each epoch so far. Raises SinkError."""
    with files.atomic(out / "history.csv") as temporary, temporary.open("w", newline="") as file:
        table = csv.DictWriter(file, HISTORY_COLUMNS)
        table.writeheader()
        table.writerows(progress.history)
