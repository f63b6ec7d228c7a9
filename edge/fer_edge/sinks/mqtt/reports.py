"""Which observations are worth a message, and what stands in it.

{"time": RFC 3339, "state": as fer_edge.types.State, "emotion": of the largest face or null, "confidence": 0 to 1 or
null,  "faces": how many, "readings": [{"id", "emotion", "confidence"}], "events": [{"kind", "id", "emotion"}]}
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fer_edge.records import event_entries
from fer_edge.settings import MqttSettings
from fer_edge.types import Observation, State

MIN_INTERVAL_S = 1.0  # seconds between messages that no event asks for, at least

Report = dict[str, Any]


class Reports:
    """Remembers what was said last."""

    def __init__(self, settings: MqttSettings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._settings, self._clock = settings, clock
        self._state: State = "starting"
        self._last: Report | None = None
        self._said = 0.0  # frame time of it, seconds

    def seen(self, observation: Observation) -> Report | None:
        """The message for it; None where it says nothing new."""
        now = observation.frame.time
        report = _report("running", observation.frame.taken, observation)
        report["events"] = event_entries(observation.events)
        if not report["events"] and not self._due(report, now - self._said):
            return None
        self._said = now
        return self._keep("running", report)

    def turned(self, state: State) -> Report | None:
        """The message that the source is in `state` now; None where that is known."""
        if self._last is not None and state == self._state:
            return None
        return self._keep(state, _report(state, self._clock()))

    def again(self) -> Report | None:
        """What was said last, said now, for a broker that may have forgotten it; None where there is nothing."""
        if self._last is None:
            return None
        return self._last | {"time": _text(self._clock()), "events": []}

    def _due(self, report: Report, age: float) -> bool:
        last = self._last
        if last is None or last["state"] != "running" or age < 0 or age >= self._settings.heartbeat_seconds:
            return True
        if age < MIN_INTERVAL_S:
            return False
        if not report["emotion"] or not last["emotion"]:  # a face that is gone is an event; one missed for a moment not
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
