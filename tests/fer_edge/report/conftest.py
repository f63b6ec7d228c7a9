"""Entries as a log holds them, and what they add up to."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest
from fer_edge.records import Entry, parse
from fer_edge.report.tally import Summary, tally

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
LABELS = ("angry", "happy", "neutral")


def entry(seconds: float, faces: dict[int, str], events: list[tuple[str, int]] | None, **more: Any) -> Entry:
    """A line `seconds` after BEGIN with faces id -> emotion; `events` None is a log of every frame."""
    moment = BEGIN + timedelta(seconds=seconds)
    shown = [{"id": n, "emotion": emotion, "scores": dict.fromkeys(LABELS, 0.3)} for n, emotion in faces.items()]
    data: dict[str, Any] = {"time": moment.isoformat(timespec="microseconds"), "source": "camera:0"}
    data |= {"frame": round(25 * seconds), "faces": shown}
    if events is not None:
        data["events"] = [{"kind": kind, "id": number} for kind, number in events]
    found = parse(json.dumps(data | more).encode())
    assert found is not None
    return found


@pytest.fixture
def make_entry() -> Callable[..., Entry]:
    return entry


@pytest.fixture
def add_up() -> Callable[..., Summary]:
    def sums(
        entries: list[Entry],
        start: datetime | None = None,
        end: datetime | None = None,
        zone: tzinfo | None = UTC,
        now: float = 1e6,
    ) -> Summary:
        return tally(entries, start, end, 60.0, BEGIN + timedelta(seconds=now), zone)

    return sums
