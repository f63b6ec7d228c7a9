"""Convert a Keras model to the four .tflite variants, each with its card.

    fer-convert quantize runs/mini_xception/best.keras --data fer2013.csv --name mini_xception --out models/

    float32   the reference
    float16   half the size, the same arithmetic
    dynamic   int8 weights, float activations
    int8      all integer: uint8 pixels in, uint8 probabilities out

The int8 variant takes each pixel as it is (input scale 1, zero point 0), and nothing is written unless it agrees with
float32: the parity gate.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.classifiers.cards import VARIANTS, load_card
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import DataError, SettingsError, SinkError
from numpy.typing import NDArray

from fer_convert import backend, files
from fer_convert.data import dataset
from fer_convert.data.faces import Dataset, Faces
from fer_convert.evaluation.metrics import Metrics, measure
from fer_convert.export import equalize, fold, gate, last_layer, load, tflite
from fer_convert.export.calibration import best_draw, calibration_faces
from fer_convert.export.card import add_metrics, new_card
from fer_convert.export.load import LoadedModel
from fer_convert.messages import Log
from fer_convert.training.engine import predict

MAX_NAME_BYTES = 200  # of a network's name; a file system takes 255 with all that is put around it
Cards = dict[str, dict[str, Any]]  # by variant


def quantize(
    source: Path,
    faces: Path | None,
    out: Path,
    name: str | None = None,
    input_range: tuple[float, float] | None = None,
    split: str | None = None,
    seed: int = 1,
    log: Log = print,
    prior: float = last_layer.DEFAULT_PRIOR,
) -> list[Path]:
    """Write the variants of the Keras model `source` and their cards to `out`; returns the .tflite paths.

    `faces` is the data to calibrate on (its training split, drawn by `seed`) and to measure on (`split`, or the
    validation split). `prior` is the share of the classes' log frequencies in the training data that is left in, 0 to
    1. Raises SettingsError, ModelError, DataError, SinkError, and GateError, before which nothing is written to `out`.
    """
    if faces is None:
        raise DataError(
            "--data is missing: int8 is calibrated on training faces, and the parity gate needs validation faces; "
            "give the fer2013.csv or the folder that the model was trained on"
        )
    network = _network_name(name, source)
    keras_backend = backend.keras().backend.backend()
    if keras_backend != "tensorflow":
        raise SettingsError(
            f"KERAS_BACKEND={keras_backend}: converting needs KERAS_BACKEND=tensorflow; set it, or unset it"
        )
    loaded = load.load(source, input_range)
    content = _read_data(faces, loaded, log)
    (_, training), (measured, validation) = content.training(), content.validation(split)
    with _staging_folder() as stage:
        model = fold.to_pixel_input(loaded)
        learned = last_layer.LEARNED_PRIOR[loaded.class_weights]
        shift = last_layer.logit_shift(training.labels, len(loaded.labels), prior, learned)
        _calibrate_confidence(model, shift, validation, measured, log)
        equalize.equalize(model, calibration_faces(training, seed, equalize.RANGE_FACES))
        shown = best_draw(model, loaded.size, training, validation, seed)
        cards = _convert(loaded, model, network, shown, stage)
        metrics, predictions = _measure(cards, stage, validation, loaded.labels, measured, log)
        gate.check_agreement(predictions["float32"], predictions["int8"], validation.labels)
        add_metrics(cards, metrics, content)
        return _publish(cards, stage, out, log)


def _network_name(name: str | None, source: Path) -> str:
    """The network's name in file names: `name`, else the file's or the run's own. Raises SettingsError."""
    if name is None:
        name = source.resolve().parent.name if source.stem == "best" else source.stem
    # A leading dot hides a file, a leading dash makes it an option to other commands.
    if (
        not name
        or not name.isprintable()
        or Path(name).name != name
        or name[0] in ".-"
        or len(os.fsencode(name)) > MAX_NAME_BYTES
    ):
        raise SettingsError(f"--name {name[:80]!r}: not a plain file name; give one such as mini_xception")
    return name


def _read_data(faces: Path, loaded: LoadedModel, log: Log) -> Dataset:
    """The data at `faces` at the model's size. Raises DataError if its classes are not the model's."""
    content = dataset.read(faces, loaded.size)
    if content.classes != loaded.labels:
        raise DataError(
            f"data {content.name}: its classes are {', '.join(content.classes)}, the labels of {loaded.path} are "
            f"{', '.join(loaded.labels)}; give the data that the model was trained on"
        )
    if loaded.training_data.get("sha256", content.sha256) != content.sha256:
        log(f"warning: {content.name} is not the data that {loaded.path} was trained on: its sha256 differs")
    return content


@contextmanager
def _staging_folder() -> Iterator[Path]:
    """A folder for the files until they are measured. Raises SinkError if the disk has no room for it."""
    try:
        with tempfile.TemporaryDirectory(prefix="fer-convert-") as folder:
            yield Path(folder)
    except OSError as cause:
        raise SinkError(
            f"{tempfile.gettempdir()}: cannot be written ({cause.strerror or cause}); make room, or set TMPDIR"
        ) from None


def _calibrate_confidence(model: Any, shift: NDArray[np.float64], validation: Faces, split: str, log: Log) -> None:
    """Fold the prior `shift` (classes,), and a temperature fitted on `validation`, into the Keras `model`."""
    probabilities = predict(model, validation.pixels)
    for taken in (shift, np.zeros_like(shift)):
        adjusted = last_layer.adjust(probabilities, taken)
        temperature = last_layer.fit_temperature(adjusted, validation.labels)
        if last_layer.fold(model, temperature, taken):
            prior = "part of the classes' prior, and " if taken.any() else ""
            log(f"folded into the last layer: {prior}a temperature of {temperature:.3f}, fitted on {split}")
            return
    log("warning: the model's last layers take neither a prior nor a temperature: its confidences stay as trained")


def _convert(loaded: LoadedModel, model: Any, network: str, shown: NDArray[np.uint8], stage: Path) -> Cards:
    """Write every variant's file to `stage`; returns their cards, without what is measured. Raises GateError."""
    cards = {}
    for variant in VARIANTS:
        content = tflite.convert(model, loaded.size, variant, shown)
        entry, result = tflite.input_and_output(content)
        if variant == "int8":
            gate.check_input(entry)
        calibrated_on = len(shown) if variant == "int8" else 0
        cards[variant] = new_card(loaded, network, variant, content, entry, result, calibrated_on)
        (stage / cards[variant]["file"]).write_bytes(content)
    return cards


def _measure(
    cards: Cards, stage: Path, faces: Faces, labels: tuple[str, ...], split: str, log: Log
) -> tuple[dict[str, Metrics], dict[str, NDArray[np.int64]]]:
    """By variant: its metrics on `faces`, and the class (n,) that it predicts for each of them."""
    metrics, predictions = {}, {}
    for variant, card in cards.items():
        files.write_json(stage / f"{card['name']}.json", card)
        # The device's own classifier, so that a figure measured here is the device's.
        probabilities = TfliteClassifier(load_card(stage / card["file"])).predict_crops(faces.pixels)
        predictions[variant] = probabilities.argmax(axis=1)
        result = metrics[variant] = measure(probabilities, faces.labels, labels, split)
        log(
            f"{variant:8} {card['bytes']:>8,} bytes  accuracy {result.accuracy:.4f}  macro-F1 {result.macro_f1:.4f}  "
            f"calibration error {result.ece:.4f}"
        )
    return metrics, predictions


def _publish(cards: Cards, stage: Path, out: Path, log: Log) -> list[Path]:
    """Copy the files to `out`: each model before its card, so that there is no card without its model."""
    files.make_folder(out, "--out")
    contents, models = {}, [out / card["file"] for card in cards.values()]
    for card, path in zip(cards.values(), models, strict=True):
        contents[path] = (stage / card["file"]).read_bytes()
        contents[path.with_suffix(".json")] = files.to_json(card).encode()
    files.write_together(contents)
    for path in models:
        log(f"wrote {path} and its card")
    return models
