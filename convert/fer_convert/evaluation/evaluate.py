"""How good a model is on faces that it was not trained on.

    fer-convert evaluate models/mini_xception-int8.tflite --data fer2013.csv --conditions --report report/

A .tflite file is scored through the device's own classifier, so that the figure is the device's; a Keras model is
scored through Keras.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_convert import files
from fer_convert.data import dataset
from fer_convert.data.faces import FER2013_SIDE_PX, TRAINING_SPLITS, Dataset, Faces
from fer_convert.evaluation import report
from fer_convert.evaluation.conditions import CONDITIONS
from fer_convert.evaluation.metrics import CALIBRATION_BINS, Metrics, measure, parity
from fer_convert.evaluation.result import Evaluation, Value
from fer_convert.evaluation.scored_model import (
    NO_REFERENCE,
    REFERENCE_VARIANT,
    ScoredModel,
    load_reference,
    load_scored_model,
)
from fer_convert.messages import Log

NATIVE_SIZE = (FER2013_SIDE_PX, FER2013_SIDE_PX)  # (height, width) of the faces that conditions change, pixels


def evaluate(
    path: Path,
    source: Path,
    split: str | None = None,
    json_file: Path | None = None,
    folder: Path | None = None,
    input_range: tuple[float, float] | None = None,
    conditions: bool = False,
    log: Log = print,
) -> Evaluation:
    """Measure the model at `path` on the data at `source`; log a table, write `json_file` and a report to `folder`.

    `split` is the one to measure on, by default the validation split. With `conditions`, measure under each of
    CONDITIONS too, and compare with the float32 file of the same model. Raises ModelError, DataError, SinkError.
    """
    model = load_scored_model(path, input_range)
    reference = load_reference(model) if conditions else NO_REFERENCE
    # The faces of a CSV stay as they are here: the classifier resizes them.
    size = model.size if source.is_dir() else NATIVE_SIZE
    content = dataset.read(source, size)
    name, faces = content.validation(split)
    probabilities = model.probabilities(faces.pixels, content)
    metrics = measure(probabilities, faces.labels, content.classes, name)
    unseen = _unseen(content, faces)
    is_mixed = unseen.any() and not unseen.all()
    values: dict[str, Value] = {}
    if conditions:
        native = faces if size == NATIVE_SIZE else dataset.read(source, NATIVE_SIZE).splits[name]
        values = _condition_values(model, reference, content, faces, native, metrics, probabilities.argmax(axis=1))
    result = Evaluation(
        path.name,
        content.name,
        content.sha256,
        metrics,
        measure(probabilities[unseen], faces.labels[unseen], content.classes, f"{name}, unseen") if is_mixed else None,
        int((~unseen).sum()),
        values,
    )
    log(report.table(result))
    if json_file:
        files.write_json(json_file, result.as_json())
    if folder:
        for written in report.write(result, folder):
            log(f"wrote {written}")
    return result


def _condition_values(
    model: ScoredModel,
    reference: ScoredModel | str,
    content: Dataset,
    faces: Faces,
    native: Faces,
    metrics: Metrics,
    predicted: NDArray[np.int64],
) -> dict[str, Value]:
    """The values that --conditions adds, by name; `native` are the `faces` at NATIVE_SIZE.

    `predicted` is the class (n,) that the model predicts for each of the n `faces`.
    """
    values: dict[str, Value] = {"accuracy": metrics.accuracy, "macro-F1": metrics.macro_f1}
    for name, change in CONDITIONS.items():
        correct = model.predict_classes(change(native.pixels), content) == native.labels
        values[name] = float(correct.mean())
    values[f"expected calibration error, {CALIBRATION_BINS} bins"] = metrics.ece
    values[f"{model.converted_variant or 'int8'} against {REFERENCE_VARIANT}, points of accuracy"] = (
        reference
        if isinstance(reference, str)
        else parity(predicted, reference.predict_classes(faces.pixels, content), faces.labels)
    )
    return values


def _unseen(content: Dataset, faces: Faces) -> NDArray[np.bool_]:
    """Which of `faces` (n,) are not, to the pixel, in the training split too; hundreds of FER2013's are."""
    training_names = {name.lower() for name in TRAINING_SPLITS}
    training = [split for name, split in content.splits.items() if name.lower() in training_names]
    known = {face.tobytes() for split in training for face in split.pixels}
    return np.array([face.tobytes() not in known for face in faces.pixels])
