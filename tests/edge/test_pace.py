"""A rate that is capped is kept, without hurry after a pause and without sleeping through a stop."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge.pace import paced
from edge.types import Frame


class Clock:
    """Time that passes only when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


def test_frames_come_at_the_rate(make_frame: Callable[..., Frame]) -> None:
    clock, times = Clock(), []
    for _ in paced([make_frame(k) for k in range(5)], 10, lambda: False, clock, clock.sleep):
        times.append(clock.now)
        clock.now += 0.03  # work
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_a_loop_that_fell_behind_does_not_hurry(make_frame: Callable[..., Frame]) -> None:
    clock, times = Clock(), []
    for frame in paced([make_frame(k) for k in range(4)], 10, lambda: False, clock, clock.sleep):
        times.append(clock.now)
        clock.now += 1.0 if frame.number == 1 else 0.0
    assert times == pytest.approx([0, 0.1, 1.1, 1.2])


def test_without_a_rate_nobody_sleeps(make_frame: Callable[..., Frame]) -> None:
    clock = Clock()
    assert len(list(paced([make_frame(k) for k in range(5)], 0, lambda: False, clock, clock.sleep))) == 5
    assert not clock.naps


def test_a_long_wait_ends_soon_after_a_stop(make_frame: Callable[..., Frame]) -> None:
    clock = Clock()
    list(paced([make_frame(k) for k in range(2)], 0.01, lambda: clock.now > 1, clock, clock.sleep))
    assert clock.now < 3
    assert max(clock.naps) <= 0.2
