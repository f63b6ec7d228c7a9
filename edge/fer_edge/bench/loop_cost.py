"""The cost of the whole loop: compared with the baseline on the same frames, and at a camera's frame rate.

The cost is the processor time of all threads. Reading the source is timed separately: drawing or decoding a clip does
not cost what reading a camera does, and would dilute every ratio.
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

CHUNK_FRAMES = 5  # that fer-edge's loop reads in a turn; the baseline then reads one of them

Clock = Callable[[], float]  # seconds


@dataclasses.dataclass(frozen=True)
class Clocks:
    """Where time comes from; tests bring their own."""

    wall: Clock = time.perf_counter
    cpu: Clock = time.process_time  # of all threads
    sleep: Callable[[float], None] = time.sleep


class Meter:
    """Sums up the seconds spent inside `with`: wall time and processor time."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._start = (0.0, 0.0)
        self.wall = self.cpu = 0.0

    def __enter__(self) -> None:
        self._start = self._clocks.wall(), self._clocks.cpu()

    def __exit__(self, *_: object) -> None:
        self.wall += self._clocks.wall() - self._start[0]
        self.cpu += self._clocks.cpu() - self._start[1]


class MeteredSource:
    """A source's frames without their colour; `meter` sums the cost of reading them, `times` has each one's seconds."""

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
            yield dataclasses.replace(frame, colour=None)  # a chunk of them needs a quarter of the memory


class LoopComparison(NamedTuple):
    """fer-edge's loop and the baseline ("tutorial") on the same source."""

    size: tuple[int, int]  # (width, height) of a frame, pixels
    frames: int  # that fer-edge read
    faces: int  # that fer-edge showed, summed over its frames
    fps: float  # frames a second, including reading the source
    cpu: float  # seconds a frame, without the source
    stages: dict[str, Histogram]  # "source" first
    tutorial_frames: int  # that the baseline read, one in CHUNK_FRAMES
    tutorial_faces: int
    tutorial_cpu: float  # seconds a frame, without the source


def compare_loops(
    frames: Iterable[Frame],
    make: Callable[[], Parts],
    sinks: Sequence[Sink],
    tutorial: TutorialLoop,
    seconds: float,
    clocks: Clocks | None = None,
) -> LoopComparison:
    """Run both loops on `frames` alternately, until the frames end or `seconds` have passed.

    fer-edge must see every frame, since it follows faces from frame to frame. The baseline has no state, so one frame
    in CHUNK_FRAMES gives its cost, and more of the clip is seen. Both warm up on the first frames.
    """
    clocks = clocks or Clocks()
    metered = MeteredSource(frames, clocks)
    ours, theirs, watch = Meter(clocks), Meter(clocks), Stopwatch(clocks.wall)
    parts: Parts | None = None
    tutorial_faces = turns = 0
    start = clocks.wall()
    while chunk := list(islice(iter(metered), CHUNK_FRAMES)):
        if parts is None:
            loop.run(chunk, *make(), [], Stopwatch(clocks.wall))
            tutorial.predict(chunk[0].grey)
            parts, start = make(), clocks.wall()
        for system in (ours, theirs) if turns % 2 else (theirs, ours):
            with system:
                if system is ours:
                    loop.run(chunk, *parts, sinks, watch)
                else:
                    tutorial_faces += len(tutorial.predict(chunk[0].grey))
        turns += 1
        if clocks.wall() - start >= seconds:
            break
    return LoopComparison(
        size=metered.size,
        frames=watch.frames,
        faces=watch.faces,
        fps=watch.frames / max(ours.wall + metered.meter.wall, 1e-9),
        cpu=ours.cpu / max(watch.frames, 1),
        # The loop's own "source" stage is replaced: inside the loop the frames came from a list.
        stages=watch.stages | {"source": metered.times},
        tutorial_frames=turns,
        tutorial_faces=tutorial_faces,
        tutorial_cpu=theirs.cpu / max(turns, 1),
    )


class PacedRun(NamedTuple):
    """The loop at a fixed frame rate."""

    frames: int
    fps: float  # frames a second that it reached
    share: float  # of one core's time, 0 to the number of cores; without the source


def run_at_fps(
    frames: Iterable[Frame],
    parts: Parts,
    sinks: Sequence[Sink],
    fps: float,
    seconds: float,
    clocks: Clocks | None = None,
) -> PacedRun:
    """Run the loop on `frames` as a camera with `fps` frames a second would give them, `seconds` of them.

    It takes longer if this machine is too slow for that frame rate.
    """
    clocks = clocks or Clocks()
    metered, whole, watch = MeteredSource(frames, clocks), Meter(clocks), Stopwatch(clocks.wall)
    some = islice(thin_out(metered, fps), max(round(seconds * fps), 1))
    limit = FrameRateLimit(fps, lambda: False, clock=clocks.wall, sleep=clocks.sleep)
    with whole:
        loop.run(limit.frames(some), *parts, sinks, watch)
    wall = max(whole.wall, 1e-9)
    return PacedRun(watch.frames, watch.frames / wall, (whole.cpu - metered.meter.cpu) / wall)


def thin_out(frames: Iterable[Frame], fps: float) -> Iterator[Frame]:
    """The frames that a camera with `fps` frames a second would have taken, by the frames' own times."""
    due: float | None = None
    for frame in frames:
        due = frame.time if due is None else due
        if frame.time >= due - 1e-6:
            yield frame
            due = max(due + 1 / fps, frame.time)
