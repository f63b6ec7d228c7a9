"""Keras models from disk, `.keras` and the legacy `.hdf5`, and what is known about them.

Beside a model of `fer-convert train` is `<name>.json`: its labels, the range of its input, its training data.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fer_edge.classifiers import bare
from fer_edge.classifiers.cards import TARGETS
from fer_edge.errors import ModelError
from fer_edge.types import EMOTIONS

from fer_convert import backend, files
from fer_convert.export import adapt, model_file
from fer_convert.export.flat import flatten
from fer_convert.training.recipe import CLASS_WEIGHTS

PIXEL_RANGE = (0.0, 255.0)  # input range of a model that takes pixels as they are
LEGACY_RANGE = (-1.0, 1.0)  # of the published FER2013 models: pixel / 127.5 - 1
CHANNELS = (1, 3)  # grey, or colours
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
    labels_said: bool = True  # False: nothing says them; they are FER2013's seven, or numbers


def load(
    path: Path, input_range: tuple[float, float] | None = None, labels: Sequence[str] | None = None
) -> LoadedModel:
    """The model at `path`, with grey pixels in and probabilities out.

    `input_range` and `labels`, in the order of its outputs, override those in its .json; without either, the labels are
    those of a labels.txt beside it. Raises ModelError.
    """
    keras = backend.keras()
    model_file.check(path)
    try:
        model = flatten(keras.models.load_model(path, custom_objects=_older_layers(), compile=False))
    except Exception as cause:  # noqa: BLE001 - Keras, h5py and zipfile raise errors of a dozen kinds
        raise model_file.why_not_loaded(path, cause) from None
    known = sidecar(path)
    usual = LEGACY_RANGE if path.suffix.lower() != ".keras" else PIXEL_RANGE
    low, high = (float(value) for value in input_range or known.get("input_range") or usual)
    size = _input_size(path, model)
    model = adapt.to_probabilities(adapt.to_grey_input(model, path), path, (low, high))
    classes = model.output_shape[1]
    beside = bare.labels_file(path) if not (labels or known.get("labels")) else None
    said = tuple(labels or known.get("labels") or (bare.read_labels(beside) if beside else ()))
    if said and len(said) != classes:
        where = "--labels" if labels else beside or path.with_suffix(".json")
        raise ModelError(f"model {path}: {classes} outputs, but {len(said)} labels in {where}")
    data = dict(known.get("training_data") or {})
    return LoadedModel(
        model,
        path,
        files.sha256(path),
        said or (EMOTIONS if classes == len(EMOTIONS) else tuple(map(str, range(classes)))),
        size,
        (low, high),
        data,
        known.get("class_weights") or "none",
        # Before there was a choice, `fer-convert train` said nothing of it, and took labels.
        known.get("learned_from") or ("labels" if data else ""),
        bool(said),
    )


def _older_layers() -> dict[str, Any]:
    """Layers that Keras 2 wrote with settings that Keras 3 refuses, by name."""
    current: Any = backend.keras().layers.DepthwiseConv2D

    class DepthwiseConv2D(current):  # type: ignore[misc]
        """With `groups`, which is always 1 here; Teachable Machine's models have it."""

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            kept = {name: value for name, value in config.items() if name != "groups"}
            return current.from_config(kept)

    return {"DepthwiseConv2D": DepthwiseConv2D}


def _input_size(path: Path, model: Any) -> tuple[int, int]:
    """(height, width) of the pictures that `model` takes. Raises ModelError if those are no pictures of faces."""
    entry = getattr(model, "input_shape", None)
    if isinstance(entry, tuple) and len(entry) == 4 and entry[1] in CHANNELS and entry[3] not in CHANNELS:
        raise ModelError(
            f"model {path}: its input is {entry}, channels first; build it with data_format='channels_last', copy the "
            "weights, and save that"
        )
    if not isinstance(entry, tuple) or len(entry) != 4 or entry[3] not in CHANNELS or None in entry[1:]:
        raise ModelError(f"model {path}: its input is {entry}; a face is (any, height, width, 1), in colour 3")
    if not all(1 <= side <= MAX_SIDE_PX for side in entry[1:3]):
        raise ModelError(
            f"model {path}: takes {entry[1]} x {entry[2]} pixels, the device 1 to {MAX_SIDE_PX} a side; "
            "give a model with a smaller input"
        )
    result = getattr(model, "output_shape", None)
    if not isinstance(result, tuple) or not (len(result) == 2 or result[1:3] == (1, 1)) or not result[-1]:
        raise ModelError(f"model {path}: its output is {result}; a classifier's is (any, classes)")
    return entry[1], entry[2]


def sidecar(path: Path) -> dict[str, Any]:
    """What the .json beside the model at `path` says, see SIDECAR_ENTRIES; {} without one. Raises ModelError."""
    card = path.with_suffix(".json")
    if not model_file.is_file(card):
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


def with_classes(loaded: LoadedModel, classes: int, order: Sequence[int] | None = None) -> Any:
    """The model with a new, untrained last layer for `classes` classes, taking pixels as they are.

    The last layer that has weights is replaced; those after it (pooling, softmax) are copied as they are. With `order`,
    the output that is each class, the new layer has the weights of the old one. Raises ModelError if the layers do not
    end in one chain.
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
    if order is not None:
        fresh.set_weights([values[..., list(order)] for values in head.get_weights()])
    return keras.Model(body.input, x, name=loaded.model.name)
