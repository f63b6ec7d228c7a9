"""The model files, the TFLite interpreter, the detector's file, and one prediction with all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import cv2

from fer_edge.bench.machine import describe
from fer_edge.build import make_classifier, make_detector
from fer_edge.classifiers import cards
from fer_edge.classifiers.labels import find_label
from fer_edge.classifiers.runtimes import FALLBACK, find_runtime, tflite_package
from fer_edge.demo import PORTRAIT
from fer_edge.detectors.auto import choose_detector
from fer_edge.detectors.face_verifier import read_shipped
from fer_edge.doctor.finding import Context, Finding, of_error
from fer_edge.doctor.software import installed
from fer_edge.errors import FerEdgeError, ModelError
from fer_edge.records import percent
from fer_edge.service.program import as_root
from fer_edge.sources import open_files
from fer_edge.types import Box, Classifier, Frame

REINSTALL = "sudo systemd/install.sh"
TIMED_RUNS = 20


def check(context: Context) -> Iterator[Finding]:
    """The interpreter, the files and one prediction; no device is needed."""
    yield _interpreter()
    yield _files()
    yield from _prediction(context)


def _interpreter() -> Finding:
    try:
        runtime, _ = find_runtime()
    except ModelError as error:
        says, _, fix = str(error).rpartition("; ")
        return Finding("interpreter", "failure", says, fix.removeprefix("fix it with: "))
    kind = describe().processor
    if runtime == FALLBACK:
        words = f"OpenCV {cv2.__version__} on {kind}, since there is no TFLite package: float models alone"
        package = tflite_package()
        return Finding("interpreter", "warning" if package else "ok", words, f"pip install {package}" * bool(package))
    dotprod = {"aarch64": "; no int8 dot product", "aarch64+dotprod": "; int8 dot product"}.get(kind, "")
    return Finding("interpreter", "ok", f"{runtime} {installed(runtime)} on {kind}{dotprod}")


def _files() -> Finding:
    try:
        found, failures = cards.scan()
        for card in found:
            cards.read_model(card)
        for is_float in (False, True):
            read_shipped(is_float)
    except ModelError as error:
        failures = [error]
    if failures:
        words = str(failures[0])
        # What was installed by hand, upgrades leave alone; errors of models name their files.
        own = str(cards.LOCAL_MODELS_FOLDER) in words
        return Finding("model files", "failure", words, as_root("models install FILE") if own else REINSTALL)
    return Finding("model files", "ok", f"{len(found)} and the face verifier, all match their cards")


def _prediction(context: Context) -> Iterator[Finding]:
    """The face in the demo's portrait must be found; a model with the label "happy" must predict it.

    With a warning for each detector that is installed and cannot be used.
    """
    failures: list[str] = []
    try:
        classifier = make_classifier(context.settings.classifier)
        choice = choose_detector(context.settings.detector, failures.append)
        (frame,) = open_files(str(PORTRAIT))
        threads = cv2.getNumThreads()
        settings = replace(choice.settings, ignore=())  # which is about the camera's frame
        boxes = make_detector(settings, still=True).detect(frame)
        cv2.setNumThreads(threads)
    except FerEdgeError as error:
        yield of_error("a face read", error)
        return
    for failure in failures:
        yield replace(of_error("detector", ModelError(failure)), level="warning")
    if not boxes:
        words = f"no face found in the demo's portrait by {choice.name}; change the settings in [detector]"
        yield Finding("a face read", "failure", words)
        return
    finding = _portrait(classifier, frame, boxes)
    yield replace(finding, says=f"{finding.says}; found by {choice.why}")


def _portrait(classifier: Classifier, frame: Frame, boxes: list[Box]) -> Finding:
    (prediction, *_) = classifier.predict(frame.grey, boxes)
    words = f"the demo's portrait is {prediction.emotion} ({percent(prediction.score(prediction.emotion))})"
    words += f", {1000 * _seconds(classifier, frame, boxes):.1f} ms a face"
    if find_label("happy", classifier.labels) not in (None, prediction.emotion):
        words += "; people see it as happy: try another model"
        return Finding("a face read", "warning", words, "fer-edge models")
    return Finding("a face read", "ok", words)


def _seconds(classifier: Classifier, frame: Frame, boxes: list[Box]) -> float:
    best = float("inf")
    for _ in range(TIMED_RUNS):
        start = time.perf_counter()
        classifier.predict(frame.grey, boxes[:1])
        best = min(best, time.perf_counter() - start)
    return best
