"""Keras models from disk, `.keras` and the legacy `.hdf5`, and what is known about them.

Beside a model of `fer-convert train` is `<name>.json`: its labels, the range of its input, its training data.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fer_edge.classifiers.cards import TARGETS
from fer_edge.errors import ModelError, first_line
from fer_edge.types import EMOTIONS

from fer_convert import backend, files
from fer_convert.export.flat import flatten
from fer_convert.training.recipe import CLASS_WEIGHTS

SUFFIXES = (".keras", ".hdf5", ".h5")
PIXEL_RANGE = (0.0, 255.0)  # input range of a model that takes pixels as they are
LEGACY_RANGE = (-1.0, 1.0)  # of the published FER2013 models: pixel / 127.5 - 1
MAX_SIDE_PX = 1024  # of a model's input; the largest that a card may have (fer_edge.classifiers.cards)


def is_range(values: Any) -> bool:
    """Whether `values` is an input range: two finite numbers, the second greater."""
    if not isinstance(values, list | tuple) or len(values) != 2:
        return False
    try:
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
            return False
    except OverflowError:  # a whole number that is too large for a float
        return False
    return bool(values[0] < values[1])


def _are_labels(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(v, str) for v in values) and len(set(values)) == len(values)


# What `<name>.json` may hold: entry, a test of its value, and what that value is
SIDECAR_ENTRIES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("labels", _are_labels, "a list of different names"),
    ("input_range", is_range, "two numbers, the second greater"),
    ("training_data", lambda value: isinstance(value, dict), "an object"),
    ("class_weights", lambda value: value in CLASS_WEIGHTS, f"one of {', '.join(CLASS_WEIGHTS)}"),
    ("learned_from", lambda value: value in TARGETS, f"one of {', '.join(TARGETS)}"),
)


@dataclass(frozen=True)
class LoadedModel:
    """A Keras classifier of faces, and what is known about it."""

    model: Any
    path: Path
    sha256: str
    labels: tuple[str, ...]
    size: tuple[int, int]  # (height, width) of the input, pixels
    range: tuple[float, float]  # the input values of pixels 0 and 255
    training_data: dict[str, Any] = field(default_factory=dict)  # "name", "sha256", "faces"; empty if not known
    class_weights: str = "none"  # with which it was trained, one of CLASS_WEIGHTS
    learned_from: str = ""  # one of TARGETS; "" if not known


def load(path: Path, input_range: tuple[float, float] | None = None) -> LoadedModel:
    """The model at `path`; `input_range` overrides the range in its .json. Raises ModelError."""
    keras = backend.keras()
    if not _is_file(path):
        raise ModelError(f"model {path}: no such file; give a Keras model, {' or '.join(SUFFIXES)}")
    if path.suffix.lower() not in SUFFIXES:
        raise ModelError(f"model {path}: not a Keras model by its name; give {' or '.join(SUFFIXES)}")
    try:
        model = flatten(keras.models.load_model(path, compile=False))
    except Exception as cause:  # noqa: BLE001 - Keras, h5py and zipfile raise errors of a dozen kinds
        raise ModelError(
            f"model {path}: Keras cannot load it ({first_line(cause)[:120]}); it is cut off or no model"
        ) from None
    _, height, width, classes = _shape(path, model)
    known = _sidecar(path)
    labels = tuple(known.get("labels") or (EMOTIONS if classes == len(EMOTIONS) else map(str, range(classes))))
    if len(labels) != classes:
        raise ModelError(f"model {path}: {classes} outputs, but {len(labels)} labels in {path.with_suffix('.json')}")
    usual = LEGACY_RANGE if path.suffix.lower() != ".keras" else PIXEL_RANGE
    low, high = input_range or known.get("input_range") or usual
    data = dict(known.get("training_data") or {})
    return LoadedModel(
        model,
        path,
        files.sha256(path),
        labels,
        (height, width),
        (float(low), float(high)),
        data,
        known.get("class_weights") or "none",
        # Before there was a choice, `fer-convert train` said nothing of it, and took labels.
        known.get("learned_from") or ("labels" if data else ""),
    )


def _is_file(path: Path) -> bool:
    """Whether a file is at `path`. Raises ModelError if its folder may not be read."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as cause:
        raise ModelError(f"model {path}: cannot be read ({cause.strerror}); check the path and its rights") from None


def _shape(path: Path, model: Any) -> tuple[None, int, int, int]:
    """(batch, height, width, classes) of a model that is a classifier of grey pictures. Raises ModelError."""
    entry, result = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not isinstance(entry, tuple) or len(entry) != 4 or entry[3] != 1 or None in entry[1:]:
        raise ModelError(f"model {path}: its input is {entry}; a face is (any, height, width, 1)")
    if not all(1 <= side <= MAX_SIDE_PX for side in entry[1:3]):
        raise ModelError(
            f"model {path}: takes {entry[1]} x {entry[2]} pixels, the device 1 to {MAX_SIDE_PX} a side; "
            "give a model with a smaller input"
        )
    if not isinstance(result, tuple) or len(result) != 2 or not result[1]:
        raise ModelError(f"model {path}: its output is {result}; a classifier's is (any, classes)")
    return None, entry[1], entry[2], result[1]


def _sidecar(path: Path) -> dict[str, Any]:
    card = path.with_suffix(".json")
    if not _is_file(card):
        return {}
    try:
        known = json.loads(card.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as cause:
        raise ModelError(f"{card}: not readable as JSON ({cause}); restore or remove it") from None
    if not isinstance(known, dict):
        raise ModelError(f"{card}: not a JSON object; restore or remove it")
    for name, fits, what in SIDECAR_ENTRIES:
        if known.get(name) is not None and not fits(known[name]):
            raise ModelError(f"{card}: {name} {str(known[name])[:40]!r}: it is {what}; restore or remove the file")
    return known


def with_pixel_input(loaded: LoadedModel) -> Any:
    """The model behind a Rescaling layer, so that it takes pixels as they are; the model itself if it does already.

    One graph, not a model inside a model: a model trained from it can be folded, and given other classes, too.
    """
    if loaded.range == PIXEL_RANGE:
        return loaded.model
    keras = backend.keras()
    low, high = loaded.range
    image = keras.Input((*loaded.size, 1), name="pixels")
    values = keras.layers.Rescaling((high - low) / 255, offset=low, name="scale")(image)
    return flatten(keras.Model(image, loaded.model(values), name=loaded.model.name))


def with_classes(loaded: LoadedModel, classes: int) -> Any:
    """The model with a new, untrained last layer for `classes` classes, taking pixels as they are.

    The last layer that has weights is replaced; those after it (pooling, softmax) are copied as they are. Raises
    ModelError if the layers do not end in one chain.
    """
    keras = backend.keras()
    layers = loaded.model.layers
    last = max((i for i, layer in enumerate(layers) if layer.weights), default=None)
    width = {"Conv2D": "filters", "Dense": "units"}.get(type(layers[last]).__name__) if last is not None else None
    if last is None or width is None:
        raise ModelError(f"model {loaded.path}: its last layer is no Conv2D or Dense; give a model that ends in one")
    head = layers[last]
    fresh = type(head).from_config({**head.get_config(), width: classes})
    body = with_pixel_input(dataclasses.replace(loaded, model=keras.Model(loaded.model.input, head.input)))
    x = fresh(body.output)
    for before, layer in itertools.pairwise(layers[last:]):
        if layer.input is not before.output:
            raise ModelError(f"model {loaded.path}: its layers do not end in one chain; give a model that does")
        x = type(layer).from_config(layer.get_config())(x)
    return keras.Model(body.input, x, name=loaded.model.name)
