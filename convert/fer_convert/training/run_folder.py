"""The folder of a training run: what it was begun with, how it went, and where it stands."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fer_convert import backend
from fer_convert.data.dataset import Data
from fer_convert.export import load
from fer_convert.training import checkpoint
from fer_convert.training.recipe import Recipe, differences
from fer_edge.errors import ModelError, SettingsError, SinkError

RESULTS = ("state.npz", "best.keras")
HISTORY = ("epoch", "loss", "accuracy", "val_accuracy", "learning_rate", "seconds")


@dataclass
class Progress:
    """Where a run stands; what a checkpoint holds beside the variables."""

    epoch: int = 0  # epochs done
    best: float = -1.0  # best accuracy on the validation split, 0 to 1
    best_epoch: int = 0
    scale: float = 1.0  # of the learning rate, by the plateau schedule
    scaled_at: int = 0  # epoch of the last change of scale
    history: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path, model: Any) -> Progress:
        """The progress that the checkpoint at `path` holds; its variables go into `model`. Raises ModelError."""
        found = checkpoint.restore(path, model)
        wrong = [k for k, v in asdict(cls()).items() if not isinstance(found.get(k), type(v)) and found.get(k) != 0]
        if wrong or len(found) != len(fields(cls)):
            raise ModelError(f"checkpoint {path}: not a run's progress; remove it to begin this run anew")
        return cls(**found)

    def add(self, row: dict[str, float], recipe: Recipe) -> None:
        """Take in an epoch: its line of the history, with its accuracy on the validation split."""
        self.epoch += 1
        self.history.append(row)
        if row["val_accuracy"] > self.best:
            self.best, self.best_epoch = row["val_accuracy"], self.epoch
        waited = self.epoch - max(self.best_epoch, self.scaled_at)
        if recipe.schedule == "plateau" and waited >= recipe.patience:
            self.scale, self.scaled_at = self.scale / 2, self.epoch


def configuration(
    recipe: Recipe, faces: Data, loaded: load.Loaded | None, answers: str | None = None
) -> dict[str, Any]:
    """Everything that decides how a run goes, and with what it ran; `answers` is the sha256 of the teachers' file."""
    keras = backend.keras()
    return {
        "recipe": recipe.as_json(),
        "from": loaded.sha256 if loaded else None,
        "teachers": answers,
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
def folder(out: Path, settings: dict[str, Any]) -> Iterator[None]:
    """`out` as the run folder of `settings`, for this process alone while the block lasts.

    Raises SinkError where it cannot be made or another process trains in it, SettingsError where it holds another run.
    """
    with alone(out / ".lock", f"run folder {out}", "training"):
        _begin(out, settings)
        yield


@contextmanager
def alone(lock: Path, what: str, work: str) -> Iterator[None]:
    """Hold the file `lock` for this process alone while the block lasts; its folder is made.

    `what` is written to by `work`, in words. Raises SinkError where the folder cannot be made or written to, or another
    process holds `lock`; it says which.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("ab+", buffering=0)
    except OSError as cause:
        raise SinkError(f"{what}: cannot be made ({cause.strerror}); choose another --out") from None
    with file:  # closing it unlocks, and so does the end of the process, however it comes
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = " ".join(file.read(100).decode(errors="replace").split()) or "a process without a name"
            raise SinkError(
                f"{what}, which {holder} holds: another {work} writes to it; wait for it, or choose another --out"
            ) from None
        except OSError as cause:
            raise SinkError(f"{what}: cannot be locked ({cause.strerror}); choose another --out") from None
        with suppress(OSError):  # on a full disk the lock holds without a name
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()}\n".encode())
        yield


def _begin(out: Path, settings: dict[str, Any]) -> None:
    """Write config.json, or check that the run in `out` has the same settings. Raises SettingsError, SinkError."""
    path = out / "config.json"
    if path.exists():
        try:
            old = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as cause:
            raise SettingsError(f"{path}: not readable as JSON ({cause}); restore it or choose another --out") from None
        if not isinstance(old, dict):
            raise SettingsError(f"{path}: not a JSON object; restore it or choose another --out")
        # Another version of a library may go on with a run; other settings or data may not.
        # A run from before there was a choice of optimizer was trained by AdamW.
        if isinstance(old.get("recipe"), dict):
            old["recipe"] = {"optimizer": "adamw", **old["recipe"]}
        found = differences({**old, "versions": None}, {**settings, "versions": None})
        if found:
            raise SettingsError(
                f"run {out}: was begun with other settings ({'; '.join(found)}); "
                "use the same to go on, or choose another --out"
            )
        return
    for name in RESULTS:
        if (out / name).exists():  # of which nobody knows by what settings it came about
            raise SettingsError(f"run {out}: holds {name} without config.json; choose another --out")
    checkpoint.write_json(path, settings)


def write_history(out: Path, progress: Progress) -> None:
    """history.csv: a line for each epoch so far."""
    with checkpoint.whole(out / "history.csv") as temporary, temporary.open("w", newline="") as file:
        table = csv.DictWriter(file, HISTORY)
        table.writeheader()
        table.writerows(progress.history)
