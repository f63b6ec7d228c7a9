"""How good a model is on faces that it was not trained on.

    fer-convert evaluate models/mini_xception-int8.tflite --data fer2013.csv --conditions --report report/

A .tflite file is scored through `edge`'s own classifier, so the figure is the device's; a Keras model through Keras.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from fer_convert import backend
from fer_convert.data import dataset
from fer_convert.data.dataset import SIDE, Data, Faces
from fer_convert.evaluation import report
from fer_convert.evaluation.conditions import CONDITIONS
from fer_convert.evaluation.metrics import BINS, Metrics, Parity, measure, parity
from fer_convert.export import fold, load
from fer_convert.training import checkpoint
from fer_convert.training.engine import predict
from fer_edge.classifiers.cards import Card, load_card
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import DataError, ModelError, SettingsError
from numpy.typing import NDArray

Say = Callable[[str], None]
NATIVE = (SIDE, SIDE)  # size of the faces that conditions change
REFERENCE = "float32"  # the variant that the others are held against
NONE = "-"  # where that would be the model itself
Row = float | Parity | str  # a share, 0 to 1; the parity; in words, why there is none


@dataclass(frozen=True)
class Evaluation:
    """A model, the data that it was measured on, and what came out."""

    model: str  # the file's own name
    data: str
    data_sha256: str
    metrics: Metrics
    unseen: Metrics | None  # without the faces that are also in the training split; None where that is none or all
    known: int = 0  # faces that are also in the training split
    conditions: Mapping[str, Row] = field(default_factory=dict)  # rows by name; none where they were not asked for

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "model": self.model,
            "data": {"name": self.data, "sha256": self.data_sha256},
            **self.metrics.as_json(),
            "unseen": self.unseen.summary() if self.unseen else None,
            "also_trained_on": self.known,
            "conditions": {
                name: asdict(row) if isinstance(row, Parity) else row for name, row in self.conditions.items()
            },
        }


@dataclass(frozen=True)
class _Model:
    """A model to put faces to."""

    path: Path
    labels: tuple[str, ...]
    size: tuple[int, int]  # (height, width) of its input, pixels
    classify: Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # faces (n, height, width) -> (n, labels)
    card: Card | None = None  # of a .tflite

    @property
    def converted(self) -> str:
        """Its variant, where that is another than float32; else nothing."""
        return self.card.variant if self.card and self.card.variant != REFERENCE else ""

    def probabilities(self, faces: NDArray[np.uint8], content: Data) -> NDArray[np.float32]:
        """(n, classes) that it gives for `faces` (n, any height, any width), in the order of the data's classes.

        Raises DataError where the data's classes are not its own.
        """
        if set(content.classes) != set(self.labels):
            raise DataError(
                f"data {content.name}: its classes are {', '.join(content.classes)}, the labels of {self.path} are "
                f"{', '.join(self.labels)}; give data with the model's classes"
            )
        # The model's order of labels may be another than the data's.
        return self.classify(faces)[:, [self.labels.index(label) for label in content.classes]]

    def read(self, faces: NDArray[np.uint8], content: Data) -> NDArray[np.int64]:
        """The most probable class (n,) of each, as an index into the data's classes."""
        read: NDArray[np.int64] = self.probabilities(faces, content).argmax(axis=1)
        return read


def evaluate(
    path: Path,
    source: Path,
    split: str | None = None,
    json_file: Path | None = None,
    folder: Path | None = None,
    input_range: tuple[float, float] | None = None,
    conditions: bool = False,
    say: Say = print,
) -> Evaluation:
    """Measure the model at `path` on the data at `source`; print a table, write `json_file` and a report to `folder`.

    `split` is the one to measure on, else the one that validates. With `conditions`, measure under each of CONDITIONS
    too, and against the float32 file of the same model. Raises ModelError and DataError.
    """
    model = _load(path, input_range)
    reference = _reference(model) if conditions else NONE
    # A CSV's faces stay as they are here: what classifies them resizes them.
    size = model.size if source.is_dir() else NATIVE
    content = dataset.read(source, size)
    name, faces = content.validation(split)
    probabilities = model.probabilities(faces.pixels, content)
    metrics = measure(probabilities, faces.labels, content.classes, name)
    new = _new(content, faces)
    overlap = new.any() and not new.all()
    rows: dict[str, Row] = {}
    if conditions:
        small = faces if size == NATIVE else dataset.read(source, NATIVE).splits[name]
        rows = {
            "accuracy": metrics.accuracy,
            "macro-F1": metrics.macro_f1,
            **{
                condition: float((model.read(change(small.pixels), content) == small.labels).mean())
                for condition, change in CONDITIONS.items()
            },
            f"expected calibration error, {BINS} bins": metrics.ece,
            f"{model.converted or 'int8'} against {REFERENCE}, points of accuracy": reference
            if isinstance(reference, str)
            else parity(probabilities.argmax(axis=1), reference.read(faces.pixels, content), faces.labels),
        }
    result = Evaluation(
        path.name,
        content.name,
        content.sha256,
        metrics,
        measure(probabilities[new], faces.labels[new], content.classes, f"{name}, unseen") if overlap else None,
        int((~new).sum()),
        rows,
    )
    say(report.table(result))
    if json_file:
        checkpoint.write_json(json_file, result.as_json())
    if folder:
        for written in report.write(result, folder):
            say(f"wrote {written}")
    return result


def _load(path: Path, input_range: tuple[float, float] | None = None) -> _Model:
    if path.suffix.lower() == ".tflite":
        if input_range is not None:
            raise SettingsError(f"--input-range: {path} has its input from its card; leave the option out")
        card = load_card(path)
        with backend.quiet():
            classifier = TfliteClassifier(card)
        return _Model(path, card.labels, card.size, classifier.predict_crops, card)
    loaded = load.load(path, input_range)
    model = fold.for_pixels(loaded)
    return _Model(path, loaded.labels, loaded.size, lambda faces: predict(model, dataset.resized(faces, loaded.size)))


def _reference(model: _Model) -> _Model | str:
    """The float32 file of the same model beside it, or in words why there is none.

    Raises ModelError where it is damaged, or of another model.
    """
    if not (model.card and model.converted):
        return NONE
    path = model.path.parent / f"{model.card.model}-{REFERENCE}.tflite"
    if not path.is_file():
        return f"no {path.name} beside it"
    reference = _load(path)
    if _trained_from(path) != _trained_from(model.path):
        raise ModelError(f"model {path}: of another model than {model.path.name}; restore both from one conversion")
    return reference


def _trained_from(path: Path) -> Any:
    """What the card beside a model that was just loaded says of the Keras model it is of."""
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8")).get("trained_from")


def _new(content: Data, faces: Faces) -> NDArray[np.bool_]:
    """Which of `faces` (n,) are not, to the pixel, in the training split too; of FER2013's, hundreds are."""
    trained = [split for split in content.splits if split.lower() in map(str.lower, dataset.TRAINING)]
    known = {face.tobytes() for split in trained for face in content.splits[split].pixels}
    return np.array([face.tobytes() not in known for face in faces.pixels])
