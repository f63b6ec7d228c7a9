"""Both loops see the same frames alternately, the source is timed apart, a frame rate is kept; no real clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import numpy as np
import pytest
from fer_edge.bench.baseline import TutorialLoop
from fer_edge.bench.loop_cost import CHUNK_FRAMES, Clocks, compare_loops, run_at_fps, thin_out
from fer_edge.build import Parts
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.detectors.fake import FakeDetector
from fer_edge.settings import SmootherSettings, TrackerSettings
from fer_edge.tracking.smoother import Smoother
from fer_edge.tracking.tracker import Tracker
from fer_edge.types import Box, Frame, Pixels, Prediction


class World:
    """A clock that moves when work is done or slept, and a diary of who saw which frame (its first pixel)."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0
        self.diary: list[tuple[str, int]] = []
        self.clocks = Clocks(lambda: self.wall, lambda: self.cpu, self.sleep)

    def work(self, seconds: float) -> None:
        self.wall += seconds
        self.cpu += 2 * seconds  # two threads

    def sleep(self, seconds: float) -> None:
        self.wall += seconds

    def parts(self) -> Parts:
        world = self

        class Slow(FakeDetector):
            def detect(self, frame: Frame) -> list[Box]:
                world.work(0.010)
                world.diary.append(("ours", int(frame.grey[0, 0])))
                return super().detect(frame)

        return Parts(Slow(), Tracker(TrackerSettings()), FakeClassifier(), Smoother(SmootherSettings()))

    def predict(self, grey: Pixels) -> Sequence[Prediction]:
        self.work(0.100)
        self.diary.append(("theirs", int(grey[0, 0])))
        return FakeClassifier().predict(grey, [Box(0, 0, 2, 2)])


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clip(world: World, make_frame: Callable[..., Frame]) -> Callable[[int], Iterator[Frame]]:
    def make(length: int) -> Iterator[Frame]:
        for number in range(length):
            world.work(0.001)  # decoding
            yield make_frame(number, np.full((48, 64), 1 + number, np.uint8))

    return make


def run(world: World, frames: Iterator[Frame], seconds: float = math.inf):  # type: ignore[no-untyped-def]
    return compare_loops(frames, world.parts, [], cast(TutorialLoop, world), seconds, world.clocks)


def test_cost_is_cpu_without_the_source(world: World, clip: Callable[[int], Iterator[Frame]]) -> None:
    found = run(world, clip(20))
    assert (found.frames, found.tutorial_frames) == (20, 4)
    assert found.cpu == pytest.approx(0.020)
    assert found.tutorial_cpu == pytest.approx(0.200)
    assert found.fps == pytest.approx(1 / 0.011)
    assert found.size == (64, 48)
    assert found.tutorial_faces == 4
    assert found.faces == 20
    assert list(found.stages) == ["source", "detect", "track", "classify", "smooth", "sinks"]
    assert found.stages["source"].percentile(0.5) == pytest.approx(0.001, rel=0.02)
    assert found.stages["detect"].percentile(0.5) == pytest.approx(0.010, rel=0.02)


def test_loops_alternate_after_warm_up(world: World, clip: Callable[[int], Iterator[Frame]]) -> None:
    """Both loops run alternately on the same frames, after a warm-up."""
    run(world, clip(15))
    ours = [("ours", number) for number in range(1, 16)]
    warm_up = [*ours[:CHUNK_FRAMES], ("theirs", 1)]
    counted = [("theirs", 1), *ours[:10], ("theirs", 6), ("theirs", 11), *ours[10:]]
    assert world.diary == warm_up + counted


def test_ends_with_time_or_clip(world: World, clip: Callable[[int], Iterator[Frame]]) -> None:
    """It ends when the time is up, or with the clip."""
    assert run(world, clip(1000), 1.0).frames < 50
    assert run(world, clip(3)).frames == 3  # less than a chunk
    assert run(world, clip(0)).frames == 0


def test_the_share_at_a_pace(world: World, clip: Callable[[int], Iterator[Frame]]) -> None:
    found = run_at_fps(clip(200), world.parts(), [], 10.0, 4.0, world.clocks)
    assert found.frames == 40
    assert found.fps == pytest.approx(10.0)
    assert found.share == pytest.approx(0.2)  # 20 ms of two threads in each 100 ms


def test_slow_machine_reports_its_rate(world: World, clip: Callable[[int], Iterator[Frame]]) -> None:
    """A machine that is too slow reports the frame rate that it reached."""
    found = run_at_fps(clip(200), world.parts(), [], 200.0, 0.1, world.clocks)
    assert found.frames == 20
    assert found.fps == pytest.approx(1 / 0.011)


def test_frames_are_thinned_out(make_frame: Callable[..., Frame]) -> None:
    """Frames that a slower camera would not have taken are left out."""
    numbers = [frame.number for frame in thin_out(map(make_frame, range(26)), 10.0)]
    assert numbers == [0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25]
    stills = [make_frame(number, time=float(number)) for number in range(4)]
    assert list(thin_out(stills, 10.0)) == stills
