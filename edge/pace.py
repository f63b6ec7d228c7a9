"""Holds a source back to a number of frames a second, without burning the processor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from edge.types import Frame

SLICE = 0.2  # seconds slept at once, so that a signal to stop is noticed


def paced(
    frames: Iterable[Frame],
    fps: float,
    stopped: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Frame]:
    """At most `fps` of `frames` a second of real time; all of them where `fps` is 0.

    It waits before it asks for the next frame: a camera then gives its newest, a file its next.
    """
    due = clock()
    for frame in frames:
        yield frame
        if fps <= 0:
            continue
        # A loop that fell behind does not hurry afterwards: it starts a new rhythm.
        due = max(due + 1 / fps, clock())
        while (left := due - clock()) > 0 and not stopped():
            sleep(min(left, SLICE))
