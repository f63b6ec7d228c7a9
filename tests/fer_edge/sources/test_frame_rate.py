"""A rate that is capped is kept, without hurry after a pause and without sleeping through a stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fer_edge.sources.frame_rate import FrameRateLimit
from fer_edge.sources.thermal import ThermalLimit
from fer_edge.types import Box, Face, Frame, Observation, Prediction

MakeFrame = Callable[..., Frame]


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


def test_frames_come_at_the_rate(make_frame: MakeFrame) -> None:
    clock, times = Clock(), []
    for _ in FrameRateLimit(10, lambda: False, clock=clock, sleep=clock.sleep).frames(
        [make_frame(k) for k in range(5)]
    ):
        times.append(clock.now)
        clock.now += 0.03  # work
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_a_loop_that_fell_behind_does_not_hurry(make_frame: MakeFrame) -> None:
    clock, times = Clock(), []
    for frame in FrameRateLimit(10, lambda: False, clock=clock, sleep=clock.sleep).frames(
        [make_frame(k) for k in range(4)]
    ):
        times.append(clock.now)
        clock.now += 1.0 if frame.number == 1 else 0.0
    assert times == pytest.approx([0, 0.1, 1.1, 1.2])


def test_without_a_rate_nobody_sleeps(make_frame: MakeFrame) -> None:
    clock = Clock()
    assert (
        len(
            list(
                FrameRateLimit(0, lambda: False, clock=clock, sleep=clock.sleep).frames(
                    [make_frame(k) for k in range(5)]
                )
            )
        )
        == 5
    )
    assert not clock.naps


def test_a_long_wait_ends_soon_after_a_stop(make_frame: MakeFrame) -> None:
    clock = Clock()
    list(
        FrameRateLimit(0.01, lambda: clock.now > 1, clock=clock, sleep=clock.sleep).frames(
            [make_frame(k) for k in range(2)]
        )
    )
    assert clock.now < 3
    assert max(clock.naps) <= 0.2


def watched(
    make_frame: MakeFrame, pace: FrameRateLimit, clock: Clock, there: Callable[[float], bool], seconds: float
) -> list[float]:
    """The times of the frames that a live camera gives, somebody being before it while `there(time)`."""

    def camera() -> Iterator[Frame]:
        number = 0
        while clock.now < seconds:
            clock.now += 0.02
            yield make_frame(number, time=clock.now)
            number += 1

    somebody = Face(1, Box(0, 0, 9, 9), "happy", 0.9, Prediction(("happy", "sad"), (0.9, 0.1)))
    times = []
    for frame in pace.frames(camera()):
        times.append(frame.time)
        pace.write(Observation(frame, (somebody,) if there(frame.time) else (), ()))
    return times


def test_while_nobody_is_there_fewer_frames_are_taken_and_at_once_more_when_somebody_comes(
    make_frame: MakeFrame,
) -> None:
    clock = Clock()
    pace = FrameRateLimit(0, lambda: False, 5, 10, clock, clock.sleep)
    times = watched(make_frame, pace, clock, lambda now: not 3 < now < 33, 40)
    rates = {begin: sum(begin <= t < begin + 5 for t in times) / 5 for begin in (5, 20, 35)}
    assert rates == {5: pytest.approx(50, abs=2), 20: pytest.approx(5, abs=1), 35: pytest.approx(50, abs=2)}
    assert min(t for t in times if t > 33) < 33.25


def test_face_in_view_is_never_idle(make_frame: MakeFrame) -> None:
    """With idle_seconds = 0, too: frames are then fewer as soon as the last face has gone."""
    clock = Clock()
    pace = FrameRateLimit(0, lambda: False, 5, 0, clock, clock.sleep)
    times = watched(make_frame, pace, clock, lambda now: now < 10, 20)
    rates = [sum(begin <= t < begin + 5 for t in times) / 5 for begin in (5, 15)]
    assert rates == [pytest.approx(50, abs=2), pytest.approx(5, abs=1)]


@pytest.mark.parametrize(("fps", "idle", "expected"), [(10, 5, 5), (2, 5, 2), (10, 0, 10), (0, 0, 50), (0, 0.5, 0.5)])
def test_of_two_limits_the_lower_one_holds(make_frame: MakeFrame, fps: float, idle: float, expected: float) -> None:
    clock = Clock()
    pace = FrameRateLimit(fps, lambda: False, idle, 1, clock, clock.sleep)
    times = watched(make_frame, pace, clock, lambda _: False, 12)
    assert sum(2 <= t < 12 for t in times) / 10 == pytest.approx(expected, rel=0.15)


def test_what_the_heat_allows_is_kept(make_frame: MakeFrame) -> None:
    clock, heat = Clock(), ThermalLimit(75.0, lambda: 90.0)
    pace = FrameRateLimit(10, lambda: False, thermal=heat, clock=clock, sleep=clock.sleep)
    times = []
    for _ in pace.frames([make_frame(k) for k in range(400)]):
        times.append(clock.now)
    assert times[1] - times[0] == pytest.approx(0.1)
    assert times[-1] - times[-2] > 0.13
