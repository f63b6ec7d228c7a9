"""The loop takes each frame through all parts, in order, and stops where it should."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
import pytest
from fer_edge import loop
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.detectors.fake import FakeDetector
from fer_edge.settings import SmootherSettings, TrackerSettings
from fer_edge.stopwatch import Stopwatch
from fer_edge.tracking.smoother import Smoother
from fer_edge.tracking.tracker import Tracker
from fer_edge.types import Frame, Observation


class Kept:
    def __init__(self) -> None:
        self.seen: list[Observation] = []

    def write(self, observation: Observation) -> None:
        self.seen.append(observation)

    def close(self) -> None: ...


def go(frames: list[Frame], stopped: Callable[[], bool] = lambda: False) -> tuple[list[Observation], Stopwatch]:
    kept, watch, ticks = Kept(), Stopwatch(map(float, count()).__next__), Tracker(TrackerSettings())
    smoother = Smoother(SmootherSettings())
    loop.run(frames, FakeDetector(), ticks, FakeClassifier(), smoother, [kept, kept], watch, stopped)
    return kept.seen[::2], watch


def test_a_face_comes_changes_and_goes(make_frame: Callable[..., Frame]) -> None:
    happy, neutral, nobody = (np.full((48, 64), level, np.uint8) for level in (120, 250, 0))
    pictures = [happy] * 50 + [neutral] * 50 + [nobody] * 50
    seen, watch = go([make_frame(number, picture) for number, picture in enumerate(pictures)])
    events = [(o.frame.number, e.kind, e.face.emotion) for o in seen for e in o.events]
    assert [event[1:] for event in events] == [("came", "happy"), ("changed", "neutral"), ("gone", "neutral")]
    came, changed, gone = (event[0] for event in events)
    assert came == 0
    assert 50 < changed <= 65  # 0.6 s
    assert 110 < gone <= 120
    assert len(seen) == watch.frames == 150
    assert watch.faces == 100
    assert seen[60].faces[0].box == (20, 12, 24, 24)


def test_every_stage_is_timed_for_every_frame(make_frame: Callable[..., Frame]) -> None:
    _, watch = go([make_frame(number) for number in range(10)])
    assert list(watch.stages) == ["source", "detect", "track", "classify", "smooth", "sinks"]
    assert {times.total for times in watch.stages.values()} == {10}


def test_it_stops_when_told_to_after_a_whole_frame(make_frame: Callable[..., Frame]) -> None:
    answers = iter([False, False, True])
    seen, _ = go([make_frame(number) for number in range(10)], lambda: next(answers))
    assert [observation.frame.number for observation in seen] == [0, 1, 2]


def test_no_frames_are_no_error() -> None:
    seen, watch = go([])
    assert (seen, watch.frames, watch.fps) == ([], 0, 0)


def test_without_a_stop_the_source_decides(make_frame: Callable[..., Frame]) -> None:
    """Whoever calls the loop without `stopped` gets every frame."""
    kept, watch = Kept(), Stopwatch()
    parts = FakeDetector(), Tracker(TrackerSettings()), FakeClassifier(), Smoother(SmootherSettings())
    loop.run([make_frame(number) for number in range(5)], *parts, [kept], watch)
    assert len(kept.seen) == watch.frames == 5


def test_the_first_frame_is_timed_too(make_frame: Callable[..., Frame]) -> None:
    """The rate counts from the start of the loop, not from the clock's zero: ten frames of six laps of a second."""
    watch = Stopwatch(map(float, count(1000)).__next__)
    parts = FakeDetector(), Tracker(TrackerSettings()), FakeClassifier(), Smoother(SmootherSettings())
    loop.run([make_frame(number) for number in range(10)], *parts, [], watch)
    assert watch.fps == 10 / 60
    assert watch.stages["source"].percentile(1.0) == pytest.approx(1.0, rel=0.011)
