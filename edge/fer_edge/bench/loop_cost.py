"""What the whole loop costs: beside the tutorials' loop on the same frames, and at a camera's calm pace.

Cost is processor time of all threads. Reading the source is timed apart, since drawing or decoding a clip is no camera
and would dilute every ratio.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from fer_edge import loop
from fer_edge.bench.baseline import TutorialLoop
from fer_edge.build import Parts
from fer_edge.sources.frame_rate import FrameRateLimit
from fer_edge.stopwatch import Histogram, Stopwatch
from fer_edge.types import Frame, Sink

CHUNK = 5  # frames that ours reads before it is the tutorial's turn, which then reads one of them

Clock = Callable[[], float]  # seconds


@dataclasses.dataclass(frozen=True)
class Clocks:
    """Where time comes from; a test brings its own."""

    wall: Clock = time.perf_counter
    cpu: Clock = time.process_time  # of all threads
    sleep: Callable[[float], None] = time.sleep


class Meter:
    """Sums up the seconds that pass inside `with`."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._begun = (0.0, 0.0)
        self.wall = self.cpu = 0.0

    def __enter__(self) -> None:
        self._begun = self._clocks.wall(), self._clocks.cpu()

    def __exit__(self, *_: object) -> None:
        self.wall += self._clocks.wall() - self._begun[0]
        self.cpu += self._clocks.cpu() - self._begun[1]


class Metered:
    """A source's frames, grey alone; `meter` has what reading them took, `times` each one's seconds."""

    def __init__(self, frames: Iterable[Frame], clocks: Clocks) -> None:
        self._frames = iter(frames)
        self.meter, self.times = Meter(clocks), Histogram()
        self.size = (0, 0)  # (width, height) in pixels, of the last frame

    def __iter__(self) -> Iterator[Frame]:
        """The frames that are left."""
        while True:
            before = self.meter.wall
            with self.meter:
                frame = next(self._frames, None)
            if frame is None:
                return
            self.times.add(self.meter.wall - before)
            height, width = frame.grey.shape
            self.size = (width, height)
            yield dataclasses.replace(frame, colour=None)  # ten times as many fit into the memory


class SideBySide(NamedTuple):
    """Both loops on the same source."""

    size: tuple[int, int]  # (width, height) of a frame, pixels
    frames: int  # that ours read
    faces: int  # that ours showed, summed over its frames
    fps: float  # frames a second, the source's reading included
    cpu: float  # seconds a frame, without the source
    stages: dict[str, Histogram]  # "source" first
    tutorial_frames: int  # that the tutorial's read, one in CHUNK
    tutorial_faces: int
    tutorial_cpu: float  # seconds a frame, without the source


def side_by_side(
    frames: Iterable[Frame],
    make: Callable[[], Parts],
    sinks: Sequence[Sink],
    tutorial: TutorialLoop,
    seconds: float,
    clocks: Clocks | None = None,
) -> SideBySide:
    """Let both loops read `frames` by turns, until they end or `seconds` are over.

    Ours must see every frame, since it follows what moves. The tutorial's has no memory, so one frame in CHUNK tells
    what a frame costs it, and more of the clip is seen. Both read the first frames once before anything is counted.
    """
    clocks = clocks or Clocks()
    metered = Metered(frames, clocks)
    ours, theirs, watch = Meter(clocks), Meter(clocks), Stopwatch(clocks.wall)
    parts: Parts | None = None
    tutorial_faces = turns = 0
    begun = clocks.wall()
    while chunk := list(islice(iter(metered), CHUNK)):
        if parts is None:
            loop.run(chunk, *make(), [], Stopwatch(clocks.wall))
            tutorial.predict(chunk[0].grey)
            parts, begun = make(), clocks.wall()
        for system in (ours, theirs) if turns % 2 else (theirs, ours):
            with system:
                if system is ours:
                    loop.run(chunk, *parts, sinks, watch)
                else:
                    tutorial_faces += len(tutorial.predict(chunk[0].grey))
        turns += 1
        if clocks.wall() - begun >= seconds:
            break
    read = max(watch.frames, 1)
    return SideBySide(
        size=metered.size,
        frames=watch.frames,
        faces=watch.faces,
        fps=watch.frames / max(ours.wall + metered.meter.wall, 1e-9),
        cpu=ours.cpu / read,
        # Inside the loop the frames came from a list.
        stages=watch.stages | {"source": metered.times},
        tutorial_frames=turns,
        tutorial_faces=tutorial_faces,
        tutorial_cpu=theirs.cpu / max(turns, 1),
    )


class AtPace(NamedTuple):
    """The loop held to so many frames a second."""

    frames: int
    fps: float  # frames a second that it reached
    share: float  # of one core's time, 0 to the number of cores; without the source


def at_pace(
    frames: Iterable[Frame],
    parts: Parts,
    sinks: Sequence[Sink],
    fps: float,
    seconds: float,
    clocks: Clocks | None = None,
) -> AtPace:
    """Run the loop on `frames` as a camera of `fps` frames a second would give them, on as many as `seconds` hold.

    It takes as long as the frames need, should this machine be too slow for so many.
    """
    clocks = clocks or Clocks()
    metered, whole, watch = Metered(frames, clocks), Meter(clocks), Stopwatch(clocks.wall)
    some = islice(thinned(metered, fps), max(round(seconds * fps), 1))
    pace = FrameRateLimit(fps, lambda: False, clock=clocks.wall, sleep=clocks.sleep)
    with whole:
        loop.run(pace.frames(some), *parts, sinks, watch)
    wall = max(whole.wall, 1e-9)
    return AtPace(watch.frames, watch.frames / wall, (whole.cpu - metered.meter.cpu) / wall)


def thinned(frames: Iterable[Frame], fps: float) -> Iterator[Frame]:
    """Of `frames` those that a camera of `fps` frames a second would have taken, by the frames' own times."""
    due: float | None = None
    for frame in frames:
        due = frame.time if due is None else due
        if frame.time >= due - 1e-6:
            yield frame
            due = max(due + 1 / fps, frame.time)
