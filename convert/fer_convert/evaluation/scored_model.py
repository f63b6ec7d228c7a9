"""A model to evaluate, .tflite or Keras, behind one interface: faces in, probabilities out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.classifiers.cards import Card, load_card
from fer_edge.classifiers.labels import match_labels
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import DataError, ModelError, SettingsError
from numpy.typing import NDArray

from fer_convert import backend
from fer_convert.data.faces import Dataset, resize_faces
from fer_convert.export import fold, label_order, load
from fer_convert.export.load import LoadedModel
from fer_convert.messages import Log
from fer_convert.training.engine import predict

REFERENCE_VARIANT = "float32"  # the other variants are compared with it
NO_REFERENCE = "-"  # for a model that is the reference itself, or was not converted


@dataclass(frozen=True)
class ScoredModel:
    """A model to evaluate."""

    path: Path
    labels: tuple[str, ...]
    size: tuple[int, int]  # (height, width) of its input, pixels
    classify: Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # faces (n, height, width) -> (n, labels)
    card: Card | None = None  # of a .tflite
    loaded: LoadedModel | None = None  # of a Keras model

    @property
    def converted_variant(self) -> str:
        """Its variant if that differs from float32, else ""."""
        return self.card.variant if self.card and self.card.variant != REFERENCE_VARIANT else ""

    def probabilities(self, faces: NDArray[np.uint8], content: Dataset) -> NDArray[np.float32]:
        """Probabilities (n, classes) for `faces` (n, any height, any width), in the order of the data's classes.

        Raises DataError if the data's classes are not the model's.
        """
        places = match_labels(self.labels, content.classes)
        if places is None:
            raise DataError(
                f"data {content.name}: its classes are {', '.join(content.classes)}, the labels of {self.path} are "
                f"{', '.join(self.labels)}; give data with the model's classes"
            )
        return self.classify(faces)[:, places]

    def checked(self, content: Dataset, split: str | None, log: Log) -> None:
        """Raise DataError if the order of a Keras model's labels is not said, and not that of its outputs."""
        if self.loaded is not None:
            label_order.with_labels_of(self.loaded, content, self.classify, split, log)

    def predict_classes(self, faces: NDArray[np.uint8], content: Dataset) -> NDArray[np.int64]:
        """The most probable class (n,) of each face, as an index into the data's classes."""
        classes: NDArray[np.int64] = self.probabilities(faces, content).argmax(axis=1)
        return classes


def load_scored_model(
    path: Path, input_range: tuple[float, float] | None = None, labels: Sequence[str] | None = None
) -> ScoredModel:
    """The model at `path`; `input_range` and `labels` are for a Keras model. Raises ModelError and SettingsError."""
    if path.suffix.lower() == ".tflite":
        if input_range is not None:
            raise SettingsError(f"--input-range: the input of {path} is described by its card; leave the option out")
        if labels is not None:
            raise SettingsError(f"--labels: the labels of {path} are those of its card; leave the option out")
        card = load_card(path)
        with backend.quiet():
            classifier = TfliteClassifier(card)
        return ScoredModel(path, card.labels, card.size, classifier.predict_crops, card)
    loaded = load.load(path, input_range, labels)
    model = fold.to_pixel_input(loaded)

    def classify(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        return predict(model, resize_faces(faces, loaded.size))

    return ScoredModel(path, loaded.labels, loaded.size, classify, loaded=loaded)


def mirror_averaged(model: ScoredModel) -> ScoredModel:
    """`model`, which gives the mean of each face and its mirror image, as fer-edge does in single pictures."""

    def classify(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        mirrored = model.classify(np.ascontiguousarray(faces[:, :, ::-1]))
        mean: NDArray[np.float32] = np.mean((model.classify(faces), mirrored), axis=0, dtype=np.float32)
        return mean

    return replace(model, classify=classify)


def load_reference(model: ScoredModel) -> ScoredModel | str:
    """The float32 file beside a converted model, or a text that says why there is none.

    Raises ModelError if it is damaged, or if it belongs to another model.
    """
    if not (model.card and model.converted_variant):
        return NO_REFERENCE
    path = model.path.parent / f"{model.card.model}-{REFERENCE_VARIANT}.tflite"
    if not path.is_file():
        return f"no {path.name} beside it"
    reference = load_scored_model(path)
    if _trained_from(path) != _trained_from(model.path):
        raise ModelError(f"model {path}: of another model than {model.path.name}; restore both from one conversion")
    return reference


def _trained_from(path: Path) -> Any:
    """What the card of the .tflite at `path`, which was loaded before, says about its Keras model."""
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8")).get("trained_from")
