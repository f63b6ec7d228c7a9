"""How many faces came today, and which emotions they showed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from fer_edge.types import Event


class DayCounts:
    """The counts of one day of the device's time zone; a new day begins with 0. One thread writes, any reads."""

    def __init__(self, kept: Mapping[str, Any] | None = None, clock: Callable[[], datetime] = datetime.now) -> None:
        """Go on from `kept`, what `as_dict` gave, if it is of today. Anything else is ignored."""
        self._clock = clock
        self._day = clock().date()
        self._came = 0
        self._emotions: Counter[str] = Counter()
        self.unsaved = False  # whether it counted since `as_dict` was kept
        if kept is not None and kept.get("date") == self._day.isoformat():
            came, emotions = kept.get("came"), kept.get("emotions")
            if isinstance(came, int) and isinstance(emotions, dict):
                self._came, self._emotions = came, Counter(emotions)

    def add(self, events: Sequence[Event]) -> None:
        """Count faces that came, and the emotion that each began to show."""
        if (today := self._clock().date()) != self._day:
            self._day, self._came, self._emotions = today, 0, Counter()
        for event in events:
            if event.kind != "gone":
                self._came += event.kind == "came"
                self._emotions[event.face.emotion] += 1
                self.unsaved = True

    def as_dict(self) -> dict[str, Any]:
        """{"date": "2026-01-01", "came": faces, "emotions": {emotion: times that a face began to show it}}."""
        today = self._clock().date()
        came, emotions = (self._came, dict(self._emotions)) if today == self._day else (0, {})
        return {"date": today.isoformat(), "came": came, "emotions": emotions}
