"""The kiosk's state costs a frame next to nothing, and shows nothing that is no longer true."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.types import Observation, State

Make = Callable[..., Observation]


def test_the_newest_observation_is_up(make_observation: Make) -> None:
    kiosk, seen = KioskState(), make_observation(7, "happy")
    kiosk.write(make_observation(6))
    kiosk.write(seen)
    assert kiosk.latest is seen
    assert (kiosk.camera, kiosk.frames) == ("running", 8)


@pytest.mark.parametrize("state", ["paused", "lost", "starting"])
def test_pause_removes_the_observation(state: State, make_observation: Make) -> None:
    """What was seen before a pause is taken down."""
    kiosk = KioskState()
    kiosk.write(make_observation(1, "happy"))
    kiosk.set_camera(state)
    assert kiosk.latest is None
    assert kiosk.camera == state


def test_frame_without_event_wakes_no_reader(make_observation: Make, with_event: Make) -> None:
    """A frame without an event wakes nobody."""
    kiosk, woken = KioskState(), []
    kiosk.wake = lambda: woken.append(1)
    kiosk.write(make_observation(1, "happy"))
    assert not woken
    kiosk.write(with_event(make_observation(2, "happy")))
    assert len(woken) == 1
    kiosk.set_camera("paused")
    assert len(woken) == 2
    assert kiosk.events["changed"] == 1
