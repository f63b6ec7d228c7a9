"""Makes the loop's parts from the settings: the tables name -> "module:Class" are looked up here, and only here."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from edge.cards import choose, installed
from edge.classifiers import CLASSIFIERS
from edge.classifiers.tflite import TfliteClassifier, find_runtime
from edge.detectors import DETECTORS
from edge.errors import SettingsError
from edge.settings import ClassifierSettings, DetectorSettings, Settings
from edge.sinks import SINKS
from edge.types import Classifier, Detector, Sink


def lookup(table: Mapping[str, str], name: str, what: str) -> Any:
    """The class or function behind `name`; its module is imported now. Raises SettingsError naming what is known."""
    if name not in table:
        raise SettingsError(f"{what} {name!r}: unknown; known are {', '.join(table)}")
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def make_detector(settings: DetectorSettings, width: int) -> Detector:
    """The detector that the settings name, searching frames at `width` pixels."""
    detector: Detector = lookup(DETECTORS, settings.name, "detector")(settings, width)
    return detector


def make_classifier(settings: ClassifierSettings) -> Classifier:
    """The classifier that the settings name, with the model that suits this runtime and processor."""
    kind = lookup(CLASSIFIERS, settings.name, "classifier")
    if kind is not TfliteClassifier:
        other: Classifier = kind()
        return other
    runtime, _ = find_runtime(settings.runtime)
    path_given = settings.model.endswith(".tflite") or "/" in settings.model
    card = choose(settings.model, settings.variant, runtime, [] if path_given else installed())
    return TfliteClassifier(card.path, card, runtime, settings.threads)


def make_sink(name: str, settings: Settings) -> Sink:
    """The output called `name`, opened."""
    sink: Sink = lookup(SINKS, name, "sink")(settings)
    return sink
