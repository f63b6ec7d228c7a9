"""The model in use, and how another one takes its place while the loop runs: on trial first, with a way back."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from fer_edge.build import make_classifier
from fer_edge.classifiers import cards
from fer_edge.classifiers.runtimes import find_runtime
from fer_edge.errors import ModelError, first_line
from fer_edge.settings import ClassifierSettings
from fer_edge.types import Box, Classifier, Pixels, Prediction

_log = logging.getLogger(__name__)

FILES_POLL_INTERVAL_S = 2.0  # between two checks of the model files
TRIAL_PREDICTIONS = 1000  # that a new model makes before the proven one is dropped


class WithFallback:
    """A classifier that can be exchanged between two frames. One that fails on trial gives way to the proven one."""

    def __init__(self, proven: Classifier) -> None:
        self._proven = proven
        self.swap(proven)

    def swap(self, new: Classifier) -> None:
        """Use `new`, which has the same labels, from now on: on trial, unless it is the proven model again."""
        self.name, self.identity, self.labels = new.name, new.identity, new.labels
        if new.identity == self._proven.identity:
            self._proven = new
        self._used = new
        self._trial_left = 0 if new is self._proven else TRIAL_PREDICTIONS

    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]:
        """See `Classifier`. A model that fails on trial is replaced within this call."""
        if self._trial_left <= 0:
            return self._used.predict(grey, boxes)
        try:
            predictions = self._used.predict(grey, boxes)
            for prediction in predictions:
                if not all(map(math.isfinite, prediction.scores)):
                    raise ModelError(f"gives {prediction.scores}, no probabilities")
        except Exception as error:  # noqa: BLE001 (interpreters raise RuntimeError, ValueError and more)
            _log.error(f"the new model fails: {first_line(error)}; back to the one before; install another")
            self.swap(self._proven)
            return self._used.predict(grey, boxes)
        self._trial_left -= len(predictions)
        if self._trial_left <= 0:
            self._proven = self._used
        return predictions


def load_model(settings: ClassifierSettings) -> WithFallback:
    """The model that the settings name, on trial beside an older one of that name: installed before it, or shipped.

    The older one is used alone if the newest does not work at all. Raises ModelError, with what is wrong with the
    newest, if none works. A path has no older one.
    """
    older = _older(settings)  # loaded one after the other, as far as they are needed
    try:
        newest = make_classifier(settings)
    except ModelError as failure:
        for origin, classifier in older:
            _log.error(f"{failure}; the model {origin} is used")
            return WithFallback(classifier)
        raise
    for _, classifier in older:
        if classifier.labels == newest.labels:
            model = WithFallback(classifier)
            model.swap(newest)
            return model
    return WithFallback(newest)


def _older(settings: ClassifierSettings) -> Iterator[tuple[str, Classifier]]:
    """Where an older model comes from, in words, and the model; only those that work."""
    if cards.is_path(settings.model) or not os.path.isdir(cards.LOCAL_MODELS_FOLDER):  # noqa: PTH112 (is_dir raises in a closed folder)
        return
    folders = [("that came with fer-edge", partial(cards.installed, cards.models_folder()))]
    if before := cards.previous_models(cards.LOCAL_MODELS_FOLDER):
        folders.insert(0, ("installed before", partial(cards.installed, local=before)))
    for origin, find in folders:
        with suppress(ModelError):
            runtime, _ = find_runtime(settings.runtime)
            card = cards.choose(settings.model, settings.variant, runtime, find())
            yield origin, make_classifier(replace(settings, model=str(card.path)))


class ModelWatcher:
    """Notices other model files, in the place that the settings name, once two checks in a row find the same ones."""

    def __init__(self, settings: ClassifierSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """What lies there now is no news."""
        self._path = Path(settings.model) if cards.is_path(settings.model) else None
        self._clock = clock
        self._known = self._last = self._files()
        self._changed = False
        self._due = clock() + FILES_POLL_INTERVAL_S

    def changed(self) -> bool:
        """Whether there are other files; to be asked often. True until `take_change`."""
        if (now := self._clock()) >= self._due:
            self._due = now + FILES_POLL_INTERVAL_S
            before, self._last = self._last, self._files()
            self._changed = before == self._last != self._known  # a copy that goes on is waited for
        return self._changed

    def take_change(self) -> bool:
        """Whether there are other files; True once: what lies there now is no news any longer."""
        asked, self._changed = self._changed, False
        if asked:
            self._known = self._last = self._files()
        return asked

    def _files(self) -> list[tuple[int, ...]]:
        if self._path is not None:
            return [_file_state(self._path), _file_state(self._path.parent / f"{self._path.stem}.json")]
        # A replaced link shows in the folder itself, files that were copied there by hand in themselves.
        try:
            names = sorted(os.listdir(cards.LOCAL_MODELS_FOLDER))  # noqa: PTH208 (iterdir says less of what it raises)
        except OSError:  # not there, or not readable
            names = []
        return [
            _file_state(path)
            for path in (cards.LOCAL_MODELS_FOLDER, *(cards.LOCAL_MODELS_FOLDER / name for name in names))
        ]


def _file_state(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
