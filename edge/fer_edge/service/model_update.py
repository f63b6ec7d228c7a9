"""A model that was installed meanwhile is taken up by the running loop, on trial: if it fails, the last one is back."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fer_edge.build import make_classifier
from fer_edge.classifiers import cards
from fer_edge.classifiers.cards import Card, installed, kept_before
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.errors import ModelError, first_line
from fer_edge.settings import ClassifierSettings
from fer_edge.types import Box, Classifier, Pixels, Prediction

_log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between two looks at the files
READINGS = 1000  # after so many the last model is not kept any longer


class WithFallback:
    """The classifier `new`, until it fails: then `old`, for good, and that is told."""

    def __init__(self, new: Classifier, old: Classifier) -> None:
        """Both must have the same labels."""
        self.labels, self.usual_entropy = new.labels, new.usual_entropy
        self.classifier = new
        self._old: Classifier | None = old
        self._left = READINGS

    @property
    def proven(self) -> Classifier:
        """The one to go back to; `new` itself once its trial is over."""
        return self.classifier if self._old is None else self._old

    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]:
        """See `Classifier`."""
        if self._old is None:
            return self.classifier.predict(grey, boxes)
        try:
            predictions = self.classifier.predict(grey, boxes)
            for prediction in predictions:
                if not all(map(math.isfinite, prediction.scores)):
                    raise ModelError(f"gives {prediction.scores}, no probabilities")
        except Exception as error:  # noqa: BLE001 (interpreters raise RuntimeError, ValueError and more)
            _log.error(f"the new model fails: {first_line(error)}; back to the one before; install another")
            self.classifier, self._old = self._old, None
            self.usual_entropy = self.classifier.usual_entropy
            return self.classifier.predict(grey, boxes)
        self._left -= len(predictions)
        if self._left <= 0:
            self._old = None
        return predictions


def start_classifier(settings: ClassifierSettings) -> Classifier:
    """The model that the settings name; one that was installed is on trial, beside the one before or the shipped one.

    Where it fails at once they take its place. Raises ModelError: what is wrong with the first, if all fail. A path has
    no others to fall back on.
    """
    failure: ModelError | None = None
    try:
        newest = make_classifier(settings)
    except ModelError as error:
        failure = error
    for words, shelf in _others(settings.model):
        try:
            other = make_classifier(settings, shelf())
        except ModelError:
            continue
        if failure is not None:
            _log.error(f"{failure}; the model {words} is used")
            return other
        if other.labels == newest.labels:
            return newest if identity(other) == identity(newest) else WithFallback(newest, other)
    if failure is not None:
        raise failure
    return newest


def _others(model: str) -> Iterator[tuple[str, Callable[[], list[Card]]]]:
    if cards.is_path(model) or not os.path.isdir(cards.LOCAL):  # noqa: PTH112 (is_dir raises where it may not look)
        return
    if before := kept_before(cards.LOCAL):
        yield "installed before", lambda: installed(local=before)
    yield "that came with fer-edge", lambda: installed(cards.models_folder())


def identity(classifier: Classifier) -> str:
    """What tells a model from another one of its name."""
    return classifier.card.sha256 if isinstance(classifier, TfliteClassifier) else type(classifier).__name__


class ModelWatcher:
    """Whether other models lie where the settings have them: noticed once they have lain there for two looks."""

    def __init__(self, settings: ClassifierSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.follow(settings)

    def follow(self, settings: ClassifierSettings) -> None:
        """Look where `settings` have it from now on; what lies there now is no news."""
        path = Path(settings.model)
        self._path = path if cards.is_path(settings.model) else None
        self._used = self._last = self._state()
        self._news = False
        self._due = self._clock() + EVERY

    def changed(self) -> bool:
        """To be asked often; True until `follow`."""
        if (now := self._clock()) >= self._due:
            self._due = now + EVERY
            before, self._last = self._last, self._state()
            self._news = before == self._last != self._used  # a copy that goes on is waited for
        return self._news

    def _state(self) -> list[tuple[int, ...]]:
        if self._path is not None:
            return [_state(self._path), _state(self._path.parent / f"{self._path.stem}.json")]
        # A turned link shows in the folder itself, files that somebody copied there by hand in themselves.
        try:
            names = sorted(os.listdir(cards.LOCAL))  # noqa: PTH208 (iterdir says less of what it raises)
        except OSError:  # not there, or not for us
            names = []
        return [_state(path) for path in (cards.LOCAL, *(cards.LOCAL / name for name in names))]


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
