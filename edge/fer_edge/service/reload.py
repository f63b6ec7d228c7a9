"""New settings for a loop that runs: parts and outputs change between two frames, or all stays as it was."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fer_edge.build import Parts, make_classifier, make_parts
from fer_edge.classifiers.tflite import TfliteClassifier
from fer_edge.classifiers.tta import TestTimeAugmentation
from fer_edge.errors import FerEdgeError, SettingsError
from fer_edge.service.model_update import WithFallback, identity, start_classifier
from fer_edge.service.outputs import Outputs
from fer_edge.service.settings_changes import changed, in_words
from fer_edge.settings import Settings
from fer_edge.tracking.tracker import Tracker
from fer_edge.types import Classifier

_log = logging.getLogger(__name__)

AT_START = ("source",)  # tables that count from the next start on


def start_parts(settings: Settings, still: bool) -> Parts:
    """The loop's parts at the start, where the model before the newest is better than none. Raises FerEdgeError."""
    return make_parts(settings, start_classifier(settings.classifier), still)


def take_up(settings: Settings, parts: Parts) -> Parts:
    """The parts with the model that is installed now; where it cannot be used, that is told and they stay."""
    try:
        fresh = _renewed(settings, parts)
    except FerEdgeError as error:
        _log.error(f"{error}; the model in use stays")
        return parts
    if _file(parts) == _file(fresh):
        return parts
    _log.info(f"a new model is taken up: {describe(fresh)}")
    return fresh


def _renewed(settings: Settings, parts: Parts) -> Parts:
    """`parts` made anew, but for what they know of the faces; another model is on trial. Raises FerEdgeError."""
    new, proven = make_classifier(settings.classifier), _proven(parts)
    if new.labels != proven.labels:
        raise SettingsError(f"{_named(new)}: other labels than before; try: sudo systemctl restart fer-edge")
    used = new if identity(new) == identity(proven) else WithFallback(new, proven)
    fresh = make_parts(settings, used, not isinstance(parts.classifier, TestTimeAugmentation))
    return fresh._replace(tracker=parts.tracker, smoother=parts.smoother)


def describe(parts: Parts) -> str:
    """The model in use, and the interpreter."""
    return _named(_bare(parts))


def reload(read: Callable[[], Settings], old: Settings, parts: Parts, outputs: Outputs) -> tuple[Settings, Parts]:
    """The settings that `read` gives and parts that follow them, told in words; where they cannot be used, `old`.

    Faces keep their numbers and their labels' history. A model file that was replaced counts as a change.
    """
    try:
        new = read()
        fresh = _renewed(new, parts)
    except FerEdgeError as error:
        _log.error(f"{error}; the old settings stay")
        return old, parts
    if not outputs.try_follow(new):
        return old, parts
    _tell_changes(old, new, _file(parts) != _file(fresh))
    parts.smoother.follow(new.smoother)
    if isinstance(parts.tracker, Tracker):
        parts.tracker.follow(new.tracker)
    return new, fresh


def _tell_changes(old: Settings, new: Settings, other_model: bool) -> None:
    words = [in_words(old, new), f"the model is {'another file' if other_model else 'the same'}"]
    _log.info(f"settings read again: {'; '.join(filter(None, words))}")
    later = [f"{part}.{key}" for part, keys in changed(old, new).items() if part in AT_START for key in keys]
    if later:
        _log.info(f"{', '.join(later)}: counts from the next start on: sudo systemctl restart fer-edge")


def _bare(parts: Parts) -> Classifier:
    """The classifier in use, out of what is wrapped around it."""
    classifier = parts.classifier
    while isinstance(classifier, TestTimeAugmentation | WithFallback):
        classifier = classifier.classifier
    return classifier


def _proven(parts: Parts) -> Classifier:
    """The classifier that is known to work, be it in use or not."""
    classifier = parts.classifier
    while isinstance(classifier, TestTimeAugmentation | WithFallback):
        classifier = classifier.classifier if isinstance(classifier, TestTimeAugmentation) else classifier.proven
    return classifier


def _named(classifier: Classifier) -> str:
    if not isinstance(classifier, TfliteClassifier):
        return type(classifier).__name__
    return f"{classifier.card.name} with {classifier.runtime}"


def _file(parts: Parts) -> str:
    return identity(_bare(parts))
