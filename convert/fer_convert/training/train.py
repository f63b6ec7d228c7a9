"""Train a network on faces.

    fer-convert train --data fer2013.csv --out runs/mini_xception --epochs 60

Reads top to bottom: the run, its epochs, one epoch. The run folder holds `config.json` (every setting, the data's
sha256, versions), `history.csv` (one line an epoch), `state.npz` (the checkpoint to go on from), `best.keras` and
`best.json` (the weights with the best accuracy on the validation split). Runs on any Keras backend. With votes of
people the accuracy is the agreement with their majority.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.errors import ModelError, SettingsError

from fer_convert import files
from fer_convert.data.batches import batches
from fer_convert.export import load
from fer_convert.messages import Log
from fer_convert.training import checkpoint, training_data
from fer_convert.training.engine import make_engine, predict
from fer_convert.training.model import averaged_weights, copy_with_size, prepare, steps_per_epoch
from fer_convert.training.recipe import Recipe
from fer_convert.training.run_folder import Progress, configuration, run_folder, write_history
from fer_convert.training.training_data import TrainingData


def train(
    recipe: Recipe,
    source: Path,
    out: Path,
    start: Path | None = None,
    log: Log = print,
    size_given: bool = False,
    soft_label_file: Path | None = None,
    vote_file: Path | None = None,
) -> Path:
    """Train by `recipe` on the data at `source`, in the run folder `out`; returns the path of the best model.

    `start` is a model to start from, whose size is kept; with `size_given` it must be the recipe's. `soft_label_file`,
    by `fer-convert distill`, is mixed into the targets; `vote_file` (fer_convert.data.votes) takes the place of the
    labels. A run that was stopped goes on. `log` gets a line for each epoch. Raises DataError, ModelError, SinkError,
    and SettingsError if `out` holds a run with other settings.
    """
    _refuse_own_start(start, out)
    loaded = load.load(start) if start else None
    size = loaded.size if loaded else (recipe.size, recipe.size)
    if size_given and size != (recipe.size, recipe.size):
        raise SettingsError(f"--size {recipe.size}: {start} takes {size[0]} x {size[1]} pixels; leave --size out")
    material = training_data.read(recipe, source, size, soft_label_file, vote_file)
    soft = material.soft_labels
    if soft is not None and soft.ndim == 3 and size != (recipe.size, recipe.size):
        raise SettingsError(
            f"--soft-labels {soft_label_file}: {start} takes {size[0]} x {size[1]} pixels, the soft labels are of "
            f"--size {recipe.size}; make them with --size {size[0]}, and give it here too, or make them with --per-face"
        )
    model = prepare(recipe, material.data, loaded)
    with run_folder(out, configuration(recipe, material, loaded)):
        _run_epochs(model, recipe, material, out, size, log)
    return out / "best.keras"


def _refuse_own_start(start: Path | None, out: Path) -> None:
    """Raise SettingsError if the run's best model would overwrite the one that it starts from."""
    if start and start.resolve().with_suffix("") == out.resolve() / "best":
        raise SettingsError(f"--from {start}: --out {out} would overwrite it; choose another --out")


def _run_epochs(model: Any, recipe: Recipe, material: TrainingData, out: Path, size: tuple[int, int], log: Log) -> None:
    """Every epoch that is still to do, each with its checkpoint."""
    progress = Progress()
    if (out / "state.npz").exists():
        progress = Progress.read(out / "state.npz", model)
        log(f"going on after epoch {progress.epoch}; best accuracy so far {progress.best:.4f}")
    faces = material.data
    (_, training), (split, validation) = faces.training(), faces.validation()
    if material.vote_summary:
        log(material.vote_summary)
    log(
        f"{model.name}: {model.count_params():,} parameters, {len(training):,} faces to train on, "
        f"{len(validation):,} to validate on ({split}), {len(faces.classes)} classes"
    )
    while progress.epoch < recipe.epochs and not _stalled(recipe, progress):
        row = _run_epoch(model, recipe, material, progress)
        with averaged_weights(model, recipe):
            row["val_accuracy"] = float((predict(model, validation.pixels).argmax(axis=1) == validation.labels).mean())
            better = row["val_accuracy"] > progress.best
            progress.add(row, recipe)
            if better:
                _save_best(model, recipe, material, out, progress, size)
        write_history(out, progress)
        checkpoint.save(out / "state.npz", model, asdict(progress))
        log(_epoch_line(row, recipe.epochs, better))
    log(f"best accuracy on {split}: {progress.best:.4f}, epoch {progress.best_epoch}; {out / 'best.keras'}")


def _stalled(recipe: Recipe, progress: Progress) -> bool:
    return 0 < recipe.early_stopping <= progress.epoch - progress.best_epoch


def _save_best(
    model: Any, recipe: Recipe, material: TrainingData, out: Path, progress: Progress, size: tuple[int, int]
) -> None:
    """Write best.keras and best.json: the weights that were just validated."""
    # Of one size, and without the optimizer's state, which is twice as much (Keras's clone_model would copy it).
    best = copy_with_size(model, size)
    with files.atomic(out / "best.keras") as temporary:
        best.save(temporary)
    faces = material.data
    split, validation = faces.validation()
    content: dict[str, Any] = {
        "labels": list(faces.classes),
        "input_range": list(load.PIXEL_RANGE),
        "class_weights": recipe.class_weights,
        "learned_from": "votes" if material.vote_file else "labels",
        "training_data": {"name": faces.name, "sha256": faces.sha256, "faces": len(faces.training()[1])},
        "validation": {
            "split": split,
            "faces": len(validation),
            "accuracy": progress.best,
            "epoch": progress.epoch,
        },
    }
    if material.vote_file:
        content["votes"] = material.vote_file
    files.write_json(out / "best.json", content)


def _epoch_line(row: dict[str, float], epochs: int, better: bool) -> str:
    return (
        f"epoch {row['epoch']:.0f}/{epochs}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}  "
        f"validation {row['val_accuracy']:.4f}{' *' if better else '  '}  "
        f"rate {row['learning_rate']:.2e}  {row['seconds']:.0f} s"
    )


def learning_rate(recipe: Recipe, epochs_done: float, scale: float) -> float:
    """The learning rate after `epochs_done` epochs, which may be a fraction; it rises over the first half epoch.

    `scale` is that of the plateau schedule. Never less than 1/10,000 of the recipe's.
    """
    rate = recipe.learning_rate * min(1.0, 0.02 + epochs_done / 0.5) * scale
    if recipe.schedule == "cosine":
        rate *= 0.5 * (1 + np.cos(np.pi * min(1.0, epochs_done / recipe.epochs)))
    return max(float(rate), recipe.learning_rate * 1e-4)


def _run_epoch(model: Any, recipe: Recipe, material: TrainingData, progress: Progress) -> dict[str, float]:
    """One pass over the faces; returns its line of the history. Raises ModelError if the loss is no finite number."""
    began = time.monotonic()
    classes = model.output_shape[-1]
    _, training = material.data.training()
    steps = steps_per_epoch(recipe, len(training))
    sums, seen, rate = np.zeros(2), 0.0, 0.0
    engine = make_engine(model)
    with closing(
        batches(training, classes, recipe, progress.epoch, material.soft_labels, material.targets)
    ) as prepared:
        for step, batch in enumerate(prepared):
            rate = learning_rate(recipe, progress.epoch + step / steps, progress.scale)
            model.optimizer.learning_rate = rate
            loss, accuracy = engine.train(batch)
            if not np.isfinite(loss):
                place = f"epoch {progress.epoch + 1}, step {step + 1} of {steps}"
                raise ModelError(f"{place}: the loss is {loss}; train again with a lower --learning-rate")
            sums += np.array([loss, accuracy]) * len(batch[0])
            seen += len(batch[0])
    loss, accuracy = sums / seen
    return {
        "epoch": progress.epoch + 1,
        "loss": round(float(loss), 6),
        "accuracy": round(float(accuracy), 6),
        "learning_rate": rate,
        "seconds": round(time.monotonic() - began, 1),
    }
