"""THE LOOP: source -> detector -> tracker -> classifier -> smoother -> sinks.

Read this first. It has no branch on the type of a part, no input or output of its own and no clock: time comes with the
frame. `types.py` has the nouns and the parts' protocols; `build.py` makes the parts from the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fer_edge.stopwatch import Stopwatch
from fer_edge.types import Classifier, Detector, FaceTracker, Frame, LabelSmoother, Observation, Sink


def run(
    frames: Iterable[Frame],
    detector: Detector,
    tracker: FaceTracker,
    classifier: Classifier,
    smoother: LabelSmoother,
    sinks: Sequence[Sink],
    watch: Stopwatch,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Take every frame through all parts until the source ends or `stopped()` says so."""
    watch.start()
    for frame in frames:
        watch.lap("source")
        boxes = detector.detect(frame)
        watch.lap("detect")
        tracks, gone = tracker.update(frame.time, boxes)
        watch.lap("track")
        predictions = classifier.predict(frame.grey, [track.box for track in tracks])
        watch.lap("classify")
        faces, events = smoother.update(frame.time, tracks, predictions, gone)
        watch.lap("smooth")
        observation = Observation(frame, faces, events)
        for sink in sinks:
            sink.write(observation)
        watch.lap("sinks")
        watch.frame(len(faces), frame.damaged)
        if stopped():
            break
