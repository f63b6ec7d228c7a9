"""A paused camera is closed, a lost one opened again, and the loop sees frames whose numbers and times only grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from typing import Any

import numpy as np
import pytest
from fer_edge.errors import SourceError, SourceGone, SourceLost
from fer_edge.pause import PauseSwitch
from fer_edge.settings import SourceSettings
from fer_edge.sources import choose
from fer_edge.sources.camera_health import CameraHealth
from fer_edge.sources.reconnect import ReconnectingSource, open_reconnecting
from fer_edge.types import Frame, Pixels, State


class Camera:
    """Gives frames of these times; then ends, or fails as a camera that is pulled out."""

    still, live, local = False, True, True

    def __init__(
        self,
        make_frame: Callable[..., Frame],
        times: list[float],
        error: Exception | None = None,
        greys: Iterator[Pixels] | None = None,
    ) -> None:
        self._make, self._times, self._error, self._greys = make_frame, times, error, greys
        self.closed = 0

    def __iter__(self) -> Iterator[Frame]:
        for number, time in enumerate(self._times):
            yield self._make(number, time=time, grey=next(self._greys) if self._greys else None)
        if self._error:
            raise self._error

    def close(self) -> None:
        self.closed += 1


class Rig:
    """A camera that is opened again and again, on a clock that only sleeping moves."""

    def __init__(self, *openings: Camera | Exception) -> None:
        self.openings = list(openings)
        self.pause_switch = PauseSwitch()
        self.states: list[State] = []
        self.now = 0.0
        self.tries: list[float] = []
        self.stop_at = 1e9
        self.signs = 0  # of life
        self.at: dict[float, Callable[[], None]] = {}

    def open(self) -> Any:
        self.tries.append(self.now)
        opening = self.openings.pop(0)
        if isinstance(opening, Exception):
            raise opening
        return opening

    def sleep(self, seconds: float) -> None:
        assert seconds <= 0.2
        self.now += seconds
        for moment in [moment for moment in self.at if moment <= self.now]:
            self.at.pop(moment)()

    def sign(self) -> None:
        self.signs += 1

    def reconnecting(
        self, live: bool = True, give_up: float = 0.0, camera_health: CameraHealth | None = None
    ) -> ReconnectingSource:
        reopen = self.open if live else None
        stopped = lambda: self.now >= self.stop_at  # noqa: E731
        clock = lambda: self.now  # noqa: E731
        told = self.states.append
        more: dict[str, Any] = {"give_up": give_up, "on_wait": self.sign, "camera_health": camera_health}
        return ReconnectingSource(self.open(), reopen, self.pause_switch, told, stopped, clock, self.sleep, **more)


LOST = SourceLost("camera:0: is gone after 2 frames; plug it in again")
Make = Callable[..., Frame]


def test_lost_camera_reopens_with_backoff(make_frame: Make, capsys: pytest.CaptureFixture[str]) -> None:
    away = [SourceError("camera:0: no such device")] * 7
    first, second = Camera(make_frame, [5.0, 5.1], LOST), Camera(make_frame, [200.0, 300.0])
    rig = Rig(first, *away, second)
    frames = list(islice(rig.reconnecting(), 4))
    assert [frame.number for frame in frames] == [0, 1, 2, 3]
    assert [frame.time for frame in frames] == [5.0, 5.1, 200.0, 300.0]
    assert rig.states == ["running", "lost", "running"]
    assert first.closed
    pauses = [after - before for before, after in zip([0.0, *rig.tries[1:]], rig.tries[1:], strict=False)]
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60], abs=0.21)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"fer-edge: error: {LOST}; it is opened again as soon as it answers"]


def test_loss_is_reported_before_close_hangs(
    make_frame: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Camera(make_frame, [0.0], LOST)
    rig = Rig(first, Camera(make_frame, [1.0]))
    told: list[object] = []
    monkeypatch.setattr(first, "close", lambda: told.extend([capsys.readouterr().err.count(str(LOST)), *rig.states]))
    list(islice(rig.reconnecting(), 2))
    assert told == [1, "running", "lost"]


def test_recovery_is_reported(make_frame: Make, capsys: pytest.CaptureFixture[str]) -> None:
    rig = Rig(Camera(make_frame, [0.0], LOST), Camera(make_frame, [1.0, 2.0, 3.0]))
    for frame in islice(rig.reconnecting(), 4):
        if frame.number:
            rig.now += 1.0
    assert capsys.readouterr().err.splitlines()[1:] == ["fer-edge: note: test: gives pictures again"]


def test_time_is_monotonic_across_reopening(make_frame: Make) -> None:
    rig = Rig(Camera(make_frame, [50.0, 51.0], LOST), Camera(make_frame, [3.0, 4.0, 5.0]))
    assert [frame.time for frame in islice(rig.reconnecting(), 5)] == [50.0, 51.0, 51.0, 52.0, 53.0]


def test_failure_before_first_frame_raises(make_frame: Make) -> None:
    rig = Rig(Camera(make_frame, [], SourceError("camera:0: gave no picture")))
    with pytest.raises(SourceError, match="gave no picture"):
        list(rig.reconnecting())
    assert rig.states == []


def test_pause_closes_the_camera(make_frame: Make) -> None:
    first, second = Camera(make_frame, [0.0, 0.1, 0.2]), Camera(make_frame, [9.0])
    rig = Rig(first, second)
    frames = iter(rig.reconnecting())
    assert next(frames).time == 0.0
    rig.pause_switch.pause()
    rig.at[7.0] = rig.pause_switch.resume
    assert first.closed == 0
    frame = next(frames)  # the picture that was taken after the wish is not handed on
    assert (frame.number, frame.time) == (1, 9.0)
    assert first.closed == 1
    assert rig.tries == [0.0, pytest.approx(7.0, abs=0.3)]
    assert rig.states == ["running", "paused", "running"]


def test_pause_while_lost_opens_nothing(make_frame: Make) -> None:
    rig = Rig(Camera(make_frame, [0.0], LOST), Camera(make_frame, [1.0]))
    rig.at[0.5] = rig.pause_switch.pause
    rig.at[30.0] = rig.pause_switch.resume
    assert [frame.time for frame in islice(rig.reconnecting(), 2)] == [0.0, 1.0]
    assert rig.tries[1:] == [pytest.approx(30.0, abs=0.3)]
    assert rig.states == ["running", "lost", "paused", "running"]


def test_pause_while_lost_shows_at_once(make_frame: Make) -> None:
    """Though the camera is not to be opened again for half a minute."""
    rig = Rig(Camera(make_frame, [0.0], LOST), *[LOST] * 20)
    rig.at[40.0] = rig.pause_switch.pause  # between the tries at 31 and at 63 s
    shown: list[State] = []
    rig.at[40.3] = lambda: shown.append(rig.states[-1])
    rig.stop_at = 41.0
    list(rig.reconnecting())
    assert shown == ["paused"]


def test_busy_camera_after_pause_is_awaited(make_frame: Make) -> None:
    rig = Rig(Camera(make_frame, [0.0, 0.1]), SourceError("camera:0: in use"), Camera(make_frame, [5.0]))
    frames = iter(rig.reconnecting())
    next(frames)
    rig.pause_switch.pause()
    rig.at[2.0] = rig.pause_switch.resume
    assert next(frames).time == 5.0
    assert rig.states == ["running", "paused", "lost", "running"]


@pytest.mark.parametrize("paused", [True, False])
def test_a_stop_ends_every_wait_at_once(make_frame: Make, paused: bool) -> None:
    rig = Rig(Camera(make_frame, [0.0, 0.1], LOST), *[LOST] * 20)
    rig.stop_at = 40.0
    for _ in rig.reconnecting():
        if paused:
            rig.pause_switch.pause()
    assert rig.now == pytest.approx(40.0, abs=0.3)


def test_ended_camera_counts_as_lost(make_frame: Make, capsys: pytest.CaptureFixture[str]) -> None:
    rig = Rig(Camera(make_frame, [0.0]), Camera(make_frame, [1.0]))
    assert len(list(islice(rig.reconnecting(), 2))) == 2
    assert rig.states == ["running", "lost", "running"]
    assert "camera: stopped giving pictures" in capsys.readouterr().err


@pytest.mark.parametrize("paused", [True, False])
def test_an_end_on_request_is_no_loss(make_frame: Make, paused: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Sources end by themselves once a pause or a stop is wanted, between two pictures."""
    rig = Rig()

    class Obedient(Camera):
        def __iter__(self) -> Iterator[Frame]:
            yield self._make(0, time=0.0)
            if paused:
                rig.pause_switch.pause()
            else:
                rig.stop_at = rig.now

    rig.openings = [Obedient(make_frame, []), Camera(make_frame, [1.0])]
    rig.at[3.0] = rig.pause_switch.resume
    assert len(list(islice(rig.reconnecting(), 2))) == 1 + paused
    assert rig.states == (["running", "paused", "running"] if paused else ["running"])
    assert not capsys.readouterr().err


def test_paused_video_misses_no_frame(make_frame: Make) -> None:
    video = Camera(make_frame, [0.0, 0.1, 0.2])
    rig = Rig(video)
    rig.at[5.0] = rig.pause_switch.resume
    times = []
    for frame in rig.reconnecting(live=False):
        times.append(frame.time)
        if frame.number == 0:
            rig.pause_switch.pause()
    assert times == [0.0, 0.1, 0.2]
    assert rig.states == ["running", "paused", "running"]
    assert video.closed == 0


def test_truncated_video_ends(make_frame: Make) -> None:
    rig = Rig(Camera(make_frame, [0.0], LOST))
    with pytest.raises(SourceLost):
        list(rig.reconnecting(live=False))


def test_close_closes_the_current_camera(make_frame: Make) -> None:
    first, second = Camera(make_frame, [0.0], LOST), Camera(make_frame, [1.0, 2.0])
    source = Rig(first, second).reconnecting()
    list(islice(source, 2))
    source.close()
    source.close()
    assert (first.closed, second.closed) == (1, 1)


def test_give_up_has_its_own_exit_code(make_frame: Make) -> None:
    rig = Rig(Camera(make_frame, [0.0], LOST), *[SourceError("camera:0: no such device")] * 20)
    with pytest.raises(SourceGone, match=r"camera:0: no such device; tried in vain for 3\d\d s") as ended:
        list(rig.reconnecting(give_up=300))
    assert ended.value.exit_code == 10
    assert 300 <= rig.now <= 361
    assert rig.signs >= rig.now / 0.2 - 10  # those who wait say that they do, at every nap


def test_flapping_camera_is_given_up(make_frame: Make) -> None:
    flickering = [Camera(make_frame, [float(k)], LOST) for k in range(20)]
    rig = Rig(*flickering)
    with pytest.raises(SourceGone):
        list(rig.reconnecting(give_up=100))
    assert 100 <= rig.now <= 161


def test_recovery_resets_the_give_up_time(make_frame: Make) -> None:
    away = [SourceError("camera:0: no such device")] * 3
    rig = Rig(Camera(make_frame, [0.0], LOST), *away, Camera(make_frame, [1.0, 2.0, 3.0], LOST), *away * 9)
    frames = iter(rig.reconnecting(give_up=20))
    assert next(frames).time == 0.0
    for _ in range(3):
        next(frames)
        rig.now += 30.0
    with pytest.raises(SourceGone):
        next(frames)
    assert rig.now >= 15 + 90 + 20


def test_a_pause_is_no_loss(make_frame: Make) -> None:
    rig = Rig(Camera(make_frame, [0.0], LOST), SourceError("camera:0: in use"), Camera(make_frame, [1.0]))
    rig.at[0.5] = rig.pause_switch.pause
    rig.at[1000.0] = rig.pause_switch.resume
    assert [frame.time for frame in islice(rig.reconnecting(give_up=10), 2)] == [0.0, 1.0]


def noise(seed: int) -> Iterator[Pixels]:
    """What a camera gives: never twice the same."""
    numbers = np.random.default_rng(seed)
    while True:
        yield numbers.integers(90, 160, (48, 64), np.uint8)


def run_on(rig: Rig, source: ReconnectingSource, count: int) -> list[int]:
    """The numbers of `count` frames, each of which takes a second."""
    numbers = []
    for frame in islice(source, count):
        numbers.append(frame.number)
        rig.now += 1.0
    return numbers


def test_frozen_camera_is_reopened(make_frame: Make, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = [float(second) for second in range(20)]
    frozen = chain(islice(noise(1), 2), repeat(next(noise(2))))
    rig = Rig(Camera(make_frame, seconds, greys=frozen), Camera(make_frame, seconds, greys=noise(3)))
    numbers = run_on(rig, rig.reconnecting(camera_health=CameraHealth(4.0)), 12)
    assert numbers == list(range(12))
    assert rig.states == ["running", "lost", "running"]
    assert rig.tries[1] == pytest.approx(
        7.0, abs=0.3
    )  # seen for the last time at 2 s, noticed at 6 s, and a second's pause
    lines = capsys.readouterr().err.splitlines()
    assert "test: every picture for 4 s was the same to the last bit; check its cable; it is opened again" in lines[0]
    assert lines[1:] == ["fer-edge: note: test: gives pictures again"]


class Steady(Camera):
    """Gives a picture twice a second, for as long as it is asked."""

    def __init__(self, rig: Rig, make_frame: Make, greys: Iterator[Pixels]) -> None:
        super().__init__(make_frame, [], greys=greys)
        self._rig, self._pictures = rig, greys

    def __iter__(self) -> Iterator[Frame]:
        for number, grey in enumerate(self._pictures):
            yield self._make(number, grey=grey, time=self._rig.now)
            self._rig.now += 0.5


def black() -> Iterator[Pixels]:
    return repeat(np.full((48, 64), 16, np.uint8))


def steady(make_frame: Make, *openings: Iterator[Pixels]) -> Rig:
    """A rig whose cameras give these pictures."""
    rig = Rig()
    rig.openings = [Steady(rig, make_frame, greys) for greys in openings]
    return rig


def test_black_camera_is_reported_once(make_frame: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """In a dark night that goes on for an hour, until the process starts again."""
    rig = steady(make_frame, *(black() for _ in range(90)))
    numbers: list[int] = []

    def run() -> None:
        for frame in rig.reconnecting(camera_health=CameraHealth(4.0), give_up=300.0):
            numbers.append(frame.number)

    with pytest.raises(SourceGone, match=r"black; take off the lens cap.*tried in vain for 3\d\d\d s"):
        run()
    assert numbers == list(range(8))  # those of the first 4 s
    assert rig.states == ["running", "lost"]
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_frozen_camera_is_given_up(make_frame: Make) -> None:
    rig = steady(make_frame, *(repeat(next(noise(number))) for number in range(30)))
    with pytest.raises(SourceGone, match=r"tried in vain for \d\d s"):
        list(rig.reconnecting(camera_health=CameraHealth(4.0), give_up=60.0))
    assert rig.signs > rig.now * 2  # all the time the watchdog learns that somebody is at it


def test_camera_unplugged_in_the_dark_is_given_up(make_frame: Make) -> None:
    rig = steady(make_frame, black())
    rig.openings += [SourceError("camera:0: no such device")] * 30
    with pytest.raises(SourceGone, match=r"tried in vain for [67]\d s"):
        list(rig.reconnecting(camera_health=CameraHealth(4.0), give_up=60.0))


def test_stop_is_noticed_while_blind(make_frame: Make) -> None:
    rig = steady(make_frame, black(), black())
    rig.stop_at = 7.0  # in the second opening, which gives nothing to the loop
    assert len(list(rig.reconnecting(camera_health=CameraHealth(4.0)))) == 8
    assert rig.now <= 8.0


def test_pause_keeps_a_blind_camera_blind(make_frame: Make, capsys: pytest.CaptureFixture[str]) -> None:
    rig = steady(make_frame, black(), black(), black(), noise(4))
    rig.at[4.5] = rig.pause_switch.pause
    rig.at[9.0] = rig.pause_switch.resume
    first = next(frame for frame in rig.reconnecting(camera_health=CameraHealth(4.0)) if frame.number == 8)
    assert len(np.unique(first.grey)) > 10
    assert rig.states == ["running", "lost", "paused", "lost", "running"]
    assert "gives pictures again" not in capsys.readouterr().err


def test_each_opening_is_looked_at_for_itself(make_frame: Make) -> None:
    """Else the seconds before a pause would count against the camera after it."""
    rig = steady(make_frame, chain(islice(noise(1), 2), repeat(next(noise(2)))), noise(3))
    rig.at[60.0] = rig.pause_switch.resume
    frames = iter(rig.reconnecting(camera_health=CameraHealth(4.0)))
    for _ in range(8):
        next(frames)
    rig.pause_switch.pause()
    assert [next(frames).number for _ in range(4)] == [8, 9, 10, 11]
    assert rig.states == ["running", "paused", "running"]


def test_controls_of_another_camera_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    """What is set for a Raspberry Pi camera or a USB camera does nothing to a file, and is not silent."""
    settings = SourceSettings(controls={"AfMode": 0}, v4l2={"gain": 1})
    open_reconnecting(settings, choose("demo"), PauseSwitch(), print, lambda: True).close()
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        "warning: source.controls: is not for this source, and left out; it is for a Raspberry Pi camera",
        "warning: source.v4l2: is not for this source, and left out; it is for a USB camera",
    ]
