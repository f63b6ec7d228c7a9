"""Emotions from a .tflite model, with whichever TFLite interpreter is installed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_edge import preprocess
from fer_edge.classifiers.cards import Card, choose, installed, is_path, read_model
from fer_edge.classifiers.runtimes import FALLBACK, find_runtime, invoke, load_interpreter, tflite_package
from fer_edge.errors import ModelError, first_line
from fer_edge.settings import PRIOR_AS_CONVERTED, ClassifierSettings
from fer_edge.types import Box, Pixels, Prediction

_log = logging.getLogger(__name__)

MAX_SUM_ERROR = 0.01  # of probabilities: how far their sum may be from 1 in float32 or float16


class TfliteClassifier:
    """Runs one model, one face at a time.

    The input tensor is written in place: `preprocess.face_pixels` resizes directly into it if the model takes
    unchanged pixels (input scale 1, zero point 0), else through a lookup table of 256 values.
    """

    def __init__(self, card: Card, runtime: str = "auto", threads: int = 1, prior: float | None = None) -> None:
        """Load the card's model, after a check that it matches the card. Raises ModelError.

        `prior`: how far frequent labels stay ahead, 0 to 1; None: as the model was converted.
        """
        path = card.path
        content = read_model(card)
        self._factors = _factors(card, prior)
        self.card = card
        self.labels = card.labels
        self.runtime, self._interpreter = load_interpreter(path, content, runtime, threads)
        self.name, self.identity = f"{card.name} with {self.runtime}", card.sha256
        entry = _only(path, self._interpreter.get_input_details(), "input")
        result = _only(path, self._interpreter.get_output_details(), "output")
        height, width = card.size
        taken, given = (tuple(int(side) for side in one["shape"]) for one in (entry, result))
        if taken != (1, height, width, card.channels) or np.dtype(entry["dtype"]).name != card.dtype:
            raise ModelError(
                f"model {path}: takes {np.dtype(entry['dtype']).name} of shape {taken}, its card says "
                f"{card.dtype} of (1, {height}, {width}, {card.channels}); restore both from one conversion"
            )
        if given != (1, len(card.labels)):
            raise ModelError(
                f"model {path}: gives {given}, its card has {len(card.labels)} labels; restore both from one conversion"
            )
        self._input, self._output = entry["index"], result["index"]
        self._scale, self._zero = _quantization(result)
        self._table = _table(card, entry)
        self._face: Pixels = np.empty(card.size, np.uint8)
        step = float(self._scale) if np.dtype(result["dtype"]) != np.float32 else 0.0
        # Rounding adds up to half a step for each label; a softmax of integers is a step off besides.
        self._tolerance = MAX_SUM_ERROR + (len(card.labels) / 2 + 1) * step
        for picture in probe_pictures(card.size):
            self._check_distribution(self._raw(picture, Box(0, 0, *card.size[::-1])))

    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]:
        """A Prediction for each of `boxes` in the frame `grey` (height, width) uint8."""
        return [Prediction(self.labels, tuple(self._scores(grey, box).tolist())) for box in boxes]

    def predict_crops(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities (n, labels) of `faces` (n, height, width) uint8, crops of any size that are all face."""
        height, width = faces.shape[1:]
        whole = Box(0, 0, width, height)
        scores = [self._scores(face, whole) for face in faces]
        return np.stack(scores) if scores else np.empty((0, len(self.labels)), np.float32)

    def _raw(self, grey: Pixels, box: Box) -> NDArray[np.float32]:
        """What the model gives for the face in `box`, as real numbers (labels,)."""
        # A view into the interpreter's memory must be gone before invoke(), which may move it.
        view = self._interpreter.tensor(self._input)()[0]
        if self._table is None and self.card.channels == 1:
            preprocess.face_pixels(grey, box, self.card.size, out=view[:, :, 0])
        else:
            preprocess.face_pixels(grey, box, self.card.size, out=self._face)
            values = self._face if self._table is None else self._table[self._face]
            view[...] = values[:, :, None]  # each colour gets the grey
        del view
        try:
            invoke(self._interpreter)
        except (RuntimeError, ValueError) as cause:
            words = f"fails while it reads a face ({first_line(cause)}); restore it or convert it again"
            raise ModelError(f"model {self.card.path}: {words}") from None
        raw: NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0].astype(np.float32)
        return (raw - self._zero) * self._scale

    def _scores(self, grey: Pixels, box: Box) -> NDArray[np.float32]:
        scores = self._raw(grey, box)
        total = np.abs(scores).sum()
        if not abs(total - 1) <= self._tolerance:  # NaN and what is below 0 fail this too
            self._check_distribution(scores)
        if self._factors is not None:
            scores = scores * self._factors
            total = scores.sum()
        # An int8 softmax sums to 1 only within its steps of 1/256.
        shares: NDArray[np.float32] = scores / total
        return shares

    def _check_distribution(self, scores: NDArray[np.float32]) -> None:
        """Raise ModelError unless `scores` (labels,) are 0 or more, and sum to 1."""
        if abs(np.abs(scores).sum() - 1) <= self._tolerance and scores.min() >= -self._tolerance:
            return
        shown = ", ".join(f"{score:.3g}" for score in scores[:4])
        raise ModelError(
            f"model {self.card.path}: gives {shown}{', …' if len(scores) > 4 else ''} for a face, no probabilities "
            "that sum to 1; convert its Keras model with fer-convert quantize, which adds the softmax"
        )


def classifier(settings: ClassifierSettings) -> TfliteClassifier:
    """The model that the settings name, in the variant that is fastest with this runtime and processor.

    Raises ModelError.
    """
    card, runtime = chosen(settings)
    if runtime == FALLBACK and settings.runtime == "auto":
        package = tflite_package()
        cure = f"pip install {package}" if package else "a 64-bit system, which runs int8 models too"
        _log.info(f"no TFLite interpreter is installed: OpenCV runs {card.name}, slower; the cure is {cure}")
    prior = None if settings.prior == PRIOR_AS_CONVERTED else settings.prior
    return TfliteClassifier(card, runtime, settings.threads, prior)


def chosen(settings: ClassifierSettings) -> tuple[Card, str]:
    """The card of that variant, and the runtime. Raises ModelError."""
    runtime, _ = find_runtime(settings.runtime)
    cards = [] if is_path(settings.model) else installed()
    return choose(settings.model, settings.variant, runtime, cards), runtime


def probe_pictures(size: tuple[int, int]) -> list[Pixels]:
    """A black, a white, a graded and a noisy picture of `size` (height, width), to try a model on."""
    height, width = size
    noise = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    graded = np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))
    return [np.full(size, level, np.uint8) for level in (0, 255)] + [graded, noise]


def _only(path: Path, details: list[dict[str, Any]], what: str) -> dict[str, Any]:
    if len(details) != 1:
        raise ModelError(f"model {path}: {len(details)} {what}s, a classifier has one; choose another model")
    return details[0]


def _quantization(details: dict[str, Any]) -> tuple[np.float32, np.float32]:
    scale, zero = details["quantization"]
    return (np.float32(scale), np.float32(zero)) if scale else (np.float32(1), np.float32(0))


def _table(card: Card, entry: dict[str, Any]) -> NDArray[Any] | None:
    """The input tensor's value for each pixel 0 to 255; None if that is the pixel itself."""
    low, high = card.range
    values = low + (high - low) * np.arange(256) / 255
    dtype = np.dtype(entry["dtype"])
    if dtype != np.float32:
        scale, zero = _quantization(entry)
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values / scale) + zero, limits.min, limits.max)
    table = values.astype(dtype)
    return None if dtype == np.uint8 and np.array_equal(table, np.arange(256)) else table


def _factors(card: Card, prior: float | None) -> NDArray[np.float32] | None:
    """What to multiply the probability of each label by; None: nothing. Raises ModelError."""
    if prior is None:
        return None
    if card.prior is None:
        raise ModelError(
            f"model {card.path}: its card does not say what its prior is, so classifier.prior = {prior:g} cannot be "
            "applied; convert it again with fer-convert quantize, or leave the setting out"
        )
    return np.array(card.prior.factors(prior), np.float32)
