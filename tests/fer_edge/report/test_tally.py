"""An emotion lasts until the face's next line, until it is gone, or a heartbeat at most, in the hours it was seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fer_edge.report.tally import Summary
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

Make = Callable[..., Any]
BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_changes_and_heartbeats(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    summary = add_up(
        [
            make_entry(0, {}, [("heartbeat", 0)]),
            make_entry(10, {1: "happy"}, [("came", 1)]),
            make_entry(15, {1: "neutral"}, [("changed", 1)]),
            make_entry(18, {1: "neutral", 2: "angry"}, [("came", 2)]),
            make_entry(30, {2: "angry"}, [("gone", 1)]),
            make_entry(90, {2: "uncertain"}, [("changed", 2)]),
            make_entry(95, {}, [("gone", 2)]),
            make_entry(155, {}, [("heartbeat", 0)]),
        ]
    )
    total = summary.total
    assert total.seconds == {"happy": 5, "neutral": 15, "angry": 72, "uncertain": 5}
    assert (total.faces, total.changes, summary.crowd) == (2, 2, 2)
    assert total.watched == 215  # the last heartbeat's own minute too
    assert summary.uncertain == pytest.approx(5 / 97)
    assert summary.labels == ["angry", "happy", "neutral", "uncertain"]


def test_frames_mode_sums_like_changes(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    """Every frame says the same as changes."""
    faces: list[dict[int, str]] = [{}, {1: "happy"}, {1: "happy", 2: "angry"}, {1: "neutral"}, {}]
    times = [n / 10 for n in range(1000)]
    summary = add_up([make_entry(time, faces[int(time // 20)], None) for time in times])
    total = summary.total
    assert {label: round(seconds, 3) for label, seconds in total.seconds.items()} == {
        "happy": 40,
        "angry": 20,
        "neutral": 20,
    }
    assert (total.faces, total.changes, summary.crowd) == (2, 1, 2)
    assert total.watched == pytest.approx(99.9)


def test_omitted_face_lasts_until_gone(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    """The tracker holds on to a face that it does not find for a moment; only `gone` says that it went."""
    summary = add_up(
        [
            make_entry(0, {1: "happy"}, [("came", 1)]),
            make_entry(5, {2: "angry"}, [("came", 2)]),
            make_entry(8, {1: "happy", 2: "angry"}, [("heartbeat", 0)]),
            make_entry(9, {}, [("gone", 1), ("gone", 2)]),
        ]
    )
    assert summary.total.seconds == {"happy": 9, "angry": 4}
    assert summary.total.faces == 2


@pytest.mark.parametrize("second", [30, 3600])
def test_another_run_has_other_faces(make_entry: Make, add_up: Callable[..., Summary], second: float) -> None:
    """A run that ended does not count on after its last line, however soon the next one begins."""
    lines = [make_entry(0, {1: "happy"}, [("came", 1)], frame=100)]
    lines.append(make_entry(8, {1: "happy"}, [("heartbeat", 0)], frame=300))
    lines.append(make_entry(second, {1: "angry"}, [("came", 1)], frame=3))
    summary = add_up(lines, now=second)
    assert summary.total.seconds == {"happy": 8}
    assert summary.total.watched == 8
    assert (summary.total.faces, summary.total.changes) == (2, 0)


def test_pictures_have_no_time_but_faces(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    lines = [make_entry(-(n**2) * 1000, {n: "happy"}, None, source=f"{n}.jpg", frame=n) for n in range(5)]
    total = add_up(lines).total
    assert (total.faces, total.shown, total.watched) == (5, 0, 0)


def test_clock_jump_adds_nothing(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    """A clock that jumps adds nothing that was not seen."""
    lines = [make_entry(0, {1: "happy"}, [("came", 1)], frame=1)]
    lines.append(make_entry(-7200, {1: "happy"}, [("heartbeat", 0)], frame=2))
    lines.append(make_entry(1e8, {1: "happy"}, [("heartbeat", 0)], frame=3))
    total = add_up(lines, now=1e8).total
    assert total.seconds == {"happy": 60}
    assert total.watched == 60


def test_faces_at_the_start_count(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    """Who is in view when the time begins counts from then."""
    lines = [
        make_entry(0, {1: "happy"}, [("came", 1)]),
        make_entry(40, {1: "angry"}, [("changed", 1)]),
        make_entry(90, {1: "happy"}, [("changed", 1)]),
        make_entry(100, {}, [("gone", 1)]),
    ]
    summary = add_up(lines, BEGIN + timedelta(seconds=30), BEGIN + timedelta(seconds=60))
    assert summary.total.seconds == {"happy": 10, "angry": 20}
    assert (summary.total.faces, summary.total.changes, summary.total.watched) == (1, 1, 30)
    assert summary.begin == summary.end == BEGIN + timedelta(seconds=40)


def test_hours_are_those_on_the_wall(make_entry: Make, add_up: Callable[..., Summary]) -> None:
    """Across the hour in a zone that is half an hour off."""
    lines = [make_entry(1740, {1: "happy"}, [("came", 1)]), make_entry(1790, {1: "happy"}, [("heartbeat", 0)])]
    lines.append(make_entry(1820, {}, [("gone", 1)]))
    summary = add_up(lines, zone=ZoneInfo("Asia/Kolkata"), now=1820)
    assert {hour.isoformat(): part.seconds["happy"] for hour, part in summary.hours.items()} == {
        "2026-01-01T17:00:00+05:30": 60.0,
        "2026-01-01T18:00:00+05:30": 20.0,
    }
    assert summary.hours[min(summary.hours)].faces == 1


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Europe/Berlin", date(2026, 6, 1), 24),
        ("America/Santiago", date(2026, 9, 6), 23),  # at midnight
        ("Australia/Lord_Howe", date(2026, 4, 5), 25),  # half an hour: one hour has one half more beside it
    ],
)
def test_days_of_23_and_25_hours(
    make_entry: Make, add_up: Callable[..., Summary], zone: str, day: date, hours: int
) -> None:
    place = ZoneInfo(zone)
    first = (datetime(day.year, day.month, day.day, tzinfo=place) - timedelta(hours=6)).astimezone(UTC)
    minutes = [(first + timedelta(minutes=n) - BEGIN).total_seconds() for n in range(60 * 40)]
    lines = [make_entry(second, {1: "happy"}, [("heartbeat", 0)], frame=n) for n, second in enumerate(minutes)]
    summary = add_up(lines, zone=place, now=minutes[-1])
    ours = [part for hour, part in summary.hours.items() if hour.date() == day]
    assert len(ours) == hours
    begin, end = (datetime(d.year, d.month, d.day, tzinfo=place).timestamp() for d in (day, day + timedelta(days=1)))
    assert summary.days()[day].watched == end - begin


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(-100, 4000),
            st.dictionaries(st.integers(1, 4), st.sampled_from(["happy", "angry", "uncertain"]), max_size=4),
            st.one_of(st.none(), st.lists(st.tuples(st.sampled_from(["gone", "came"]), st.integers(1, 4)), max_size=2)),
        ),
        max_size=30,
    )
)
def test_sums_stay_within_limits(make_entry: Make, add_up: Callable[..., Summary], lines: list[Any]) -> None:
    """Whatever order, kind and time lines have: no negative time, and no face longer than a heartbeat for each line."""
    entries = [make_entry(time, faces, events, frame=n) for n, (time, faces, events) in enumerate(lines)]
    total = add_up(entries).total
    assert all(seconds >= 0 for seconds in total.seconds.values())
    assert total.watched <= 60 * len(lines)
    assert total.shown <= 60 * sum(len(faces) for _, faces, _ in lines)
    assert total.faces <= sum(len(faces) for _, faces, _ in lines)
