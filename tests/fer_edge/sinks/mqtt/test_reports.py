"""A message for what a person would notice, and now and then one that says that all goes on; each with its own time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from fer_edge.settings import MqttSettings
from fer_edge.sinks.mqtt.reports import Reports
from fer_edge.types import INVENTED_SOURCE, Box, Event, Observation

Make = Callable[..., Observation]
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def reports(**settings: float) -> Reports:
    return Reports(replace(MqttSettings(), **settings), lambda: NOW)  # type: ignore[arg-type]


def sure(observation: Observation, confidence: float) -> Observation:
    return replace(observation, faces=tuple(replace(face, confidence=confidence) for face in observation.faces))


def test_largest_face_is_the_emotion(make_observation: Make) -> None:
    """The largest face is the emotion and all are listed."""
    seen = make_observation(25, "sad", "happy")
    large = replace(seen.faces[1], box=Box(0, 0, 30, 50), confidence=0.876)
    report = reports().for_observation(replace(seen, faces=(seen.faces[0], large)))
    assert report == {
        "time": "2026-01-01T12:00:01.000+00:00",
        "state": "running",
        "emotion": "happy",
        "confidence": 0.88,
        "faces": 2,
        "present": 2,
        "readings": [
            {"id": 1, "emotion": "sad", "confidence": 0.7},
            {"id": 2, "emotion": "happy", "confidence": 0.88},
        ],
        "events": [],
    }


def test_events_at_once_rest_by_heartbeat(make_observation: Make) -> None:
    """Events are sent at once and the rest at each heartbeat."""
    made = reports(heartbeat_seconds=60.0)
    sent = []
    for number in range(25 * 200):
        observation = make_observation(number, "happy")
        if number in (1000, 1025):
            observation = replace(observation, events=(Event("changed", observation.faces[0]),))
        report = made.for_observation(observation)
        if report is not None:
            sent.append((number, len(report["events"])))
    assert sent == [(0, 0), (1000, 1), (1025, 1), (1025 + 1500, 0), (1025 + 3000, 0)]


def test_confidence_is_sent_in_steps(make_observation: Make) -> None:
    """Confidence is made where it moved far and once a second at most."""
    made = reports(confidence_step=0.2)
    levels = {0: 0.5, 10: 0.95, 60: 0.8, 120: 0.7}
    sent = []
    level = 0.0
    for number in range(200):
        level = levels.get(number, level)
        report = made.for_observation(sure(make_observation(number, "happy"), level))
        if report is not None:
            sent.append((number, report["confidence"]))
    assert sent == [(0, 0.5), (25, 0.95), (120, 0.7)]
    never = reports(confidence_step=0.0)
    assert never.for_observation(sure(make_observation(0, "happy"), 0.1)) is not None
    assert never.for_observation(sure(make_observation(100, "happy"), 0.9)) is None


def test_new_largest_face_is_sent(make_observation: Make) -> None:
    """Another face that is the largest is logged and one missed for a moment is not."""
    made = reports()
    assert made.for_observation(make_observation(0, "happy")) is not None
    assert made.for_observation(make_observation(50)) is None
    assert made.for_observation(make_observation(75, "happy")) is None
    assert (made.for_observation(make_observation(100, "sad")) or {})["emotion"] == "sad"


def test_state_is_sent_once(make_observation: Make) -> None:
    """States are sent once with the wall clock."""
    made = reports()
    first = made.for_state("starting")
    assert first is not None
    assert (first["time"], first["state"], first["emotion"], first["faces"]) == (
        "2026-01-02T00:00:00.000+00:00",
        "starting",
        None,
        None,
    )
    assert made.for_state("starting") is None
    assert (made.for_state("paused") or {})["state"] == "paused"
    assert (made.for_observation(make_observation(0)) or {})["state"] == "running"


def test_last_message_repeats_without_events(make_observation: Make) -> None:
    """What was said last can be said again without its events."""
    made = reports()
    assert made.repeated() is None
    seen = make_observation(0, "happy")
    made.for_observation(replace(seen, events=(Event("came", seen.faces[0]),)))
    again = made.repeated()
    assert again is not None
    assert (again["time"], again["emotion"], again["events"]) == ("2026-01-02T00:00:00.000+00:00", "happy", [])


def test_paused_or_lost_knows_nobody(make_observation: Make) -> None:
    """Null, not 0: a home must not take the room as empty."""
    made = reports()
    made.for_observation(make_observation(0, "happy", "sad"))
    for state in ("paused", "lost", "starting"):
        report = made.for_state(state) or {}  # type: ignore[arg-type]
        assert (report["faces"], report["present"], report["emotion"], report["readings"]) == (None, None, None, [])
    again = made.repeated() or {}
    assert (again["faces"], again["present"]) == (None, None)


def test_empty_room_is_zero(make_observation: Make) -> None:
    report = reports().for_observation(make_observation(0)) or {}
    assert (report["faces"], report["present"]) == (0, 0)


def test_missed_face_stays_present(make_observation: Make) -> None:
    """A face that a heartbeat happens to miss is present until it is gone, or the lights would go off."""
    made = reports(heartbeat_seconds=60.0)
    seen = make_observation(0, "happy")
    face = seen.faces[0]
    made.for_observation(replace(seen, events=(Event("came", face),)))
    missed = made.for_observation(make_observation(1500)) or {}
    assert (missed["faces"], missed["present"], missed["emotion"]) == (0, 1, None)
    back = made.for_observation(make_observation(1525, "happy")) or {}  # a second later, not at the next heartbeat
    assert (back["faces"], back["present"], back["emotion"]) == (1, 1, "happy")
    gone = made.for_observation(replace(make_observation(1600), events=(Event("gone", face),))) or {}
    assert gone["present"] == 0


def test_lost_end_of_a_face_is_noticed(make_observation: Make) -> None:
    """Events may be dropped on the way; nobody is present for ever."""
    made = reports(heartbeat_seconds=60.0)
    made.for_observation(make_observation(0, "happy"))
    present = [(made.for_observation(make_observation(number)) or {})["present"] for number in (1500, 3000, 4500)]
    assert present == [1, 0, 0]


def test_invented_readings_say_so(make_observation: Make) -> None:
    seen = make_observation(0, "happy")
    invented = replace(seen, frame=replace(seen.frame, source=INVENTED_SOURCE))
    assert (reports().for_observation(invented) or {})["invented"] is True
    assert "invented" not in (reports().for_observation(seen) or {})
