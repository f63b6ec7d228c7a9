"""The models' files, the interpreter, and one face read with both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from fer_edge import demo
from fer_edge.bench.machine import describe
from fer_edge.build import make_classifier, make_detector
from fer_edge.classifiers.cards import read_model, scan
from fer_edge.classifiers.tflite import find_runtime
from fer_edge.doctor.finding import Finding, Place, of_error
from fer_edge.doctor.software import installed
from fer_edge.errors import FerEdgeError, ModelError
from fer_edge.records import percent
from fer_edge.sources import open_files
from fer_edge.types import Box, Classifier, Frame

REINSTALL = "sudo systemd/install.sh"
PORTRAIT = Path(demo.__file__).parent / "astronaut.jpg"
TURNS = 20


def look(place: Place) -> Iterator[Finding]:
    """Nothing here needs a device."""
    yield _interpreter()
    yield _files()
    yield _reading(place)


def _interpreter() -> Finding:
    try:
        runtime, _ = find_runtime()
    except ModelError as error:
        return Finding("interpreter", "failure", str(error).partition("; mend")[0], "pip install ai-edge-litert")
    kind = describe().processor
    dots = {"aarch64": "; no int8 dot products", "aarch64+dotprod": "; int8 dot products"}.get(kind, "")
    return Finding("interpreter", "ok", f"{runtime} {installed(runtime)} on {kind}{dots}")


def _files() -> Finding:
    try:
        cards, failures = scan()
        for card in cards:
            read_model(card)
    except ModelError as error:
        return Finding("model files", "failure", str(error), REINSTALL)
    if failures:
        return Finding("model files", "failure", str(failures[0]), REINSTALL)
    return Finding("model files", "ok", f"{len(cards)}, all as their cards say")


def _reading(place: Place) -> Finding:
    """The portrait of the demo must be found, and be happy to a model with that label."""
    try:
        classifier = make_classifier(place.settings.classifier)
        (frame,) = open_files(str(PORTRAIT))
        threads = cv2.getNumThreads()
        boxes = make_detector(place.settings.detector, classifier, still=True).detect(frame)
        cv2.setNumThreads(threads)
    except FerEdgeError as error:
        return of_error("a face read", error)
    if not boxes:
        return Finding("a face read", "failure", "no face found in the demo's portrait; mend [detector]")
    (prediction, *_) = classifier.predict(frame.grey, boxes)
    words = f"the demo's portrait is {prediction.emotion} ({percent(prediction.score(prediction.emotion))})"
    words += f", {1000 * _seconds(classifier, frame, boxes):.1f} ms a face"
    if "happy" in classifier.labels and prediction.emotion != "happy":
        return Finding("a face read", "warning", f"{words}, and looks happy to people: try another", "fer-edge models")
    return Finding("a face read", "ok", words)


def _seconds(classifier: Classifier, frame: Frame, boxes: list[Box]) -> float:
    best = float("inf")
    for _ in range(TURNS):
        begun = time.perf_counter()
        classifier.predict(frame.grey, boxes[:1])
        best = min(best, time.perf_counter() - begun)
    return best
