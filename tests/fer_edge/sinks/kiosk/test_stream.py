"""Readers get changes at once; slow, gone and surplus readers do no harm; without readers nothing runs."""

from __future__ import annotations

import http.client
import itertools
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from fer_edge.sinks.kiosk import server, stream
from fer_edge.types import Observation

House = Callable[..., Any]
Make = Callable[..., Observation]
SOON = 10.0  # seconds
EMPTY = {
    "faces": [],
    "more": 0,
    "size": None,
    "ignored": [],
    "zone": None,
    "invented": False,
    "resumes_in": None,
    "saved": None,
}


def wait_for(holds: Callable[[], bool]) -> None:
    """Until it holds, looked at a hundred times a second."""
    end = time.monotonic() + SOON
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < end
        pause.wait(0.01)


def test_first_event_is_the_current_state(house: House) -> None:
    """The first event is what is so now."""
    reader = house().read()
    assert reader.answer.getheader("content-type") == "text/event-stream"
    assert reader.next() == {"state": "starting", "paused": False, **EMPTY}
    reader.close()


def test_a_change_comes_at_once(
    house: House, make_observation: Make, with_event: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PAGE_POLL_INTERVAL_S", 1000.0)  # so that it cannot be the tick
    built = house()
    reader = built.read()
    reader.next()
    built.sink.state("running")
    assert reader.next()["state"] == "running"
    built.sink.write(with_event(make_observation(1, "happy")))
    assert reader.next()["faces"][0]["emotion"] == "happy"
    built.sink.state("lost")
    assert reader.next() == {"state": "lost", "paused": False, **EMPTY}
    reader.close()


def test_change_without_event_is_polled(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes without an event comes with the tick."""
    monkeypatch.setattr(stream, "PAGE_POLL_INTERVAL_S", 0.01)
    built = house()
    reader = built.read()
    reader.next()
    built.pause_switch.pause()
    assert reader.next()["paused"] is True
    reader.close()


def test_silence_is_broken_by_pings(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PING_INTERVAL_S", 0.01)
    reader = house().read()
    assert [reader.next("ping") for _ in range(3)] == [None] * 3
    reader.close()


def test_nothing_runs_when_nobody_looks(house: House) -> None:
    built = house()
    state = built.sink._state
    assert state.wake is None
    reader = built.read()
    reader.next()
    assert state.wake is not None
    reader.close()
    wait_for(lambda: state.wake is None)
    wait_for(lambda: built.ask("/api/v1/status").json["viewers"] == 0)


def test_one_too_many_is_told_so(house: House) -> None:
    built = house(viewers=1)
    reader = built.read()
    answer = built.ask("/api/v1/stream")
    assert answer.status == 503
    assert answer.headers["retry-after"] == "10"
    assert "kiosk.viewers" in answer.json["error"]
    reader.close()


def test_slow_reader_gets_the_newest(
    house: House, make_observation: Make, with_event: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow reader gets the newest and holds nobody up."""
    monkeypatch.setattr(server, "WRITE_TIMEOUT_S", 0.2)
    built = house()
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", built.port))
    slow.sendall(f"GET /api/v1/stream HTTP/1.1\r\nHost: {built.host}\r\n\r\n".encode())
    fast = built.read()
    wait_for(lambda: built.ask("/api/v1/status").json["viewers"] == 2)
    built.sink.state("running")
    for number in itertools.count():
        emotion = ("happy", "sad")[number % 2]
        built.sink.write(with_event(make_observation(number, *[emotion] * 6)))
        shown = fast.until(lambda now, emotion=emotion: now["faces"] and now["faces"][0]["emotion"] == emotion)
        assert len(shown["faces"]) == 6
        if number % 100 == 99 and built.ask("/api/v1/status").json["viewers"] == 1:
            break
        assert number < 5000, "the slow reader was never disconnected"
    slow.close()
    fast.close()


def test_two_hundred_readers_all_see_it(house: House, make_observation: Make, with_event: Make) -> None:
    built = house()
    readers = [built.read() for _ in range(200)]
    assert all(reader.next()["state"] == "starting" for reader in readers)
    built.sink.state("running")
    built.sink.write(with_event(make_observation(1, "happy")))
    for reader in readers:
        assert reader.until(lambda now: now["faces"])["faces"][0]["emotion"] == "happy"
    for reader in readers:
        reader.close()


def test_server_stop_ends_the_stream(house: House) -> None:
    """The end of the server ends the stream."""
    built = house()
    reader = built.read()
    reader.next()
    built.sink.close()
    with pytest.raises((EOFError, http.client.IncompleteRead, ConnectionError)):
        reader.next()
    reader.close()
