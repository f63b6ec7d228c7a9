"""Train the face verifier.

    fer-convert train-verifier --data fer2013.csv --pictures FOLDER --out runs/face_verifier

FOLDER holds pictures without faces, for backgrounds; textures are drawn beside them. The samples are drawn once, half
with a face; each epoch sees all of them, every other time in the mirror. The run folder gets `state.npz`, the
checkpoint to go on from, `face_verifier.keras`, and, on TensorFlow, which alone can convert it, `face_verifier.tflite`
with its card `face_verifier.json`, and both again as `face_verifier-float32`, which OpenCV can run. After a training on
torch the same command with KERAS_BACKEND=tensorflow converts.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fer_edge.detectors.face_verifier import OUTPUTS, PIXEL_OFFSET, PIXEL_SCALE, SIDE_PX, UNITS
from fer_edge.errors import DataError, ModelError, SettingsError
from fer_edge.types import Pixels
from numpy.typing import NDArray

from fer_convert import backend, files
from fer_convert.data import dataset
from fer_convert.export import graph, tflite
from fer_convert.messages import Log
from fer_convert.training import checkpoint
from fer_convert.training.engine import make_engine, predict
from fer_convert.verifier.recipe import VerifierRecipe
from fer_convert.verifier.samples import Backgrounds, Samples, draw, what_cascades_find

BATCH = 256
LEARNING_RATE, WEIGHT_DECAY = 4e-3, 1e-2  # of AdamW; the rate falls as a cosine
PLACE_WEIGHT = 0.25  # of the place's loss, beside the face's
CALIBRATION_SAMPLES = 500  # that int8 is calibrated on
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
MAX_PICTURE_PX = 640  # longer side of a background
FALSE_SHARE = 0.01  # of the squares without a face that pass, where the recall is measured


def train_verifier(recipe: VerifierRecipe, source: Path, pictures: Path | None, out: Path, log: Log = print) -> Path:
    """Train on the faces of `source` and the pictures in the folder `pictures`; returns the path of the trained model.

    A run that was stopped goes on after its last whole epoch. Raises DataError, ModelError, SinkError.
    """
    faces = dataset.read(source, (48, 48))
    backgrounds = read_pictures(pictures) if pictures else []
    (_, training), (split, validation) = faces.training(), faces.validation()
    files.make_folder(out, "--out")
    model, epoch = _model(recipe, out / "state.npz")
    goal = out / "face_verifier.keras"
    checked = _samples(validation.pixels, backgrounds, 8_000, recipe.cascade_squares // 8, recipe.seed + 1)
    if epoch < recipe.epochs:
        log(
            f"drawing {recipe.samples:,} samples with {len(training):,} faces, {len(backgrounds)} pictures and textures"
        )
        samples = _samples(training.pixels, backgrounds, recipe.samples, recipe.cascade_squares, recipe.seed)
        log(f"face_verifier: {model.count_params():,} parameters, {graph.multiply_adds(model):,} multiply-adds")
        while epoch < recipe.epochs:
            began = time.monotonic()
            loss = _run_epoch(model, samples, recipe, epoch)
            epoch += 1
            checkpoint.save(out / "state.npz", model, {"epoch": epoch, **asdict(recipe)})
            seconds = time.monotonic() - began
            log(f"epoch {epoch}/{recipe.epochs}  loss {loss:.4f}  {_words(measure(model, checked))}  {seconds:.0f} s")
    with files.atomic(goal) as temporary:
        model.save(temporary, include_optimizer=False)
    if backend.keras().backend.backend() == "tensorflow":
        convert(model, faces.name, faces.sha256, split, checked, out, log)
    else:
        log("trained; the same command with KERAS_BACKEND=tensorflow converts it to .tflite")
    return goal


def read_pictures(folder: Path) -> list[Pixels]:
    """The pictures in `folder`, grey, at most MAX_PICTURE_PX wide or high. Raises DataError if there are none."""
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise DataError(
            f"--pictures {folder}: no pictures in it; give a folder with pictures without faces "
            f"({', '.join(PICTURE_SUFFIXES)}), or leave it out"
        )
    pictures: list[Pixels] = []
    for path in paths:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise DataError(f"--pictures {folder}: {path.name} cannot be read as a picture; remove it")
        factor = min(1.0, MAX_PICTURE_PX / max(picture.shape))
        height, width = (max(round(side * factor), 1) for side in picture.shape)
        pictures.append(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]
    return pictures


def _samples(faces: NDArray[np.uint8], pictures: list[Pixels], count: int, squares: int, seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    backgrounds = Backgrounds(pictures, faces, rng)
    return draw(faces, backgrounds, what_cascades_find(backgrounds, squares, rng), count, rng)


def _model(recipe: VerifierRecipe, state: Path) -> tuple[Any, int]:
    """The network to train, and the epochs that it has behind it. Raises ModelError, SettingsError."""
    from fer_convert.verifier import network  # Keras is imported late

    keras = backend.keras()
    keras.utils.set_random_seed(recipe.seed)
    model = network.build()
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    model.compile(optimizer=optimizer, loss=_loss, metrics=[accuracy])
    if not state.exists():
        return model, 0
    progress = checkpoint.restore(state, model)
    epoch = int(progress.pop("epoch"))
    if progress != asdict(recipe):
        raise SettingsError(f"--out {state.parent}: holds a run with other settings, {progress}; choose another --out")
    return model, epoch


def _loss(targets: Any, outputs: Any) -> Any:
    """Binary cross-entropy of face or not, and, of the faces, the Huber loss of the place; one value a sample."""
    ops = backend.keras().ops
    face = ops.softplus(outputs[:, 0]) - outputs[:, 0] * targets[:, 0]
    error = ops.abs(outputs[:, 1:] - targets[:, 1:OUTPUTS])
    huber = ops.mean(ops.where(error < 1, 0.5 * error * error, error - 0.5), axis=1)
    return face + PLACE_WEIGHT * huber * targets[:, OUTPUTS] * 2  # about half of the samples have a place


def accuracy(targets: Any, outputs: Any) -> Any:
    """Share of the samples that are rightly taken for a face or not."""
    ops = backend.keras().ops
    return ops.cast(ops.equal(outputs[:, 0] > 0, targets[:, 0] > 0), "float32")


def _run_epoch(model: Any, samples: Samples, recipe: VerifierRecipe, epoch: int) -> float:
    """One pass over the samples; the mean loss. Raises ModelError if that is no finite number."""
    engine, rng = make_engine(model), np.random.default_rng((recipe.seed, epoch))
    order = rng.permutation(len(samples.pixels))
    starts, total = range(0, len(order) - BATCH + 1, BATCH), 0.0
    for start in starts:
        rows = order[start : start + BATCH]
        pixels, targets = samples.pixels[rows], samples.targets[rows]
        mirror = rng.random(BATCH) < 0.5
        pixels[mirror] = pixels[mirror][:, :, ::-1]
        targets[mirror, 1] *= -1  # right
        targets[mirror, 4] *= -1  # tilt
        done = (epoch + start / len(order)) / recipe.epochs
        model.optimizer.learning_rate = LEARNING_RATE * min(1.0, 0.05 + 10 * done) * 0.5 * (1 + np.cos(np.pi * done))
        batch = (pixels[..., None].astype(np.float32), targets, np.ones(BATCH, np.float32))
        total += engine.train(batch)[0]
    loss = total / len(starts)
    if not np.isfinite(loss):
        raise ModelError(f"epoch {epoch + 1}: the loss is {loss}; train again with another --seed")
    return loss


def measure(model: Any, samples: Samples) -> dict[str, float]:
    """The `model`'s recall where FALSE_SHARE of the squares without a face pass, and the mean errors of the place."""
    return measure_outputs(predict(model, samples.pixels), samples)


def measure_outputs(outputs: NDArray[np.float32], samples: Samples) -> dict[str, float]:
    """The same of its `outputs` (n, OUTPUTS) for the n `samples`."""
    is_face = samples.targets[:, 0] > 0
    threshold = np.quantile(outputs[~is_face, 0], 1 - FALSE_SHARE)
    errors = np.abs(outputs[is_face, 1:] - samples.targets[is_face, 1:OUTPUTS]).mean(axis=0) * UNITS
    return {
        "accuracy": round(float(((outputs[:, 0] > 0) == is_face).mean()), 4),
        "recall_at_1_percent_false": round(float((outputs[is_face, 0] > threshold).mean()), 4),
        "shift_error": round(float(np.hypot(errors[0], errors[1])), 4),
        "log_scale_error": round(float(errors[2]), 4),
        "tilt_error_degrees": round(float(errors[3]), 2),
    }


def _words(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in metrics.items())


def convert(model: Any, data: str, sha256: str, split: str, checked: Samples, out: Path, log: Log) -> None:
    """Write `model` as int8 to `out`, and as float32 for OpenCV, each with its card, measured as the device runs it.

    Raises SinkError.
    """
    from fer_convert.verifier import network  # Keras is imported late

    about = {
        "output": ["log odds of a face", "right", "down", "log scale", "tilt"],
        "units": [1.0, *UNITS.tolist()],
        "parameters": model.count_params(),
        "multiply_adds": graph.multiply_adds(model),
        "training_data": {"name": data, "sha256": sha256},
        "measured_on": f"{len(checked.pixels):,} samples drawn with the faces of {split}",
    }
    shown = checked.pixels[:CALIBRATION_SAMPLES]
    scaled = [PIXEL_OFFSET, 255 * PIXEL_SCALE + PIXEL_OFFSET]
    for name, form, variant, entry in (
        ("face_verifier", model, "int8", {"dtype": "uint8", "range": [0, 255]}),
        ("face_verifier-float32", network.of_convolutions(model), "float32", {"dtype": "float32", "range": scaled}),
    ):
        content = tflite.convert(form, (SIDE_PX, SIDE_PX), variant, shown)
        _write(out / f"{name}.tflite", content, entry, about, checked, log)


def _write(
    path: Path, content: bytes, entry: dict[str, Any], about: dict[str, Any], checked: Samples, log: Log
) -> None:
    """Write a converted file and its card; `entry` says of the card what it takes."""
    from fer_edge.detectors.face_verifier import FaceVerifier

    with files.atomic(path) as temporary:
        temporary.write_bytes(content)
        metrics = measure_outputs(FaceVerifier(temporary).outputs(checked.pixels), checked)
    card = {
        "name": path.stem,
        "file": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "input": {"height": SIDE_PX, "width": SIDE_PX, **entry},
        **about,
        "metrics": metrics,
    }
    files.write_json(path.with_suffix(".json"), card)
    log(f"wrote {path} and its card: {len(content):,} bytes, {_words(metrics)}")
