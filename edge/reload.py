"""New settings for a loop that runs: parts and outputs change between two frames, or all stays as it was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge.build import Parts, make_classifier, make_parts
from edge.changes import changed, in_words
from edge.classifiers.tflite import TfliteClassifier
from edge.errors import FerEdgeError, SettingsError
from edge.glances import Glances
from edge.outputs import Outputs
from edge.settings import Settings
from edge.tell import tell
from edge.tracker import Tracker
from edge.types import Box, Classifier

AT_START = ("source",)  # tables that count from the next start on


def start_parts(settings: Settings, still: bool) -> Parts:
    """The loop's parts; the model has read one empty face, so that it is known to work. Raises FerEdgeError."""
    classifier = make_classifier(settings.classifier)
    classifier.read(np.zeros((64, 64), np.uint8), [Box(0, 0, 64, 64)])
    return make_parts(settings, classifier, still)


def describe(parts: Parts) -> str:
    """The model in use, and the interpreter."""
    classifier = _bare(parts)
    if not isinstance(classifier, TfliteClassifier):
        return type(classifier).__name__
    return f"{classifier.card.name} with {classifier.runtime}"


def reload(read: Callable[[], Settings], old: Settings, parts: Parts, outputs: Outputs) -> tuple[Settings, Parts]:
    """The settings that `read` gives and parts that follow them, told in words; where they cannot be used, `old`.

    Faces keep their numbers and their labels' history. A model file that was replaced counts as a change.
    """
    try:
        new = read()
        fresh = start_parts(new, not isinstance(parts.classifier, Glances))
        if fresh.classifier.labels != parts.classifier.labels:
            raise SettingsError(f"{describe(fresh)}: other labels than before; try: sudo systemctl restart fer-edge")
    except FerEdgeError as error:
        tell(f"{error}; the old settings stay")
        return old, parts
    if not outputs.try_follow(new):
        return old, parts
    _tell_changes(old, new, _file(parts) != _file(fresh))
    parts.smoother.follow(new.smoother)
    if isinstance(parts.tracker, Tracker):
        parts.tracker.follow(new.tracker)
    return new, fresh._replace(tracker=parts.tracker, smoother=parts.smoother)


def _tell_changes(old: Settings, new: Settings, other_model: bool) -> None:
    words = [in_words(old, new), f"the model is {'another file' if other_model else 'the same'}"]
    tell(f"settings read again: {'; '.join(filter(None, words))}", "note")
    later = [f"{part}.{key}" for part, keys in changed(old, new).items() if part in AT_START for key in keys]
    if later:
        tell(f"{', '.join(later)}: counts from the next start on: sudo systemctl restart fer-edge", "note")


def _bare(parts: Parts) -> Classifier:
    return parts.classifier.classifier if isinstance(parts.classifier, Glances) else parts.classifier


def _file(parts: Parts) -> str:
    classifier = _bare(parts)
    return classifier.card.sha256 if isinstance(classifier, TfliteClassifier) else type(classifier).__name__
