"""Train a network on faces.

    fer-convert train --data fer2013.csv --out runs/mini_xception --epochs 60

Reads top to bottom: the loop, the model, one epoch. In the run folder: `config.json` (every setting, the data's hash,
versions), `history.csv` (the curve), `state.npz` (where to go on), `best.keras` and `best.json` (the weights with the
best accuracy on the validation split). Runs on any Keras backend.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from fer_convert import backend, networks
from fer_convert.data import dataset
from fer_convert.data.batches import batches, small_size
from fer_convert.data.dataset import Data, Faces
from fer_convert.export import load
from fer_convert.training import checkpoint, distill, run_folder
from fer_convert.training.engine import engine, predict
from fer_convert.training.recipe import Recipe
from fer_convert.training.run_folder import Progress
from fer_edge.errors import ModelError, SettingsError, first_line

Report = Callable[[str], None]


def train(
    recipe: Recipe,
    source: Path,
    out: Path,
    start: Path | None = None,
    report: Report = print,
    sized: bool = False,
    answers: Path | None = None,
) -> Path:
    """Train by `recipe` on the data at `source`, in the run folder `out`; returns the path of the best model.

    `start` is a model to start from, whose size is kept; with `sized` it must be the recipe's. A run that was stopped
    goes on. `report` gets a line for each epoch. `answers` is a file of `fer_convert.training.distill`, to learn from
    it too. Raises DataError, ModelError, SinkError, and SettingsError where `out` holds a run with other settings.
    """
    keras = backend.keras()
    _refuse_own_start(start, out)
    loaded = load.load(start) if start else None
    size = loaded.size if loaded else (recipe.size, recipe.size)
    if sized and size != (recipe.size, recipe.size):
        raise SettingsError(f"--size {recipe.size}: {start} takes {size[0]} x {size[1]} pixels; leave --size out")
    faces = dataset.read(source, size)
    told, digest = distill.read(answers, recipe, faces) if answers else (None, None)
    if told is not None and told.ndim == 3 and size != (recipe.size, recipe.size):
        raise SettingsError(
            f"--teachers {answers}: {start} takes {size[0]} x {size[1]} pixels, the answers are of --size "
            f"{recipe.size}; make them with --size {size[0]}, and give it here too, or make them with --per-face"
        )
    model = _model(keras, recipe, faces, loaded)
    with run_folder.folder(out, run_folder.configuration(recipe, faces, loaded, digest)):
        _epochs(model, recipe, faces, out, size, report, told)
    return out / "best.keras"


def _refuse_own_start(start: Path | None, out: Path) -> None:
    """Raise SettingsError where the best model of the run would take the place of the one that it starts from."""
    if start and start.resolve().with_suffix("") == out.resolve() / "best":
        raise SettingsError(f"--from {start}: --out {out} would overwrite it; choose another --out")


def _epochs(
    model: Any,
    recipe: Recipe,
    faces: Data,
    out: Path,
    size: tuple[int, int],
    report: Report,
    answers: distill.Answers | None,
) -> None:
    """Every epoch that is still to do, each with its checkpoint."""
    progress = Progress()
    if (out / "state.npz").exists():
        progress = Progress.read(out / "state.npz", model)
        report(f"going on after epoch {progress.epoch}; best accuracy so far {progress.best:.4f}")
    (_, training), (split, validation) = faces.training(), faces.validation()
    report(
        f"{model.name}: {model.count_params():,} parameters, {len(training):,} faces to train on, "
        f"{len(validation):,} to validate on ({split}), {len(faces.classes)} classes"
    )
    while progress.epoch < recipe.epochs and not _stalled(recipe, progress):
        row = _epoch(model, recipe, training, progress, answers)
        with _averaged(model, recipe):
            row["val_accuracy"] = float((predict(model, validation.pixels).argmax(axis=1) == validation.labels).mean())
            better = row["val_accuracy"] > progress.best
            progress.add(row, recipe)
            if better:
                _keep(model, recipe, faces, out, progress, size)
        run_folder.write_history(out, progress)
        checkpoint.save(out / "state.npz", model, asdict(progress))
        report(_line(row, recipe.epochs, better))
    report(f"best accuracy on {split}: {progress.best:.4f}, epoch {progress.best_epoch}; {out / 'best.keras'}")


def _copy(model: Any, size: tuple[int | None, int | None]) -> Any:
    """A model with the same layers and weights for faces of `size`, not compiled."""
    config = model.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "InputLayer":
            layer["config"]["batch_shape"] = (None, *size, 1)
    made = type(model).from_config(config)
    made.set_weights(model.get_weights())
    return made


def _for_any_size(model: Any, recipe: Recipe, size: tuple[int, int]) -> Any:
    """`model`, of `size`, for faces of any. Raises SettingsError where a layer has weights for one size alone."""
    try:
        made = _copy(model, (None, None))
        made(np.zeros((1, *small_size(size), 1), np.float32))  # some layers only say so when they are used
        return made
    except Exception as cause:  # noqa: BLE001 - each layer says otherwise that it needs the size
        why = first_line(cause)[:120]
        raise SettingsError(
            f"--small {recipe.small}: {model.name} takes faces of one size ({why}); leave it out"
        ) from None


def _keep(model: Any, recipe: Recipe, faces: Data, out: Path, progress: Progress, size: tuple[int, int]) -> None:
    """best.keras and best.json: the weights that were just validated."""
    # Of one size, and without the optimizer's state, which is twice as much (Keras's clone_model would copy it).
    made = _copy(model, size)
    with checkpoint.whole(out / "best.keras") as temporary:
        made.save(temporary)
    split, validation = faces.validation()
    checkpoint.write_json(
        out / "best.json",
        {
            "labels": list(faces.classes),
            "input_range": list(load.PIXELS),
            "class_weights": recipe.class_weights,
            "training_data": {"name": faces.name, "sha256": faces.sha256, "faces": len(faces.training()[1])},
            "validation": {
                "split": split,
                "faces": len(validation),
                "accuracy": progress.best,
                "epoch": progress.epoch,
            },
        },
    )


def _line(row: dict[str, float], epochs: int, better: bool) -> str:
    return (
        f"epoch {row['epoch']:.0f}/{epochs}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}  "
        f"validation {row['val_accuracy']:.4f}{' *' if better else '  '}  "
        f"rate {row['learning_rate']:.2e}  {row['seconds']:.0f} s"
    )


# --- the model ---


def _model(keras: Any, recipe: Recipe, faces: Data, loaded: load.Loaded | None) -> Any:
    """The model to train, compiled: a new one, or `loaded` with a last layer that fits the classes."""
    keras.utils.set_random_seed(recipe.seed)
    classes = len(faces.classes)
    if loaded is None:
        free = bool(recipe.small)
        model = networks.build(recipe.network, classes, (None, None) if free else (recipe.size, recipe.size))
    else:
        model = load.scaled(loaded) if loaded.labels == faces.classes else load.with_classes(loaded, classes)
        if recipe.small:
            model = _for_any_size(model, recipe, loaded.size)
    optimizer = _optimizer(keras, recipe, model, len(faces.training()[1]))
    # XLA on a CPU took six times as long as TensorFlow's own kernels; JAX knows nothing but XLA.
    jit = False if keras.backend.backend() == "tensorflow" else "auto"
    model.compile(optimizer, _loss(keras, recipe), weighted_metrics=["accuracy"], jit_compile=jit)
    return model


def _optimizer(keras: Any, recipe: Recipe, model: Any, faces: int) -> Any:
    """What moves the weights of `model`, when training on `faces` faces."""
    settings = {
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "use_ema": recipe.average > 0,
        "ema_momentum": momentum(recipe, faces) if recipe.average else 0.99,
    }
    if recipe.optimizer == "muon":
        last = [layer.name for layer in model.layers if any("kernel" in one.name for one in layer.weights)][-1:]
        kind = importlib.import_module("fer_convert.training.muon").Muon  # late: it needs Keras
        optimizer = kind(**settings, adam_weight_decay=recipe.weight_decay, exclude_layers=last)
    else:
        optimizer = keras.optimizers.AdamW(**settings)
    # Decaying these only fights batch normalization (He et al., Bag of Tricks, arXiv:1812.01187).
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def momentum(recipe: Recipe, faces: int) -> float:
    """Momentum of the running mean of the weights, when training on `faces` faces.

    A mean starts at the first weights, of which momentum ** n is left after n steps. A small data set has few steps, so
    the mean reaches back two epochs at most; FER2013 has 449 steps an epoch and keeps the recipe's 0.998.
    """
    return min(recipe.average, 1 - 1 / (2 * _steps(recipe, faces)))


def _steps(recipe: Recipe, faces: int) -> int:
    return -(-faces // recipe.batch)


def _loss(keras: Any, recipe: Recipe) -> Any:
    if recipe.loss == "focal":
        return keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=recipe.focal_gamma, label_smoothing=recipe.label_smoothing
        )
    return keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)


@contextmanager
def _averaged(model: Any, recipe: Recipe) -> Iterator[None]:
    """Inside, the model has the running mean of its weights, which is steadier than any of them."""
    if not recipe.average:
        yield
        return
    last = model.get_weights()
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # A copy: on JAX model and optimizer would share their arrays, and the first to use them deletes them.
    model.set_weights(model.get_weights())
    yield
    model.set_weights(last)


# --- one epoch ---


def learning_rate(recipe: Recipe, done: float, scale: float) -> float:
    """The learning rate after `done` epochs, a fraction counted; it rises over the first half epoch."""
    rate = recipe.learning_rate * min(1.0, 0.02 + done / 0.5) * scale
    if recipe.schedule == "cosine":
        rate *= 0.5 * (1 + np.cos(np.pi * min(1.0, done / recipe.epochs)))
    return max(float(rate), recipe.learning_rate * 1e-4)


def _epoch(
    model: Any, recipe: Recipe, training: Faces, progress: Progress, answers: distill.Answers | None
) -> dict[str, float]:
    """One pass over the faces; returns its line of the history. Raises ModelError where the loss is lost."""
    began = time.monotonic()
    classes = model.output_shape[-1]
    steps = _steps(recipe, len(training))
    sums, seen, rate = np.zeros(2), 0.0, 0.0
    how = engine(model)
    with closing(batches(training, classes, recipe, progress.epoch, answers)) as ready:
        for step, batch in enumerate(ready):
            rate = learning_rate(recipe, progress.epoch + step / steps, progress.scale)
            model.optimizer.learning_rate = rate
            loss, right = how.train(batch)
            if not np.isfinite(loss):
                where = f"epoch {progress.epoch + 1}, step {step + 1} of {steps}"
                raise ModelError(f"{where}: the loss is {loss}; train anew with a lower --learning-rate")
            sums += np.array([loss, right]) * len(batch[0])
            seen += len(batch[0])
    loss, right = sums / seen
    return {
        "epoch": progress.epoch + 1,
        "loss": round(float(loss), 6),
        "accuracy": round(float(right), 6),
        "learning_rate": rate,
        "seconds": round(time.monotonic() - began, 1),
    }


def _stalled(recipe: Recipe, progress: Progress) -> bool:
    return 0 < recipe.early_stopping <= progress.epoch - progress.best_epoch
