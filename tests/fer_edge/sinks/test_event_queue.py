"""Events wait in a bounded queue, in order, and what cannot be delivered is counted and said."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from fer_edge import retry
from fer_edge.errors import SinkError
from fer_edge.sinks.event_queue import EventQueue, Refused
from fer_edge.types import EVENT_KINDS, Event, Observation

Make = Callable[..., Observation]
SOON = 10.0  # seconds


class Door:
    """What events go through: it takes them, fails, refuses or hangs, as logged."""

    def __init__(self) -> None:
        self.came: queue.Queue[int] = queue.Queue()
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.now = 0.0
        self.boxes: list[EventQueue] = []

    def box(self, limit: int = 100, on: tuple[str, ...] = EVENT_KINDS) -> EventQueue:
        self.boxes.append(EventQueue("post", on, limit, self.send, self.gate.set, lambda: self.now))
        return self.boxes[-1]

    def send(self, record: dict[str, Any]) -> None:
        self.came.put(record["frame"])
        assert self.gate.wait(SOON)
        if self.error:
            raise self.error

    def get(self, count: int) -> list[int]:
        return [self.came.get(timeout=SOON) for _ in range(count)]


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.error = None
    door.gate.set()
    for box in door.boxes:
        box.close()


@pytest.fixture
def event(make_observation: Make) -> Callable[..., Observation]:
    def make(number: int, kind: str = "changed") -> Observation:
        seen = make_observation(number, "happy")
        return replace(seen, events=(Event(kind, seen.faces[0]),))  # type: ignore[arg-type]

    return make


def test_wanted_events_go_out_in_order(door: Door, event: Make, make_observation: Make) -> None:
    """Events of the kinds asked for go out in order."""
    box = door.box(on=("came", "gone"))
    for number, kind in enumerate(("came", "changed", "gone", "came")):
        box.write(event(number, kind))
        box.write(make_observation(number, "happy"))
    assert door.get(3) == [0, 2, 3]
    box.close()
    assert door.came.empty()


def test_flood_drops_the_oldest(door: Door, event: Make, logged: queue.Queue[str]) -> None:
    """A flood is bounded the oldest go and are counted."""
    box = door.box(limit=5)
    door.gate.clear()
    box.write(event(0))
    assert door.get(1) == [0]
    for number in range(1, 101):
        box.write(event(number))
    door.gate.set()
    assert door.get(5) == [96, 97, 98, 99, 100]
    box.close()
    assert logged.get_nowait() == "note: post: could not deliver 95 events"


def test_failed_event_is_tried_again(door: Door, event: Make, logged: queue.Queue[str]) -> None:
    """What fails is logged once and tried again in order."""
    box = door.box()
    door.error = SinkError("post: the server is away")
    box.write(event(1))
    assert logged.get(timeout=SOON) == "error: post: the server is away; it is tried again, and the rest goes on"
    box.write(event(2))
    assert door.get(1) == [1]
    door.now = 1.0
    box.write(event(3))  # wakes it
    assert door.get(1) == [1]
    door.error = None
    box.write(event(4))
    assert door.came.empty()  # the pause is 2 s by now
    door.now = 3.0
    box.write(event(5))
    assert door.get(5) == [1, 2, 3, 4, 5]
    door.now = 9.0
    box.write(event(6))
    assert logged.get(timeout=SOON) == "note: post: works again"
    box.close()
    assert logged.empty()


def test_refused_event_is_skipped(door: Door, event: Make, logged: queue.Queue[str]) -> None:
    """What is refused gives way to the next."""
    box = door.box()
    door.error = Refused("post: answers 404")
    for number in range(3):
        box.write(event(number))
    assert door.get(3) == [0, 1, 2]
    with pytest.raises(SinkError, match="post: could not deliver 3 events, and it still fails at the end"):
        box.close()
    assert logged.get_nowait() == "error: post: answers 404; the next event is tried, and the rest goes on"
    assert logged.empty()


def test_waiting_events_are_sent_at_close(door: Door, event: Make) -> None:
    """What waits is delivered at the end."""
    box = door.box()
    door.gate.clear()
    for number in range(4):
        box.write(event(number))
    threading.Timer(0.0, door.gate.set).start()
    box.close()
    assert door.get(4) == [0, 1, 2, 3]


def test_close_does_not_wait_forever(door: Door, event: Make, logged: queue.Queue[str]) -> None:
    """The end does not wait for what hangs or fails."""
    box = door.box()
    door.gate.clear()
    for number in range(4):
        box.write(event(number))
    assert door.get(1) == [0]
    box.close(timeout_s=0.05)  # stops the door, which opens the gate
    assert door.came.empty()
    assert logged.get_nowait() == "note: post: could not deliver 3 events"
    failing = door.box()
    door.error = SinkError("post: away")
    for number in range(4):
        failing.write(event(number))
    with pytest.raises(SinkError, match="could not deliver 4 events"):
        failing.close()


def test_unexpected_error_costs_one_event(door: Door, event: Make, logged: queue.Queue[str]) -> None:
    """What was not foreseen costs one event and is told."""
    box = door.box()
    door.error = ValueError("35 is not a valid signal")
    box.write(event(1))
    assert "post: ValueError: 35 is not a valid signal" in logged.get(timeout=SOON)
    assert door.get(1) == [1]
    door.error = None
    box.write(event(2))
    assert door.get(1) == [2]
    with pytest.raises(SinkError, match="post: could not deliver 1 event,"):
        box.close()


def test_failed_event_needs_no_next_one(event: Callable[..., Observation], monkeypatch: pytest.MonkeyPatch) -> None:
    """The last event of the day is sent again after the pause by itself, and the thread slept until then."""
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.05)
    asked, tries, sent = 0, 0, threading.Event()

    def clock() -> float:
        nonlocal asked
        asked += 1
        return time.monotonic()

    def send(record: dict[str, Any]) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise SinkError("post: the server is away")
        sent.set()

    box = EventQueue("post", EVENT_KINDS, 10, send, clock=clock)
    box.write(event(1))
    assert sent.wait(SOON)
    assert asked < 50
    with suppress(SinkError):  # it has not worked for long
        box.close()
    assert box.lost == 0
