"""What the page draws has no more than it needs, and rests while nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fer_edge.pause import PauseSwitch
from fer_edge.records import record
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.sinks.kiosk.views import MAX_FACES_SHOWN, now, stage
from fer_edge.types import UNCERTAIN, Observation, Prediction

Make = Callable[..., Observation]


def test_before_the_first_frame_there_is_nothing() -> None:
    expected = {"state": "starting", "paused": False, "time": None, "source": None, "frame": None, "faces": []}
    assert now(KioskState(), PauseSwitch()) == expected
    assert stage(KioskState(), PauseSwitch()) == {"state": "starting", "paused": False, "faces": [], "more": 0}


def test_now_is_a_line_of_the_log_and_the_state(make_observation: Make) -> None:
    state, pause_switch, seen = KioskState(), PauseSwitch(), make_observation(3, "happy", "sad")
    state.set_camera("running")
    state.write(seen)
    pause_switch.pause()
    assert now(state, pause_switch) == {"state": "running", "paused": True, **record(seen)}


def test_faces_are_in_the_order_of_their_coming_and_not_too_many(make_observation: Make) -> None:
    state = KioskState()
    seen = make_observation(1, *["happy"] * (MAX_FACES_SHOWN + 2))
    state.write(Observation(seen.frame, tuple(reversed(seen.faces)), ()))
    shown = stage(state, PauseSwitch())
    assert [face["id"] for face in shown["faces"]] == list(range(1, MAX_FACES_SHOWN + 1))
    assert shown["more"] == 2


def test_colours_are_the_palette_s_and_what_is_uncertain_is_grey(make_observation: Make) -> None:
    state = KioskState()
    seen = make_observation(1, "happy", UNCERTAIN, "own")
    own = replace(seen.faces[2], prediction=Prediction(("own", "other"), (0.9, 0.1)))
    state.write(Observation(seen.frame, (*seen.faces[:2], own), ()))
    faces = stage(state, PauseSwitch())["faces"]
    assert [face["certain"] for face in faces] == [True, False, True]
    assert faces[0]["colour"] == "#f0e442"
    assert len({face["colour"] for face in faces}) == 3


def test_a_little_more_confidence_is_no_news(make_observation: Make) -> None:
    state, seen = KioskState(), make_observation(1, "happy")
    views = []
    for confidence in (0.70, 0.71, 0.69, 0.76):
        state.write(Observation(seen.frame, (replace(seen.faces[0], confidence=confidence),), ()))
        views.append(stage(state, PauseSwitch()))
    assert views[0] == views[1] == views[2] != views[3]
