"""A slow, hanging or broken sink never holds the loop up, and loses no event that it could still show."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fer_edge import retry
from fer_edge.errors import SettingsError, SinkError
from fer_edge.sinks.mailbox import MAX_WAITING_EVENTS, Mailbox
from fer_edge.types import Event, Observation, Sink, State

Make = Callable[..., Observation]
SOON = 10.0  # seconds; what is waited for comes at once, unless something is broken


class Lamp(Sink):
    """Does what the test says, when it says so; `got` is all that came to all lamps of one place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        place.made += 1
        if place.broken:
            raise place.broken

    def write(self, observation: Observation) -> None:
        self._note(observation)

    def state(self, state: State) -> None:
        self._note(state)

    def _note(self, what: Any) -> None:
        self._place.entered.release()
        assert self._place.gate.wait(SOON)
        if self._place.broken:
            raise self._place.broken
        with self._place.changed:
            self._place.got.append(what)
            self._place.changed.notify_all()

    def close(self) -> None:
        self._place.closed += 1


class Place:
    def __init__(self) -> None:
        self.made = self.closed = 0
        self.got: list[Any] = []
        self.changed = threading.Condition()
        self.entered = threading.Semaphore(0)  # a lamp has begun to take something
        self.gate = threading.Event()  # and may go on
        self.gate.set()
        self.broken: BaseException | None = None
        self.now = 0.0

    def box(self) -> Mailbox:
        return Mailbox("lamp", lambda: Lamp(self), lambda: self.now)

    def wait(self, count: int) -> list[Any]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, SOON), self.got
        return self.got


@pytest.fixture
def place() -> Place:
    return Place()


def with_event(observation: Observation, kind: str = "changed") -> Observation:
    return Observation(observation.frame, observation.faces, (Event(kind, observation.faces[0]),))  # type: ignore[arg-type]


def test_order_is_kept(place: Place, make_observation: Make) -> None:
    """What comes is delivered in its order."""
    box, seen = place.box(), make_observation(1)
    box.state("starting")
    assert place.wait(1) == ["starting"]
    box.write(seen)
    assert place.wait(2) == ["starting", seen]
    box.state("lost")
    assert place.wait(3) == ["starting", seen, "lost"]
    box.close()
    assert place.closed == 1


def test_newest_takes_over_waiting_events(place: Place, make_observation: Make) -> None:
    """The newest replaces what waits and takes over its events."""
    box = place.box()
    place.gate.clear()
    box.write(make_observation(0))
    assert place.entered.acquire(timeout=SOON)
    for number in range(1, 50):
        waiting = make_observation(number, "happy")
        box.write(with_event(waiting) if number % 10 == 0 else waiting)
    place.gate.set()
    assert [observation.frame.number for observation in place.wait(2)] == [0, 49]
    assert len(place.got[1].events) == 4
    box.close()
    assert box.dropped == 0


def test_oldest_events_are_dropped_first(
    place: Place, make_observation: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of more events than it keeps, the newest wait, and those that were dropped are counted."""
    box = place.box()
    place.gate.clear()
    box.write(make_observation(0))
    assert place.entered.acquire(timeout=SOON)
    for number in range(MAX_WAITING_EVENTS + 30):
        seen = make_observation(number, "happy")
        box.write(with_event(replace(seen, faces=(replace(seen.faces[0], confidence=number),))))
    place.gate.set()
    assert [event.face.confidence for event in place.wait(2)[1].events] == list(range(30, MAX_WAITING_EVENTS + 30))
    box.close()
    assert box.dropped == 30
    assert "lamp: dropped 30 events, since" in capsys.readouterr().err


def test_state_stays_behind_what_waited(place: Place, make_observation: Make) -> None:
    """A state keeps its place behind what waited before it."""
    box = place.box()
    place.gate.clear()
    box.state("starting")
    assert place.entered.acquire(timeout=SOON)
    seen = make_observation(1)
    for state in ("running", "paused", "running"):
        box.state(state)  # type: ignore[arg-type]
    box.write(seen)
    box.state("lost")
    place.gate.set()
    assert place.wait(3) == ["starting", seen, "lost"]
    box.close()


def test_failed_sink_is_opened_again(place: Place, make_observation: Make, logged: queue.Queue[str]) -> None:
    """A sink that fails is logged once closed and opened again with what waits."""
    box = place.box()
    box.state("running")
    place.wait(1)
    place.broken = SinkError("lamp: no answer on /dev/i2c-1; check its wires")
    event = with_event(make_observation(1, "happy"))
    box.write(event)
    words = "error: lamp: no answer on /dev/i2c-1; check its wires; it is tried again, and the rest goes on"
    assert logged.get(timeout=SOON) == words
    assert box.failing
    assert place.made == 1
    place.broken = None
    place.now = 1.0  # the first pause is over
    newer = make_observation(2, "happy")
    box.write(newer)
    assert place.wait(3)[:2] == ["running", "running"]  # the new one learns the state
    assert place.got[2].frame.number == 2
    assert place.got[2].events == event.events
    assert (place.made, place.closed) == (2, 1)
    place.now = 2.0
    box.write(make_observation(3))
    place.wait(4)
    box.close()
    assert not box.failing
    assert logged.get(timeout=SOON) == "note: lamp: works again"
    assert logged.empty()


def test_exit_is_a_failure(place: Place, make_observation: Make, logged: queue.Queue[str]) -> None:
    """A sys.exit in an output would end its thread without a word, and nothing would come any more."""
    box = place.box()
    place.broken = SystemExit(3)
    box.write(make_observation(1))
    assert logged.get(timeout=SOON) == "error: lamp: SystemExit: 3; it is tried again, and the rest goes on"
    place.broken, place.now = None, 1.0
    box.state("running")
    assert "running" in place.wait(2)
    box.close()


def test_missing_sink_may_come_later(place: Place, make_observation: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """A sink that is not there at the start may come later."""
    place.broken = OSError(121, "Remote I/O error")
    box = place.box()
    assert box.failing
    place.broken, place.now = None, 1.0
    box.state("running")
    assert place.wait(1) == ["running"]
    box.close()
    assert "lamp: OSError: [Errno 121] Remote I/O error; it is tried again" in capsys.readouterr().err


def test_invalid_settings_are_refused(place: Place) -> None:
    """Settings that cannot work are refused at once."""
    place.broken = SettingsError("lamp: needs gpiozero; install it")
    with pytest.raises(SettingsError, match="install it"):
        place.box()


def test_nothing_is_tried_before_its_time(place: Place, make_observation: Make) -> None:
    place.broken = SinkError("lamp: dark")
    box = place.box()
    for number in range(1000):
        box.write(make_observation(number))
    box.close()
    assert place.made == 1
    assert box.failing


def test_hanging_sink_is_abandoned(place: Place, make_observation: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """A sink that hangs is abandoned in time."""
    box = place.box()
    place.gate.clear()
    box.write(make_observation(0))
    assert place.entered.acquire(timeout=SOON)
    begin = time.monotonic()
    box.close(timeout_s=0.05)
    box.close(timeout_s=0.05)
    assert time.monotonic() - begin < 5
    assert capsys.readouterr().err == "fer-edge: error: lamp: did not close within 0.05 s, and is abandoned\n"
    place.gate.set()
    box._thread.join(SOON)


def test_waiting_mail_is_delivered_at_close(place: Place, make_observation: Make) -> None:
    """What waits is delivered before the end."""
    box = place.box()
    place.gate.clear()
    box.write(make_observation(0))
    assert place.entered.acquire(timeout=SOON)
    box.write(make_observation(1))
    threading.Timer(0.0, place.gate.set).start()
    box.close()
    assert [observation.frame.number for observation in place.got] == [0, 1]
    assert place.closed == 1


@pytest.mark.parametrize("error", [RuntimeError("no bus"), ValueError("no bus")])
@pytest.mark.parametrize("method", ["write", "state"])
def test_any_exception_is_retried(
    place: Place, make_observation: Make, logged: queue.Queue[str], error: Exception, method: str
) -> None:
    """As in the loop: the line names the output, the type and the text, and what waits is delivered later."""
    box, seen = place.box(), make_observation(1)
    place.broken = error
    box.write(seen) if method == "write" else box.state("lost")
    line = f"error: lamp: {type(error).__name__}: no bus; it is tried again, and the rest goes on"
    assert logged.get(timeout=SOON) == line
    assert box.failing
    place.broken, place.now = None, 1.0
    box.state("running")
    assert place.wait(1)[0] == (seen if method == "write" else "running")
    box.close()


def test_an_exception_in_close_ends_quietly(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """At its end there is nothing to try again."""

    class Stuck(Lamp):
        def close(self) -> None:
            super().close()
            raise RuntimeError("no bus")

    box = Mailbox("lamp", lambda: Stuck(place), lambda: place.now)
    box.close()
    assert place.closed == 1
    assert not box._thread.is_alive()
    assert not capsys.readouterr().err


def test_it_comes_back_though_nothing_comes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lamp that answers again shows the state by itself after the pause, and its thread slept until then."""
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.05)
    asked = 0

    def clock() -> float:
        nonlocal asked
        asked += 1
        return time.monotonic()

    place.broken = OSError("Remote I/O error")
    box = Mailbox("lamp", lambda: Lamp(place), clock)
    place.broken = None
    box.state("running")
    assert place.wait(1) == ["running"]
    assert asked < 50
    box.close()
