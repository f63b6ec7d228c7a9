"""The tour plays in real time; its pause and its loss are a part of it, and close it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from fer_edge.demo import clip, tour
from fer_edge.errors import SourceLost
from fer_edge.pause import PauseSwitch
from fer_edge.sources.demo import Demo
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.reconnect import ReconnectingSource
from fer_edge.sources.tour import Tour
from fer_edge.types import State


class Clock:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    monkeypatch.setattr(Tour, "began", None)
    return Clock()  # type: ignore[return-value]


def test_tour_plays_in_real_time(clock: Clock) -> None:
    frames = list(islice(Tour("tour", SourceOptions(), clock, clock.sleep), 100))
    assert clock.now - 100 == pytest.approx(4, abs=0.1)
    assert [frame.time for frame in frames] == pytest.approx([number / tour.FPS for number in range(1, 101)])
    assert {frame.source for frame in frames} == {"tour (invented readings)"}


def test_slow_loop_gets_the_newest(clock: Clock) -> None:
    frames = iter(Tour("tour", SourceOptions(), clock, clock.sleep))
    next(frames)
    clock.now += 5
    assert next(frames).time == pytest.approx(5, abs=0.1)


def test_pause_and_loss_are_played(clock: Clock) -> None:
    """Through the source that opens cameras again: each happens once a round, and the tour goes on."""
    pause_switch, states = PauseSwitch(clock), list[tuple[float, State]]()
    options = SourceOptions(pause=pause_switch.pause)

    def reopen() -> Tour:
        return Tour("tour", options, clock, clock.sleep)

    source = ReconnectingSource(
        reopen(), reopen, pause_switch, lambda state: states.append((clock.now - 100, state)), lambda: False,
        clock, clock.sleep,
    )  # fmt: skip
    for frame in source:
        if frame.time > 1.5 * tour.LENGTH_S:
            break
    assert [state for _, state in states] == ["running", "paused", "running", "lost", "running"]
    times = [time for time, _ in states]
    assert times[1:3] == pytest.approx([tour.PAUSE_AT_S, tour.PAUSE_AT_S + tour.PAUSE_S], abs=0.5)
    assert times[3] == pytest.approx(tour.LOST_AT_S, abs=0.2)
    assert tour.LOST_S <= times[4] - times[3] < tour.LOST_S + 3


def test_resumed_pause_is_not_begun_again(clock: Clock) -> None:
    pauses = list[float]()
    options = SourceOptions(pause=pauses.append)
    frames = iter(Tour("tour", options, clock, clock.sleep))
    while next(frames).time < tour.PAUSE_AT_S + 0.1:
        pass
    for _ in range(10):  # opened again at once
        next(iter(Tour("tour", options, clock, clock.sleep)))
    assert pauses == [tour.PAUSE_S]


def test_lost_camera_does_not_open(clock: Clock) -> None:
    Tour("tour", SourceOptions(), clock, clock.sleep)
    clock.now += tour.LOST_AT_S + 1
    with pytest.raises(SourceLost, match="as its script has it"):
        Tour("tour", SourceOptions(), clock, clock.sleep)


def test_shown_demo_plays_again_and_again(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """In real time, with times that go on; unseen it plays once, and takes no time."""
    monkeypatch.setattr(clip, "LENGTH", 60)  # 600 frames take long to draw
    demo = Demo("demo", SourceOptions(shown=True), clock, clock.sleep)
    frames = list(islice(demo, 110))
    assert clock.now - 100 == pytest.approx(len(frames) / clip.FPS, abs=0.1)
    assert [frame.number for frame in frames] == list(range(110))
    assert frames[-1].time == pytest.approx(109 / clip.FPS)
    assert (frames[10].grey == frames[clip.LENGTH + 10].grey).all()
    before = clock.now
    assert len(list(Demo("demo", SourceOptions(), clock, clock.sleep))) == clip.LENGTH
    assert clock.now == before
