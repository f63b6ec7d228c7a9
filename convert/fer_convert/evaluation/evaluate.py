"""How good a model is on faces that it was not trained on.

    fer-convert evaluate models/mini_xception-int8.tflite --data fer2013.csv --conditions --report report/
    fer-convert evaluate models/mini_xception-int8.tflite --data fer2013.csv --votes fer2013new.csv --report report/

A .tflite file is scored through the device's own classifier, so that the figure is the device's; a Keras model is
scored through Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_convert import files
from fer_convert.data import dataset
from fer_convert.data.faces import FER2013_SIDE_PX, Dataset, Faces
from fer_convert.data.votes import consensus_faces
from fer_convert.evaluation import people, report
from fer_convert.evaluation.conditions import CONDITIONS
from fer_convert.evaluation.metrics import CALIBRATION_BINS, Metrics, Parity, measure, parity
from fer_convert.evaluation.people import VoteSource
from fer_convert.evaluation.prior import find_prior
from fer_convert.evaluation.result import Evaluation, Scores, Value
from fer_convert.evaluation.scored_model import (
    NO_REFERENCE,
    REFERENCE_VARIANT,
    ScoredModel,
    load_reference,
    load_scored_model,
    mirror_averaged,
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
    vote_file: Path | None = None,
    log: Log = print,
    labels: Sequence[str] | None = None,
    mirror: bool = False,
) -> Evaluation:
    """Measure the model at `path` on the data at `source`; log a table, write `json_file` and a report to `folder`.

    `split` is the one to measure on, by default the validation split. With `conditions`, measure under each of
    CONDITIONS too, and compare with the float32 file of the same model. With `vote_file`, measure by what most people
    see, on the faces of the split that have a majority. `labels` are those of a Keras model's outputs, in their order.
    With `mirror`, each face counts with its mirror image, as in fer-edge's single pictures. Raises ModelError,
    DataError, SinkError.
    """
    if json_file:
        files.check_file(json_file)
    if folder:
        files.check_folder(folder, "--report")
    model = load_scored_model(path, input_range, labels)
    reference = load_reference(model) if conditions else NO_REFERENCE
    if mirror:
        model = mirror_averaged(model)
        reference = reference if isinstance(reference, str) else mirror_averaged(reference)
    # The faces of a CSV stay as they are here: the classifier resizes them.
    size = model.size if source.is_dir() else NATIVE_SIZE
    content = dataset.read(source, size)
    model.checked(content, split, log)
    name, every = content.validation(split)
    votes = people.read_votes(vote_file, content, name) if vote_file else None
    prior = find_prior(model, content.classes, votes.training) if votes else None
    scores = model.probabilities(every.pixels, content)
    own_prior = model.card.prior.share if model.card and model.card.prior else None
    compared = people.compare(scores, every.labels, votes, prior, own_prior) if votes else None
    faces, probabilities = _measured(every, votes), scores[votes.agreed] if votes else scores
    metrics = measure(probabilities, faces.labels, content.classes, name)
    values: dict[str, Value] = {}
    if conditions:
        native = faces if size == NATIVE_SIZE else _measured(dataset.read(source, NATIVE_SIZE).splits[name], votes)
        changed = _condition_scores(model, content, native, with_votes=votes is not None)
        int8_cost = _parity(reference, content, faces, probabilities.argmax(axis=1))
        values = _condition_values(model, metrics, changed, int8_cost)
    unseen = ~content.seen_in_training(faces)
    is_mixed = unseen.any() and not unseen.all()
    result = Evaluation(
        path.name + (", with mirror images" if mirror else ""),
        content.name,
        content.sha256,
        metrics,
        measure(probabilities[unseen], faces.labels[unseen], content.classes, f"{name}, unseen") if is_mixed else None,
        int((~unseen).sum()),
        values,
        compared,
    )
    _write(result, json_file, folder, log)
    return result


def _write(result: Evaluation, json_file: Path | None, folder: Path | None, log: Log) -> None:
    log(report.table(result))
    if json_file:
        files.write_json(json_file, result.as_json())
    if folder:
        for written in report.write(result, folder):
            log(f"wrote {written}")


def _measured(faces: Faces, votes: VoteSource | None) -> Faces:
    """All of `faces`; with votes on them those that have a majority, labelled with what it sees."""
    return consensus_faces(faces, votes.measured) if votes else faces


def _condition_scores(model: ScoredModel, content: Dataset, native: Faces, with_votes: bool) -> dict[str, Value]:
    """What `model` scores under each of CONDITIONS, by name, on the faces `native` at NATIVE_SIZE."""
    values: dict[str, Value] = {}
    for name, change in CONDITIONS.items():
        found = measure(model.probabilities(change(native.pixels), content), native.labels, content.classes, name)
        values[name] = Scores(found.accuracy, found.macro_recall, found.macro_f1) if with_votes else found.accuracy
    return values


def _parity(reference: ScoredModel | str, content: Dataset, faces: Faces, predicted: NDArray[np.int64]) -> Parity | str:
    """The classes `predicted` (n,) of `faces` compared with those of `reference`, or why there is none."""
    if isinstance(reference, str):
        return reference
    return parity(predicted, reference.predict_classes(faces.pixels, content), faces.labels)


def _condition_values(
    model: ScoredModel, metrics: Metrics, changed: dict[str, Value], int8_cost: Parity | str
) -> dict[str, Value]:
    """The values that --conditions adds, by name."""
    return {
        "accuracy": metrics.accuracy,
        "macro-recall": metrics.macro_recall,
        "macro-F1": metrics.macro_f1,
        **changed,
        f"expected calibration error, {CALIBRATION_BINS} bins": metrics.ece,
        f"{model.converted_variant or 'int8'} against {REFERENCE_VARIANT}, points of accuracy": int8_cost,
    }
