"""How good a model is on faces that it was not trained on.

    fer-convert evaluate models/mini_xception-int8.tflite --data fer2013.csv --report report/

A .tflite file is scored through `edge`'s own classifier, so the figure is the device's; a Keras model through Keras.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert import backend, checkpoint, data, fold, load, report
from convert.data import Data, Faces
from convert.metrics import Metrics, measure
from convert.train import predict
from edge.cards import load_card
from edge.classifiers.tflite import TfliteClassifier
from edge.errors import DataError, SettingsError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Evaluation:
    """A model, the data that it was measured on, and what came out."""

    model: str  # the file's own name
    data: str
    data_sha256: str
    metrics: Metrics
    unseen: Metrics | None  # without the faces that are also in the training split; None where that is none or all
    known: int = 0  # faces that are also in the training split

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "model": self.model,
            "data": {"name": self.data, "sha256": self.data_sha256},
            **self.metrics.as_json(),
            "unseen": self.unseen.summary() if self.unseen else None,
            "also_trained_on": self.known,
        }


def evaluate(
    path: Path,
    source: Path,
    split: str | None = None,
    json_file: Path | None = None,
    folder: Path | None = None,
    input_range: tuple[float, float] | None = None,
    say: Say = print,
) -> Evaluation:
    """Measure the model at `path` on the data at `source`; print a table, write `json_file` and a report to `folder`.

    `split` is the one to measure on, else the one that validates. Raises ModelError and DataError.
    """
    labels, size, classify = _classifier(path, input_range)
    content = data.read(source, size)
    if set(content.classes) != set(labels):
        raise DataError(
            f"data {content.name}: its classes are {', '.join(content.classes)}, the labels of {path} are "
            f"{', '.join(labels)}; give data with the model's classes"
        )
    name, faces = content.validation(split)
    # The model's order of labels may be another than the data's.
    order = [labels.index(label) for label in content.classes]
    probabilities = classify(faces.pixels)[:, order]
    new = _new(content, faces)
    overlap = new.any() and not new.all()
    result = Evaluation(
        path.name,
        content.name,
        content.sha256,
        measure(probabilities, faces.labels, content.classes, name),
        measure(probabilities[new], faces.labels[new], content.classes, f"{name}, unseen") if overlap else None,
        int((~new).sum()),
    )
    say(report.table(result))
    if json_file:
        checkpoint.write_json(json_file, result.as_json())
    if folder:
        for written in report.write(result, folder):
            say(f"wrote {written}")
    return result


def _classifier(
    path: Path, input_range: tuple[float, float] | None
) -> tuple[tuple[str, ...], tuple[int, int], Callable[[NDArray[np.uint8]], NDArray[np.float32]]]:
    """Labels, input size, and the function from faces (n, *size) to probabilities (n, labels)."""
    if path.suffix.lower() == ".tflite":
        if input_range is not None:
            raise SettingsError(f"--input-range: {path} has its input from its card; leave the option out")
        card = load_card(path)
        with backend.quiet():
            classifier = TfliteClassifier(card)
        return card.labels, card.size, classifier.read_faces
    loaded = load.load(path, input_range)
    model = fold.for_pixels(loaded)
    return loaded.labels, loaded.size, lambda faces: predict(model, faces)


def _new(content: Data, faces: Faces) -> NDArray[np.bool_]:
    """Which of `faces` (n,) are not, to the pixel, in the training split too; of FER2013's, hundreds are."""
    trained = [split for split in content.splits if split.lower() in map(str.lower, data.TRAINING)]
    known = {face.tobytes() for split in trained for face in content.splits[split].pixels}
    return np.array([face.tobytes() not in known for face in faces.pixels])
