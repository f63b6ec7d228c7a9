"""Convert a Keras model to the four .tflite variants, each with its card.

    fer-convert quantize runs/mini_xception/best.keras --data fer2013.csv --name mini_xception --out models/

    float32   the reference
    float16   half the size, the same arithmetic
    dynamic   int8 weights, float activations
    int8      all integer: uint8 pixels in, uint8 probabilities out

The int8 variant takes each pixel as it is (input scale 1, zero point 0), and it is only written when it agrees with
float32: the parity gate.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fer_convert import backend
from fer_convert.data import dataset
from fer_convert.data.dataset import Faces
from fer_convert.evaluation.metrics import Metrics, measure
from fer_convert.export import costs, equalize, fold, gate, graph, last_layer, load
from fer_convert.export.calibration import calibration_faces
from fer_convert.export.load import Loaded
from fer_convert.training import checkpoint
from fer_convert.training.engine import predict
from fer_edge.classifiers.cards import CARD_FORMAT, VARIANTS, load_card
from fer_edge.classifiers.tflite import TfliteClassifier, find_runtime
from fer_edge.errors import DataError, SettingsError, SinkError
from numpy.typing import NDArray

DRAWS = 8  # of calibration faces, to choose from
LONGEST = 200  # bytes of a network's name; a file system takes 255 with all that is put around it
Report = Callable[[str], None]


def quantize(
    source: Path,
    faces: Path | None,
    out: Path,
    name: str | None = None,
    input_range: tuple[float, float] | None = None,
    split: str | None = None,
    seed: int = 1,
    report: Report = print,
    prior: float = last_layer.PRIOR,
) -> list[Path]:
    """Write the variants of the Keras model `source` and their cards to `out`; returns the .tflite paths.

    `faces` is the data to calibrate on (its training split, drawn by `seed`) and to measure on (`split`, else the one
    that validates). `prior` is the share of the classes' log frequencies in the training data to be left in, 0 to 1.
    Raises SettingsError, ModelError, DataError, SinkError, and GateError, before which nothing is written to `out`.
    """
    if faces is None:
        raise DataError(
            "--data is missing: int8 is calibrated on training faces, and the parity gate needs validation faces; "
            "give the fer2013.csv or the folder that the model was trained on"
        )
    network = _network(name, source)
    chosen = backend.keras().backend.backend()
    if chosen != "tensorflow":
        raise SettingsError(f"KERAS_BACKEND={chosen}: converting needs KERAS_BACKEND=tensorflow; set it, or unset it")
    loaded = load.load(source, input_range)
    content = dataset.read(faces, loaded.size)
    if content.classes != loaded.labels:
        raise DataError(
            f"data {content.name}: its classes are {', '.join(content.classes)}, the labels of {source} are "
            f"{', '.join(loaded.labels)}; give the data that the model was trained on"
        )
    trained_on = loaded.training_data.get("sha256", content.sha256)
    if trained_on != content.sha256:
        report(f"warning: {content.name} is not the data that {source} was trained on: its sha256 is another")
    (_, training), (measured, validation) = content.training(), content.validation(split)
    with _stage() as stage:
        model = fold.for_pixels(loaded)
        shift = last_layer.prior(training.labels, len(loaded.labels), prior, last_layer.LEARNED[loaded.class_weights])
        _confide(model, shift, validation, measured, report)
        equalize.equalize(model, calibration_faces(training, seed, equalize.FACES))
        shown = _draw(model, loaded.size, training, validation, seed)
        cards = _convert(loaded, model, network, shown, stage)
        found, answers = _measure(cards, stage, validation, loaded.labels, measured, report)
        gate.check_agreement(answers["float32"], answers["int8"], validation.labels)
        for variant, card in cards.items():
            card["metrics"] = found[variant].summary()
            card["usual_entropy"] = _usual_entropy(found[variant])
            card["measured_on"] = {"name": content.name, "sha256": content.sha256}
            card["variants"] = {
                v: {**{k: found[v].summary()[k] for k in ("accuracy", "macro_f1")}, "bytes": cards[v]["bytes"]}
                for v in VARIANTS
            }
        return _publish(cards, stage, out, report)


@contextmanager
def _stage() -> Iterator[Path]:
    """A folder for what is made before it is measured. Raises SinkError where the disk does not take it."""
    try:
        with tempfile.TemporaryDirectory(prefix="fer-convert-") as folder:
            yield Path(folder)
    except OSError as cause:
        raise SinkError(
            f"{tempfile.gettempdir()}: cannot be written ({cause.strerror or cause}); make room, or set TMPDIR"
        ) from None


def _confide(model: Any, shift: NDArray[np.float64], validation: Faces, split: str, report: Report) -> None:
    """Take the prior `shift` out of the Keras `model`'s answers and make its confidences honest on `validation`."""
    found = predict(model, validation.pixels)
    for taken in (shift, np.zeros_like(shift)):
        temperature = last_layer.fit(last_layer.without(found, taken), validation.labels)
        if last_layer.fold(model, temperature, taken):
            prior = "the classes' frequencies, in part, and " if taken.any() else ""
            report(f"taken out in the last layer: {prior}a temperature of {temperature:.3f}, fitted on {split}")
            return
    report("warning: the model's last layers take neither a prior nor a temperature: its confidences are as trained")


def _network(name: str | None, source: Path) -> str:
    """The network's name in file names: `name`, else the file's or the run's own. Raises SettingsError."""
    if name is None:
        name = source.resolve().parent.name if source.stem == "best" else source.stem
    # A leading dot hides a file, a leading dash makes it an option to others.
    if (
        not name
        or not name.isprintable()
        or Path(name).name != name
        or name[0] in ".-"
        or len(os.fsencode(name)) > LONGEST
    ):
        raise SettingsError(f"--name {name[:80]!r}: not a plain file name; give one such as mini_xception")
    return name


# --- conversion ---


def _convert(
    loaded: Loaded, model: Any, network: str, shown: NDArray[np.uint8], stage: Path
) -> dict[str, dict[str, Any]]:
    """Every variant's file in `stage`, and its card but for what is measured."""
    cards = {}
    for variant in VARIANTS:
        content = to_tflite(model, loaded.size, variant, shown)
        name = f"{network}-{variant}"
        (stage / f"{name}.tflite").write_bytes(content)
        entry, result = _ends(content)
        if variant == "int8":
            gate.check_input(entry)
        cards[variant] = {
            "card": CARD_FORMAT,
            "name": name,
            "model": network,
            "variant": variant,
            "file": f"{name}.tflite",
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "labels": list(loaded.labels),
            "input": {
                "height": loaded.size[0],
                "width": loaded.size[1],
                "dtype": np.dtype(entry["dtype"]).name,
                "range": [0, 255],
            },
            "output": {"dtype": np.dtype(result["dtype"]).name},
            "quantization": {
                "input": _scale_and_zero(entry),
                "output": _scale_and_zero(result),
                "calibration_faces": len(shown) if variant == "int8" else 0,
            },
            "parameters": loaded.model.count_params(),
            "multiply_adds": graph.multiply_adds(loaded.model),
            "trained_from": {"file": loaded.path.name, "sha256": loaded.sha256},
            "training_data": loaded.training_data or None,
            "metrics": {},
            "usual_entropy": None,
            "measured_on": {},
            "variants": {},
            "cost": costs.of(loaded.model.name, variant),  # of the architecture, whatever the files are called,
        }
    return cards


def to_tflite(model: Any, size: tuple[int, int], variant: str, shown: NDArray[np.uint8]) -> bytes:
    """The .tflite content of `model`, which takes pixels, as `variant`; `shown` are the faces to calibrate on."""
    keras, tf = backend.keras(), backend.tensorflow()
    # One face at a time, as the device asks; a free batch would keep the converter from folding shapes.
    face = keras.Input(batch_shape=(1, *size, 1), name="pixels")
    single = keras.Model(face, model(face))

    def representative() -> Iterator[list[NDArray[np.float32]]]:
        for face in dataset.network_input(shown):
            yield [face[None]]

    with backend.quiet():
        converter = tf.lite.TFLiteConverter.from_keras_model(single)
        if variant != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if variant == "int8":
            converter.representative_dataset = representative
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.uint8
        return bytes(converter.convert())


def _draw(model: Any, size: tuple[int, int], faces: Faces, judged: Faces, seed: int) -> NDArray[np.uint8]:
    """Of several draws of calibration `faces` the one whose int8 model reads most of `judged` as `model` does.

    One draw or another has a face that stretches the scales: agreement on FER2013 ranged over a point. It is chosen on
    the faces that it is then measured on, as the best epoch of a training is.
    """
    wanted = predict(model, judged.pixels).argmax(axis=1)
    draws = [calibration_faces(faces, seed + number) for number in range(DRAWS)]

    def agreeing(shown: NDArray[np.uint8]) -> int:
        return int((_read(to_tflite(model, size, "int8", shown), judged.pixels) == wanted).sum())

    return max(draws, key=agreeing)


def _read(content: bytes, faces: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The classes (n,) that an int8 model reads in `faces` (n, height, width)."""
    _, interpreter_class = find_runtime()
    with backend.quiet():
        interpreter = interpreter_class(model_content=content)
        interpreter.allocate_tensors()
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for face in faces:
        interpreter.set_tensor(entry["index"], face[None, ..., None])
        interpreter.invoke()
        found.append(int(interpreter.get_tensor(result["index"]).argmax()))
    return np.array(found)


def _ends(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The details of a model's input and output tensor."""
    _, interpreter_class = find_runtime()
    with backend.quiet():
        interpreter = interpreter_class(model_content=content)
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    return entry, result


def _scale_and_zero(details: dict[str, Any]) -> list[float] | None:
    scale, zero = details["quantization"]
    return [float(scale), int(zero)] if scale else None


# --- measuring ---


def _measure(
    cards: dict[str, dict[str, Any]], stage: Path, faces: Faces, labels: tuple[str, ...], split: str, report: Report
) -> tuple[dict[str, Metrics], dict[str, NDArray[np.int64]]]:
    """Metrics of each variant on `faces`, and what it reads in each of them (n,)."""
    found, answers = {}, {}
    for variant, card in cards.items():
        checkpoint.write_json(stage / f"{card['name']}.json", card)
        path = stage / card["file"]
        # The device's own classifier, so that a figure measured here is the device's.
        probabilities = TfliteClassifier(load_card(path)).predict_crops(faces.pixels)
        found[variant] = measure(probabilities, faces.labels, labels, split)
        answers[variant] = probabilities.argmax(axis=1)
        result = found[variant]
        report(
            f"{variant:8} {card['bytes']:>8,} bytes  accuracy {result.accuracy:.4f}  macro-F1 {result.macro_f1:.4f}  "
            f"calibration error {result.ece:.4f}"
        )
    return found, answers


def _usual_entropy(metrics: Metrics) -> list[float] | None:
    """What the card says of it; nothing where the model is as sure of every face, which tells nobody anything."""
    mean, deviation = (round(value, 4) for value in metrics.entropy)
    return [mean, deviation] if deviation else None


def _publish(cards: dict[str, dict[str, Any]], stage: Path, out: Path, report: Report) -> list[Path]:
    """Put the files into `out`: each model before its card, so that no card stands without its model."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise SinkError(f"--out {out}: cannot be made ({cause.strerror}); choose another folder") from None
    contents, written = {}, [out / card["file"] for card in cards.values()]
    for card, path in zip(cards.values(), written, strict=True):
        contents[path] = (stage / card["file"]).read_bytes()
        contents[path.with_suffix(".json")] = checkpoint.as_json(card).encode()
    checkpoint.write_all(contents)
    for path in written:
        report(f"wrote {path} and its card")
    return written
