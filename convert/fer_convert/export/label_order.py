"""Whether a model's outputs are in the order that its labels are said to have, measured on labelled faces.

A model by others is often a file alone. FER2013's own order is only one of those in use: Keras reads folders in
alphabetical order. In another order a model is wrong for most faces, and nothing else in a conversion would show it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from fer_edge.classifiers.labels import match_labels
from fer_edge.errors import DataError
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fer_convert.data.faces import TRAINING_SPLITS, Dataset, Faces
from fer_convert.export.load import LoadedModel
from fer_convert.messages import Log

MAX_FACES = 2000  # to find an order with, and to measure it on
MIN_GAIN = 0.05  # share of the faces that another order must be right for, beyond this one
MIN_SIGMAS = 4.0  # and by how many standard errors
Classify = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # faces (n, height, width) -> probabilities (n, labels)


def with_labels_of(loaded: LoadedModel, data: Dataset, classify: Classify, split: str | None, log: Log) -> Dataset:
    """`data` with its classes called and ordered as the labels of `loaded`, matched by their names.

    `classify` asks the model for the faces of `data`, of which `split` is measured. Raises DataError if the names do
    not match, or if another order fits the faces much better, and then says which.
    """
    matched = match_labels(data.classes, loaded.labels)
    if matched is not None and loaded.training_data:
        return data.with_classes(loaded.labels, str(loaded.path))  # `fer-convert train` took them from the data itself
    to_find, to_measure = _parts(data, split)
    best = _best_order(classify, to_find, len(data.classes), len(loaded.labels))
    best_names = ",".join(data.classes[place] for place in best) if best else ""
    cure = (
        'give the labels in the order of the outputs with --labels, or as {"labels": […]} in '
        f"{loaded.path.with_suffix('.json')}"
    )
    if matched is None:
        known = ", ".join(loaded.labels) if loaded.labels_said else f"not known (of {len(loaded.labels)} outputs)"
        raise DataError(
            f"data {data.name}: its classes are {', '.join(data.classes)}, the labels of {loaded.path} are {known}; "
            + cure
            + (f"; what fits these faces best is {best_names}" if best else "")
        )
    predicted = classify(to_measure.pixels).argmax(axis=1)
    right = np.array(matched)[predicted] == to_measure.labels
    if best and _is_better(np.array(best)[predicted] == to_measure.labels, right):
        share = (np.array(best)[predicted] == to_measure.labels).mean()
        raise DataError(
            f"model {loaded.path}: with its labels in the order {','.join(loaded.labels)} it is right for "
            f"{right.mean():.0%} of the faces of {data.name}, in the order {best_names} for {share:.0%}; {cure}"
        )
    if not loaded.labels_said:
        log(
            f"nothing says the labels of {loaded.path}: taken to be {','.join(loaded.labels)}, right for "
            f"{right.mean():.0%} of the faces"
        )
    return data.with_classes(loaded.labels, str(loaded.path))


def _parts(data: Dataset, split: str | None) -> tuple[Faces, Faces]:
    """The faces to find an order with, and others to measure it on; MAX_FACES of each at most, always the same."""
    measured, validation = data.validation(split)
    name = next((name for name in data.splits if name.lower() in map(str.lower, TRAINING_SPLITS)), measured)
    rng = np.random.default_rng(0)
    first, second = (rng.permutation(len(faces)) for faces in (data.splits[name], validation))
    if name == measured:  # it is all there is
        first, second = second[::2], second[1::2]
    return data.splits[name][first[:MAX_FACES]], validation[second[:MAX_FACES]]


def _best_order(classify: Classify, faces: Faces, classes: int, outputs: int) -> list[int] | None:
    """The class of each output, each once, with the most shares of the classes' faces; None if they are not as many."""
    if classes != outputs or not len(faces):
        return None
    confusion = np.zeros((outputs, classes))
    np.add.at(confusion, (classify(faces.pixels).argmax(axis=1), faces.labels), 1)
    shares = confusion / np.maximum(confusion.sum(axis=0), 1)
    return [int(place) for place in linear_sum_assignment(-shares)[1]]


def _is_better(other: NDArray[np.bool_], right: NDArray[np.bool_]) -> bool:
    """Whether `other` is right (n,) for more faces than `right`, and not by chance."""
    gained = other.astype(np.float64) - right
    chance = MIN_SIGMAS * np.sqrt((gained**2).sum()) / max(1, len(gained))
    return bool(len(gained) and gained.mean() > max(MIN_GAIN, chance))
