"""Makes the loop's parts from the settings."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from fer_edge.classifiers import CLASSIFIERS
from fer_edge.classifiers.tta import MirrorAveraging, TestTimeAugmentation
from fer_edge.detectors import DETECTORS
from fer_edge.detectors.auto import choose_detector
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.zone import Zone, in_zone
from fer_edge.errors import FerEdgeError, ModelError, SinkError, first_line, one_line
from fer_edge.lookup import lookup
from fer_edge.pause import PauseSwitch
from fer_edge.settings import ClassifierSettings, DetectorSettings, Settings
from fer_edge.sinks import SINKS
from fer_edge.sinks.guard import Guarded
from fer_edge.sinks.mailbox import Mailbox
from fer_edge.sinks.output import Output
from fer_edge.tracking.smoother import PICTURE_CERTAIN, Smoother
from fer_edge.tracking.tracker import NoTracking, Tracker
from fer_edge.types import Area, Box, Classifier, Detector, FaceTracker, LabelSmoother, Sink

INVENTED = "tour"  # in SOURCES, DETECTORS and CLASSIFIERS: its readings stand in a script


class Parts(NamedTuple):
    """What the loop needs between a source and its sinks."""

    detector: Detector
    tracker: FaceTracker
    classifier: Classifier
    smoother: LabelSmoother


def make_parts(settings: Settings, classifier: Classifier, still: bool, detector: Detector | None = None) -> Parts:
    """The parts for a moving picture; or for `still` ones, which have time for small faces and need no memory.

    `detector`: one that was made for stills, to be used again; None: a new one.
    """
    detector = detector or make_detector(settings.detector, still, settings.source.zone)
    if not is_invented(settings):  # views of an invented face are no different
        classifier = MirrorAveraging(classifier) if still else TestTimeAugmentation(classifier)
    if still:
        return Parts(detector, NoTracking(), classifier, Smoother(settings.smoother, PICTURE_CERTAIN))
    return Parts(detector, Tracker(settings.tracker), classifier, Smoother(settings.smoother))


def is_invented(settings: Settings) -> bool:
    """Whether what is read stands in a script."""
    return settings.classifier.name == INVENTED


def for_source(settings: Settings, kind: str) -> Settings:
    """`settings` for a source of `kind`, a name in SOURCES: the tour's script says what is found and read."""
    if kind != INVENTED:
        return settings
    return replace(
        settings,
        detector=replace(settings.detector, name=INVENTED, model=""),
        classifier=replace(settings.classifier, name=INVENTED),
        source=replace(settings.source, zone=()),
    )


def make_detector(settings: DetectorSettings, still: bool, zone: Area | tuple[()] = ()) -> Detector:
    """The detector that the settings name, with the threads that they allow. Raises ModelError.

    `zone`: the part of the frame in which it looks, x, y, width, height as shares of it; (): all of it.
    """
    cv2.setNumThreads(settings.threads or -1)
    settings = choose_detector(settings).settings
    if zone:
        settings = replace(settings, ignore=in_zone(settings.ignore, zone))
    detector: Detector = lookup(DETECTORS, settings.name, "detector")(settings, FaceVerifier(), still)
    return Zone(detector, zone) if zone else detector


def make_classifier(settings: ClassifierSettings) -> Classifier:
    """The classifier that the settings name. It has read one empty face, so it is known to work. Raises ModelError."""
    classifier: Classifier = lookup(CLASSIFIERS, settings.name, "classifier")(settings)
    try:
        (prediction,) = classifier.predict(np.zeros((64, 64), np.uint8), [Box(0, 0, 64, 64)])
    except Exception as cause:  # the runtimes raise RuntimeError, ValueError and more
        reason = first_line(cause)
        raise ModelError(f"model {classifier.name}: cannot read a face ({reason}); install another model") from cause
    if not all(map(math.isfinite, prediction.scores)):
        raise ModelError(f"model {classifier.name}: gives {prediction.scores}, no probabilities; convert it again")
    return classifier


def make_sink(name: str, settings: Settings, pause_switch: PauseSwitch | None = None) -> Guarded | Mailbox:
    """The output called `name`, opened; those that pause the loop do it by `pause_switch`. Raises FerEdgeError."""
    output: Output[Sink] = lookup(SINKS, name, "sink")
    make = partial(output, settings, pause_switch or PauseSwitch())
    if output.in_thread:
        return Mailbox(name, make)
    try:
        return Guarded(name, make())
    except FerEdgeError:
        raise
    except Exception as cause:  # an output of yours may raise anything; new settings must not end the loop by it
        raise SinkError(f"{one_line(name, cause)}; fix it, or leave {name} out of run.sinks") from cause
