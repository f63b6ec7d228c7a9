"""A message for what a person would notice, and now and then one that says that all goes on; each with its own time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from fer_edge.settings import MqttSettings
from fer_edge.sinks.mqtt.reports import Reports
from fer_edge.types import Box, Event, Observation

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
        0,
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
