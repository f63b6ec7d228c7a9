"""Train a network on faces.

    fer-convert train --data fer2013.csv --out runs/mini_xception --epochs 60

Reads top to bottom: the run folder, the model, one epoch, the loop. In the run folder: `config.json` (every setting,
the data's hash, versions), `history.csv` (the curve), `state.npz` (where to go on), `best.keras` and `best.json` (the
weights with the best accuracy on the validation split). Runs on any Keras backend.
"""

from __future__ import annotations

import csv
import json
import platform
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from convert import backend, checkpoint, data, load, networks
from convert.augment import augment
from convert.data import Data, Faces
from convert.recipe import Recipe, differences
from edge.errors import DataError, ModelError, SettingsError

SMALL = 0.75  # of the side, in the first `Recipe.small` epochs
HISTORY = ("epoch", "loss", "accuracy", "val_accuracy", "learning_rate", "seconds")
Report = Callable[[str], None]


@dataclass
class Progress:
    """Where a run stands; what a checkpoint holds beside the variables."""

    epoch: int = 0  # epochs done
    best: float = -1.0  # best accuracy on the validation split, 0 to 1
    best_epoch: int = 0
    scale: float = 1.0  # of the learning rate, by the plateau schedule
    scaled_at: int = 0  # epoch of the last change of scale
    history: list[dict[str, float]] = field(default_factory=list)


def train(recipe: Recipe, source: Path, out: Path, start: Path | None = None, report: Report = print) -> Path:
    """Train by `recipe` on the data at `source`, in the run folder `out`; returns the path of the best model.

    `start` is a model to start from. A run that was stopped goes on. `report` gets a line for each epoch.
    Raises DataError, ModelError, and SettingsError where `out` holds a run with other settings.
    """
    keras = backend.keras()
    loaded = load.load(start) if start else None
    size = loaded.size if loaded else (recipe.size, recipe.size)
    faces = data.read(source, size, recipe.seed)
    _open_run(out, _configuration(recipe, faces, loaded))
    model = _model(keras, recipe, faces, loaded)
    progress = Progress()
    if (out / "state.npz").exists():
        progress = Progress(**checkpoint.restore(out / "state.npz", model))
        report(f"going on after epoch {progress.epoch}; best accuracy so far {progress.best:.4f}")
    (_, training), (split, validation) = faces.training(), faces.validation()
    report(
        f"{model.name}: {model.count_params():,} parameters, {len(training):,} faces to train on, "
        f"{len(validation):,} to validate on ({split}), {len(faces.classes)} classes"
    )
    while progress.epoch < recipe.epochs and not _stalled(recipe, progress):
        _epoch(model, recipe, training, validation, progress)
        row = progress.history[-1]
        better = row["val_accuracy"] > progress.best
        if better:
            progress.best, progress.best_epoch = row["val_accuracy"], progress.epoch
            _keep(model, recipe, faces, out, progress, size)
        _write_history(out, progress)
        checkpoint.save(out / "state.npz", model, asdict(progress))
        report(_line(row, recipe.epochs, better))
    report(f"best accuracy on {split}: {progress.best:.4f}, epoch {progress.best_epoch}; {out / 'best.keras'}")
    return out / "best.keras"


# --- the run folder ---


def _configuration(recipe: Recipe, faces: Data, loaded: load.Loaded | None) -> dict[str, Any]:
    keras = backend.keras()
    return {
        "recipe": recipe.as_json(),
        "from": loaded.sha256 if loaded else None,
        "data": {"name": faces.name, "sha256": faces.sha256, "classes": list(faces.classes)},
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            "backend": keras.backend.backend(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }


def _open_run(out: Path, configuration: dict[str, Any]) -> None:
    """Make `out` a run folder, or check that the run in it has the same configuration."""
    path = out / "config.json"
    if path.exists():
        try:
            old = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as cause:
            raise SettingsError(f"{path}: not readable as JSON ({cause}); remove it or choose another --out") from None
        # Another version of a library may go on with a run; other settings or data may not.
        found = differences({**old, "versions": None}, {**configuration, "versions": None})
        if found:
            raise SettingsError(
                f"run {out}: was begun with other settings ({'; '.join(found)}); "
                "use the same to go on, or choose another --out"
            )
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise DataError(f"run folder {out}: cannot be made ({cause.strerror}); choose another --out") from None
    checkpoint.write_json(path, configuration)


def _keep(model: Any, recipe: Recipe, faces: Data, out: Path, progress: Progress, size: tuple[int, int]) -> None:
    """best.keras and best.json: the weights that were just validated."""
    raw = _average(model, recipe)
    kept = model
    if None in model.input_shape[1:]:
        kept = networks.build(recipe.network, len(faces.classes), size)
        kept.set_weights(model.get_weights())
    with checkpoint.whole(out / "best.keras") as temporary:
        kept.save(temporary, include_optimizer=False)
    _restore(model, raw)
    split, validation = faces.validation()
    checkpoint.write_json(
        out / "best.json",
        {
            "labels": list(faces.classes),
            "input_range": list(load.PIXELS),
            "training_data": {"name": faces.name, "sha256": faces.sha256, "faces": len(faces.training()[1])},
            "validation": {
                "split": split,
                "faces": len(validation),
                "accuracy": progress.best,
                "epoch": progress.epoch,
            },
        },
    )


def _write_history(out: Path, progress: Progress) -> None:
    with checkpoint.whole(out / "history.csv") as temporary, temporary.open("w", newline="") as file:
        table = csv.DictWriter(file, HISTORY)
        table.writeheader()
        table.writerows(progress.history)


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
        if recipe.small:
            raise SettingsError(
                f"--small {recipe.small}: a model of one size cannot be trained at another; leave it out"
            )
        model = load.scaled(loaded) if loaded.labels == faces.classes else load.with_classes(loaded, classes)
    optimizer = keras.optimizers.AdamW(
        recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        use_ema=recipe.average > 0,
        ema_momentum=recipe.average or 0.99,
    )
    # Decaying these only fights batch normalization (He et al., Bag of Tricks, arXiv:1812.01187).
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    # XLA on a CPU took six times as long as TensorFlow's own kernels; JAX knows nothing but XLA.
    jit = False if keras.backend.backend() == "tensorflow" else "auto"
    model.compile(optimizer, _loss(keras, recipe), weighted_metrics=["accuracy"], jit_compile=jit)
    return model


def _loss(keras: Any, recipe: Recipe) -> Any:
    if recipe.loss == "focal":
        return keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=recipe.focal_gamma, label_smoothing=recipe.label_smoothing
        )
    return keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)


def _average(model: Any, recipe: Recipe) -> list[NDArray[Any]] | None:
    """Put the running mean into the model's weights; returns those that it replaces."""
    if not recipe.average:
        return None
    raw: list[NDArray[Any]] = model.get_weights()
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return raw


def _restore(model: Any, raw: list[NDArray[Any]] | None) -> None:
    if raw is not None:
        model.set_weights(raw)


# --- one epoch ---


def class_weights(labels: NDArray[np.int64], classes: int, kind: str) -> NDArray[np.float32]:
    """Weight of each class (classes,), with a mean of 1 over the faces."""
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    power = {"none": 0.0, "balanced": -1.0, "sqrt": -0.5}[kind]
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** power, 0.0)
    scaled: NDArray[np.float32] = (weights * len(labels) / (weights * counts).sum()).astype(np.float32)
    return scaled


def batches(
    faces: Faces, classes: int, recipe: Recipe, epoch: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
    """Inputs (n, h, w, 1), one-hot labels (n, classes) and weights (n,) of epoch `epoch`, from 0.

    What comes depends on the recipe and the epoch alone, so a run that goes on sees what it would have seen. Made one
    batch ahead in a thread, so that no step waits; NumPy and OpenCV leave it the processor meanwhile.
    """
    rng = np.random.default_rng((recipe.seed, epoch))
    order = rng.permutation(len(faces))
    weights = class_weights(faces.labels, classes, recipe.class_weights)
    small = epoch < recipe.small
    ready: queue.Queue[Any] = queue.Queue(maxsize=4)
    stop = threading.Event()

    def make() -> None:
        try:
            for first in range(0, len(order), recipe.batch):
                rows = order[first : first + recipe.batch]
                pixels, labels = faces.pixels[rows], faces.labels[rows]
                if small:
                    pixels = data.resized(pixels, _small(pixels.shape[1:3]))
                pixels = augment(pixels, recipe.augmentation, rng)
                item = data.network_input(pixels), np.eye(classes, dtype=np.float32)[labels], weights[labels]
                while not stop.is_set():
                    try:
                        ready.put(item, timeout=0.5)
                        break
                    except queue.Full:
                        continue
                if stop.is_set():
                    return
            ready.put(None)
        except Exception as cause:  # noqa: BLE001 - raised again where the batches are used
            ready.put(cause)

    threading.Thread(target=make, daemon=True).start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stop.set()


def _small(size: tuple[int, ...]) -> tuple[int, int]:
    return round(size[0] * SMALL), round(size[1] * SMALL)


def learning_rate(recipe: Recipe, done: float, scale: float) -> float:
    """The learning rate after `done` epochs, a fraction counted; it rises over the first half epoch."""
    rate = recipe.learning_rate * min(1.0, 0.02 + done / 0.5) * scale
    if recipe.schedule == "cosine":
        rate *= 0.5 * (1 + np.cos(np.pi * min(1.0, done / recipe.epochs)))
    return max(float(rate), recipe.learning_rate * 1e-4)


def _epoch(model: Any, recipe: Recipe, training: Faces, validation: Faces, progress: Progress) -> None:
    """One pass over the faces, then the accuracy on the validation split; both go into `progress`."""
    began = time.monotonic()
    classes = model.output_shape[-1]
    steps = -(-len(training) // recipe.batch)
    sums, seen, rate = np.zeros(2), 0.0, 0.0
    for step, (faces, labels, weights) in enumerate(batches(training, classes, recipe, progress.epoch)):
        rate = learning_rate(recipe, progress.epoch + step / steps, progress.scale)
        model.optimizer.learning_rate = rate
        result = model.train_on_batch(faces, labels, sample_weight=weights, return_dict=True)
        sums += np.array([result["loss"], result["accuracy"]]) * len(faces)
        seen += len(faces)
    loss, right = sums / seen
    raw = _average(model, recipe)
    accuracy = float((predict(model, validation.pixels).argmax(axis=1) == validation.labels).mean())
    _restore(model, raw)
    progress.epoch += 1
    if not np.isfinite(loss):
        raise ModelError(f"epoch {progress.epoch}: the loss is {loss}; train anew with a lower --learning-rate")
    waited = progress.epoch - max(progress.best_epoch, progress.scaled_at)
    if recipe.schedule == "plateau" and accuracy <= progress.best and waited >= recipe.patience:
        progress.scale, progress.scaled_at = progress.scale / 2, progress.epoch
    progress.history.append(
        {
            "epoch": progress.epoch,
            "loss": round(float(loss), 6),
            "accuracy": round(float(right), 6),
            "val_accuracy": accuracy,
            "learning_rate": rate,
            "seconds": round(time.monotonic() - began, 1),
        }
    )


def predict(model: Any, pixels: NDArray[np.uint8], batch: int = 256) -> NDArray[np.float32]:
    """Probabilities (n, classes) that a model of pixels gives for faces (n, height, width) uint8 of its own size."""
    parts = [
        np.asarray(model.predict_on_batch(data.network_input(pixels[first : first + batch])))
        for first in range(0, len(pixels), batch)
    ]
    return np.concatenate(parts)


def _stalled(recipe: Recipe, progress: Progress) -> bool:
    return 0 < recipe.early_stopping <= progress.epoch - progress.best_epoch
