"""What the page draws has no more than it needs, and rests while nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fer_edge.pause import PauseSwitch
from fer_edge.records import record
from fer_edge.sinks.kiosk.state import KioskState
from fer_edge.sinks.kiosk.views import MAX_FACES_SHOWN, now, stage
from fer_edge.types import INVENTED_SOURCE, UNCERTAIN, Box, Observation, Prediction

Make = Callable[..., Observation]


def test_nothing_before_the_first_frame() -> None:
    """Before the first frame there is nothing."""
    expected = {"state": "starting", "paused": False, "time": None, "source": None, "frame": None, "faces": []}
    assert now(KioskState(), PauseSwitch()) == expected
    shown = {"state": "starting", "paused": False, "faces": [], "more": 0, "size": None, "ignored": [], "zone": None}
    shown |= {"invented": False, "resumes_in": None, "saved": None}
    assert stage(KioskState(), PauseSwitch()) == shown


def test_now_is_record_and_state(make_observation: Make) -> None:
    """Now is a line of the log and the state."""
    state, pause_switch, seen = KioskState(), PauseSwitch(), make_observation(3, "happy", "sad")
    state.set_camera("running")
    state.write(seen)
    pause_switch.pause()
    assert now(state, pause_switch) == {"state": "running", "paused": True, **record(seen)}


def test_faces_in_order_and_limited(make_observation: Make) -> None:
    """Faces are in the order of their coming and not too many."""
    state = KioskState()
    seen = make_observation(1, *["happy"] * (MAX_FACES_SHOWN + 2))
    state.write(Observation(seen.frame, tuple(reversed(seen.faces)), ()))
    shown = stage(state, PauseSwitch())
    assert [face["id"] for face in shown["faces"]] == list(range(1, MAX_FACES_SHOWN + 1))
    assert shown["more"] == 2


def test_colours_are_the_palette(make_observation: Make) -> None:
    """Colours are the palette's and what is uncertain is grey."""
    state = KioskState()
    seen = make_observation(1, "happy", UNCERTAIN, "own")
    own = replace(seen.faces[2], prediction=Prediction(("own", "other"), (0.9, 0.1)))
    state.write(Observation(seen.frame, (*seen.faces[:2], own), ()))
    faces = stage(state, PauseSwitch())["faces"]
    assert [face["certain"] for face in faces] == [True, False, True]
    assert faces[0]["colour"] == "#f0e442"
    assert len({face["colour"] for face in faces}) == 3


def test_small_confidence_change_is_no_event(make_observation: Make) -> None:
    """A little more confidence is no event."""
    state, seen = KioskState(), make_observation(1, "happy")
    views = []
    for confidence in (0.70, 0.71, 0.69, 0.76):
        state.write(Observation(seen.frame, (replace(seen.faces[0], confidence=confidence),), ()))
        views.append(stage(state, PauseSwitch()))
    assert views[0] == views[1] == views[2] != views[3]


def test_ignored_areas_come_with_the_size(make_observation: Make) -> None:
    """The page gets the ignored areas, and the shape of the picture that it draws them over."""
    state = KioskState()
    state.write(make_observation(1, "happy", grey=np.zeros((480, 640), np.uint8)))
    shown = stage(state, PauseSwitch(), [(0.1, 0.2, 0.3, 0.4)])
    assert (shown["size"], shown["ignored"]) == ([640, 480], [[0.1, 0.2, 0.3, 0.4]])
    assert stage(state, PauseSwitch(), (), (0.1, 0.2, 0.3, 0.4))["zone"] == [0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize(("label", "pose"), [("Happiness", "happy"), ("SAD", "sad"), ("smile", "smile")])
def test_own_names_have_the_emotions_face(make_observation: Make, label: str, pose: str) -> None:
    """The label stays as the model calls it; the drawn face is that of what it means."""
    state = KioskState()
    state.write(make_observation(1, label))
    (face,) = stage(state, PauseSwitch())["faces"]
    assert (face["emotion"], face["pose"]) == (label, pose)


def test_invented_readings_are_said(make_observation: Make) -> None:
    """Also while the tour's camera is paused or lost; and a pause says when it ends."""
    state, pause_switch, seen = KioskState(), PauseSwitch(lambda: 0.0), make_observation(1, "happy")
    state.write(seen)
    assert not stage(state, pause_switch)["invented"]
    state.write(replace(seen, frame=replace(seen.frame, source=INVENTED_SOURCE)))
    state.set_camera("lost")
    assert stage(state, pause_switch)["invented"]
    pause_switch.pause()
    assert stage(state, pause_switch)["resumes_in"] is None
    pause_switch.pause(seconds=61)
    assert stage(state, pause_switch)["resumes_in"] == 2


def test_places_and_sizes_are_shares(make_observation: Make) -> None:
    """As in a mirror, and within the picture, also of a face that reaches over its edge."""
    state, seen = KioskState(), make_observation(1, "happy", "sad", "fear")
    boxes = Box(0, 0, 64, 64), Box(620, 0, 160, 160), Box(-80, 0, 80, 80)
    faces = tuple(replace(face, box=box) for face, box in zip(seen.faces, boxes, strict=True))
    state.write(replace(seen, frame=replace(seen.frame, grey=np.zeros((480, 640), np.uint8)), faces=faces))
    shown = stage(state, PauseSwitch())["faces"]
    assert [(face["x"], face["near"]) for face in shown] == [(0.95, 0.4), (0.0, 1.0), (1.0, 0.4)]
    already = stage(state, PauseSwitch(), mirrored=True)["faces"]
    assert [face["x"] for face in already] == [0.05, 1.0, 0.0]
