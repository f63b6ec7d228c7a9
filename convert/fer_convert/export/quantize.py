"""Convert a Keras model to the four .tflite variants, each with its card.

    fer-convert quantize runs/mini_xception/best.keras --data fer2013.csv --name mini_xception --out models/

    float32   the reference
    float16   half the size, the same arithmetic
    dynamic   int8 weights, float activations
    int8      all integer: uint8 pixels in, uint8 probabilities out

The int8 variant takes each pixel as it is (input scale 1, zero point 0), and nothing is written unless it agrees with
float32: the parity gate. With --votes, it is measured on what most people see.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.classifiers.cards import VARIANTS, load_card
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import SettingsError, SinkError
from numpy.typing import NDArray

from fer_convert import backend, files
from fer_convert.data import dataset
from fer_convert.data.faces import Dataset
from fer_convert.evaluation.metrics import Metrics, expected_error, measure
from fer_convert.evaluation.people import voter_bins
from fer_convert.export import class_prior, equalize, fold, gate, ground_truth, label_order, last_layer, load, tflite
from fer_convert.export.calibration import best_draw, calibration_faces
from fer_convert.export.card import add_metrics, model_name, new_card
from fer_convert.export.ground_truth import GroundTruth
from fer_convert.export.label_order import Classify
from fer_convert.export.load import LoadedModel
from fer_convert.messages import Log
from fer_convert.training.engine import predict

Cards = dict[str, dict[str, Any]]  # by variant


def quantize(
    source: Path,
    faces: Path,
    out: Path,
    name: str | None = None,
    input_range: tuple[float, float] | None = None,
    split: str | None = None,
    seed: int = 1,
    log: Log = print,
    prior: float | None = None,
    votes: Path | None = None,
    labels: Sequence[str] | None = None,
) -> list[Path]:
    """Write the variants of the Keras model `source` and their cards to `out`; returns the .tflite paths.

    `faces` is the data to calibrate on (its training split, drawn by `seed`) and to measure on (`split`, or the
    validation split): by its labels, or by `votes`, a file of people's votes on it. `prior` is the share of the
    classes' log frequencies in the training data that is left in, 0 to 1; None: the default for labels or for votes.
    `labels` are those of the outputs, in their order; None: those of the .json beside the model.
    Raises SettingsError, ModelError, DataError, SinkError, and GateError, before which nothing is written to `out`.
    """
    network = model_name(name, source)
    files.check_folder(out, "--out")
    keras_backend = backend.keras().backend.backend()
    if keras_backend != "tensorflow":
        raise SettingsError(
            f"KERAS_BACKEND={keras_backend}: converting needs KERAS_BACKEND=tensorflow; set it, or unset it"
        )
    log(f"loading {source}")
    loaded = load.load(source, input_range, labels)
    log(f"reading {faces}")
    model = fold.to_pixel_input(loaded)
    content = _read_data(faces, loaded, partial(predict, model), split, log)
    truth = ground_truth.of_votes(votes, content, split) if votes else ground_truth.of_labels(content, split)
    _say_other_targets(loaded, votes, log)
    with _staging_folder() as stage:
        entry = _fold_last_layer(model, loaded, truth, truth.default_prior if prior is None else prior, log)
        equalize.equalize(model, calibration_faces(truth.training, seed, equalize.RANGE_FACES))
        shown = best_draw(model, loaded.size, truth.training, truth.validation, seed, log)
        cards = _convert(loaded, model, network, shown, entry, stage, log)
        metrics, predictions = _measure(cards, stage, truth, loaded.labels, log)
        gate.check_agreement(predictions["float32"], predictions["int8"], truth.validation.labels)
        add_metrics(cards, metrics, content, truth.votes)
        return _publish(cards, stage, out, log)


def _read_data(faces: Path, loaded: LoadedModel, classify: Classify, split: str | None, log: Log) -> Dataset:
    """The data at `faces` at the model's size, its classes in the order of the model's labels. Raises DataError."""
    content = label_order.with_labels_of(loaded, dataset.read(faces, loaded.size), classify, split, log)
    if loaded.training_data.get("sha256", content.sha256) != content.sha256:
        log(f"warning: {content.name} is not the data that {loaded.path} was trained on: its sha256 differs")
    return content


def _say_other_targets(loaded: LoadedModel, votes: Path | None, log: Log) -> None:
    """Warn if the model learned from something else than it is measured on, which is allowed."""
    if votes and loaded.learned_from == "labels":
        log(f"warning: {loaded.path} learned from labels; it is measured and calibrated on the votes of {votes.name}")
    if not votes and loaded.learned_from == "votes":
        log(f"warning: {loaded.path} learned from votes; it is measured and calibrated on labels without --votes FILE")


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


def _fold_last_layer(
    model: Any, loaded: LoadedModel, truth: GroundTruth, left: float, log: Log
) -> dict[str, Any] | None:
    """Fold a prior, of which the share `left` is left in, and a temperature into the Keras `model`.

    Returns what the cards say of them; None if the model's last layers take neither.
    """
    learned = class_prior.LEARNED_PRIOR[loaded.class_weights]
    shift = class_prior.logit_shift(truth.frequencies, left, learned)
    probabilities = predict(model, truth.confidence_faces)
    for taken, share in ((shift, min(left, learned)), (np.zeros_like(shift), learned)):
        adjusted = class_prior.adjust(probabilities, taken)
        temperature = last_layer.fit_temperature(adjusted, truth.confidence_targets)
        if last_layer.fold(model, temperature, taken):
            prior = "part of the classes' prior, and " if taken.any() else ""
            fitted = f"fitted to {'votes' if truth.votes else 'labels'} on {len(probabilities):,} faces"
            log(f"folded into the last layer: {prior}a temperature of {temperature:.3f}, {fitted}")
            return class_prior.card_entry(share, temperature, truth.frequencies, loaded.labels)
    log("warning: the model's last layers take neither a prior nor a temperature: its confidences stay as trained")
    return None


def _convert(
    loaded: LoadedModel,
    model: Any,
    network: str,
    shown: NDArray[np.uint8],
    prior: dict[str, Any] | None,
    stage: Path,
    log: Log,
) -> Cards:
    """Write every variant's file to `stage`; returns their cards, without what is measured. Raises GateError."""
    cards = {}
    for variant in VARIANTS:
        log(f"converting to {variant}")
        content = tflite.convert(model, loaded.size, variant, shown)
        entry, result = tflite.input_and_output(content)
        if variant == "int8":
            gate.check_input(entry)
        calibrated_on = len(shown) if variant == "int8" else 0
        cards[variant] = new_card(loaded, network, variant, content, entry, result, calibrated_on, prior)
        (stage / cards[variant]["file"]).write_bytes(content)
    return cards


def _measure(
    cards: Cards, stage: Path, truth: GroundTruth, labels: tuple[str, ...], log: Log
) -> tuple[dict[str, Metrics], dict[str, NDArray[np.int64]]]:
    """By variant: its metrics on the validation faces, and the class (n,) that it predicts for each of them."""
    metrics, predictions, faces = {}, {}, truth.validation
    log(f"measuring each on the {len(faces):,} faces of {truth.split}")
    for variant, card in cards.items():
        files.write_json(stage / f"{card['name']}.json", card)
        # The device's own classifier, so that a figure measured here is the device's.
        probabilities = TfliteClassifier(load_card(stage / card["file"])).predict_crops(faces.pixels)
        predictions[variant] = probabilities.argmax(axis=1)
        result = measure(probabilities, faces.labels, labels, truth.split)
        if truth.validation_votes:  # confidence is then compared with how many people say so
            bins = voter_bins(probabilities, truth.validation_votes)
            result = replace(result, bins=bins, ece=expected_error(bins))
        metrics[variant] = result
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
