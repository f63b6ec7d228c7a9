"""Which observations get a message, and what it holds.

{"time": RFC 3339, "state": as fer_edge.types.State, "emotion": of the largest face or null, "confidence": 0 to 1 or
 null, "faces": how many, "readings": [{"id", "emotion", "confidence"}], "events": [{"kind", "id", "emotion"}]}
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fer_edge.records import event_entries
from fer_edge.settings import MqttSettings
from fer_edge.types import Observation, State

MIN_INTERVAL_S = 1.0  # between messages without an event

Report = dict[str, Any]


class Reports:
    """Knows what was sent last."""

    def __init__(self, settings: MqttSettings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._settings, self._clock = settings, clock
        self._state: State = "starting"
        self._last: Report | None = None
        self._sent_at = 0.0  # frame time of it, seconds

    def for_observation(self, observation: Observation) -> Report | None:
        """The message for it; None if it has nothing new."""
        now = observation.frame.time
        report = _report("running", observation.frame.taken, observation)
        report["events"] = event_entries(observation.events)
        if not report["events"] and not self._due(report, now - self._sent_at):
            return None
        self._sent_at = now
        return self._keep("running", report)

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

    def _due(self, report: Report, age: float) -> bool:
        last = self._last
        if last is None or last["state"] != "running" or age < 0 or age >= self._settings.heartbeat_seconds:
            return True
        if age < MIN_INTERVAL_S:
            return False
        # A face that left is an event; one that is missed for a moment is not.
        if not report["emotion"] or not last["emotion"]:
            return False
        if report["emotion"] != last["emotion"]:  # another face is the largest
            return True
        step = self._settings.confidence_step
        return bool(step and abs(report["confidence"] - last["confidence"]) >= step)

    def _keep(self, state: State, report: Report) -> Report:
        self._state, self._last = state, report
        return report


def _report(state: State, time: datetime, seen: Observation | None = None) -> Report:
    faces, largest = (seen.faces, seen.largest_face) if seen is not None else ((), None)
    return {
        "time": _text(time),
        "state": state,
        "emotion": None if largest is None else largest.emotion,
        "confidence": None if largest is None else round(largest.confidence, 2),
        "faces": len(faces),
        "readings": [
            {"id": face.id, "emotion": face.emotion, "confidence": round(face.confidence, 2)} for face in faces
        ],
        "events": [],
    }


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
