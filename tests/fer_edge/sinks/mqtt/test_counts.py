"""The counts of a day are of that day alone, and go on after a restart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from fer_edge.sinks.mqtt.counts import DayCounts
from fer_edge.types import Event, EventKind, Observation

Make = Callable[..., Observation]
EVENING = datetime(2026, 1, 1, 23, 59)


class Clock:
    def __init__(self) -> None:
        self.now = EVENING

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def event(make_observation: Make, kind: EventKind, emotion: str) -> Event:
    return Event(kind, make_observation(0, emotion).faces[0])


def test_faces_and_what_they_showed(clock: Clock, make_observation: Make) -> None:
    counts = DayCounts(clock=clock)
    kinds: list[tuple[EventKind, str]] = [("came", "happy"), ("changed", "sad"), ("gone", "sad"), ("came", "happy")]
    counts.add([event(make_observation, kind, emotion) for kind, emotion in kinds])
    assert counts.as_dict() == {"date": "2026-01-01", "came": 2, "emotions": {"happy": 2, "sad": 1}}


def test_new_day_begins_with_nothing(clock: Clock, make_observation: Make) -> None:
    """Also while nobody comes."""
    counts = DayCounts(clock=clock)
    counts.add([event(make_observation, "came", "happy")])
    clock.now += timedelta(minutes=2)
    assert counts.as_dict() == {"date": "2026-01-02", "came": 0, "emotions": {}}
    counts.add([event(make_observation, "came", "sad")])
    assert counts.as_dict() == {"date": "2026-01-02", "came": 1, "emotions": {"sad": 1}}


def test_counts_go_on_after_a_restart(clock: Clock, make_observation: Make) -> None:
    before = DayCounts(clock=clock)
    before.add([event(make_observation, "came", "happy")])
    after = DayCounts(before.as_dict(), clock)
    assert not after.unsaved
    after.add([event(make_observation, "came", "happy")])
    assert (after.as_dict()["came"], after.unsaved) == (2, True)


@pytest.mark.parametrize(
    "kept",
    [
        {"date": "2025-12-31", "came": 9, "emotions": {"happy": 9}},
        {"date": "2026-01-01", "came": "9", "emotions": {}},
        {"date": "2026-01-01", "came": 9, "emotions": ["happy"]},
        {},
        None,
    ],
)
def test_counts_of_another_day_are_ignored(kept: dict[str, Any] | None, clock: Clock) -> None:
    assert DayCounts(kept, clock).as_dict()["came"] == 0
