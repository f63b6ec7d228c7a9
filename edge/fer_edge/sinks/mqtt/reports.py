"""Which observations get a message, and what it holds.

{"time": RFC 3339, "state": as fer_edge.types.State, "emotion": of the largest face or null, "confidence": 0 to 1 or
 null, "faces": how many are in view, "present": how many came and are not gone, also if they are not found in this
 frame, "readings": [{"id", "emotion", "confidence"}], "events": [{"kind", "id", "emotion"}]}

While the camera does not run, "faces" and "present" are null: nobody knows. "invented": true is in those of the tour.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from fer_edge.records import GONE, event_entries
from fer_edge.settings import MqttSettings
from fer_edge.types import INVENTED_SOURCE, Event, Face, Observation, State

MIN_INTERVAL_S = 1.0  # between messages without an event

Report = dict[str, Any]


class Reports:
    """Knows what was sent last."""

    def __init__(self, settings: MqttSettings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._settings, self._clock = settings, clock
        self._present: set[int] = set()  # ids of faces that came and are not gone
        self._missed: set[int] = set()  # those of them that the last heartbeat did not find
        self._state: State = "starting"
        self._last: Report | None = None
        self._sent_at = 0.0  # frame time of it, seconds

    def for_observation(self, observation: Observation) -> Report | None:
        """The message for it; None if it has nothing new."""
        now = observation.frame.time
        if not observation.events and not self._due(observation, now - self._sent_at):
            return None
        self._sent_at = now
        self._count(observation)
        return self._keep("running", _seen(observation, len(self._present)))

    def for_state(self, state: State) -> Report | None:
        """The message that the source is in `state` now; None if that was sent already."""
        if self._last is not None and state == self._state:
            return None
        return self._keep(state, _report(state, self._clock()))

    def repeated(self) -> Report | None:
        """The last message with the time of now, for a broker that may have lost it; None if there was none."""
        if self._last is None:
            return None
        return self._last | {"time": _text(self._clock()), "events": []}

    def _due(self, observation: Observation, age: float) -> bool:
        last = self._last
        if last is None or last["state"] != "running" or age < 0 or age >= self._settings.heartbeat_seconds:
            return True
        if age < MIN_INTERVAL_S:
            return False
        largest = observation.largest_face
        # A face that left is an event; one that is missed for a moment is not.
        if largest is None:
            return False
        if largest.emotion != last["emotion"]:  # another face is the largest, or the last message missed it
            return True
        step = self._settings.confidence_step
        return bool(step and abs(_rounded(largest) - last["confidence"]) >= step)

    def _count(self, observation: Observation) -> None:
        """Note who is present. A face whose end was lost on the way is dropped at the second heartbeat without it."""
        for event in observation.events:
            if event.kind == GONE:
                self._present.discard(event.face.id)
            else:
                self._present.add(event.face.id)
        in_view = {face.id for face in observation.faces}
        self._present |= in_view
        if not observation.events:
            missing = self._present - in_view
            self._present -= missing & self._missed
            self._missed = missing

    def _keep(self, state: State, report: Report) -> Report:
        self._state, self._last = state, report
        return report


def event_message(observation: Observation, event: Event) -> bytes:
    """One event as Home Assistant's event entities take it: the kind in "event_type", and more about it."""
    face = event.face
    return to_json(
        {
            "event_type": event.kind,
            "time": _text(observation.frame.taken),
            "id": face.id,
            "emotion": face.emotion,
            "confidence": _rounded(face),
        }
    )


def to_json(message: Mapping[str, Any]) -> bytes:
    """Compact JSON."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _seen(observation: Observation, present: int) -> Report:
    faces, largest = observation.faces, observation.largest_face
    report = _report("running", observation.frame.taken) | {"faces": len(faces), "present": present}
    if largest is not None:
        report |= {"emotion": largest.emotion, "confidence": _rounded(largest)}
    report["readings"] = [{"id": face.id, "emotion": face.emotion, "confidence": _rounded(face)} for face in faces]
    report["events"] = event_entries(observation.events)
    return report | ({"invented": True} if observation.frame.source == INVENTED_SOURCE else {})


def _report(state: State, time: datetime) -> Report:
    """Of a moment at which nothing is known."""
    return {
        "time": _text(time),
        "state": state,
        "emotion": None,
        "confidence": None,
        "faces": None,
        "present": None,
        "readings": [],
        "events": [],
    }


def _rounded(face: Face) -> float:
    return round(face.confidence, 2)


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
