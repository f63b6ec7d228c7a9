"""The board costs a frame next to nothing, and shows nothing that is no longer true."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.types import Observation, State

Make = Callable[..., Observation]


def test_the_newest_observation_is_up(make_observation: Make) -> None:
    board, seen = KioskState(), make_observation(7, "happy")
    board.write(make_observation(6))
    board.write(seen)
    assert board.latest is seen
    assert (board.state, board.frames) == ("running", 8)


@pytest.mark.parametrize("state", ["paused", "lost", "starting"])
def test_what_was_seen_before_a_pause_is_taken_down(state: State, make_observation: Make) -> None:
    board = KioskState()
    board.write(make_observation(1, "happy"))
    board.change(state)
    assert board.latest is None
    assert board.state == state


def test_a_frame_without_an_event_wakes_nobody(make_observation: Make, with_event: Make) -> None:
    board, woken = KioskState(), []
    board.wake = lambda: woken.append(1)
    board.write(make_observation(1, "happy"))
    assert not woken
    board.write(with_event(make_observation(2, "happy")))
    assert len(woken) == 1
    board.change("paused")
    assert len(woken) == 2
    assert board.events["changed"] == 1
