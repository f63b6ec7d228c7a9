"""Whatever the names say, the newest are kept, and files go from the oldest on."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from fer_edge.logs.files import FullFile, Span, full_file_path, full_files
from fer_edge.logs.retention import SteadyClock, days_before, disk_used, expired, too_many
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 7, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


def part(number: int, end: datetime) -> FullFile:
    return FullFile(number, Span(end - timedelta(hours=1), end), Path(f"{number}"))


@given(st.lists(MOMENTS, max_size=12), st.integers(1, 1000))
def test_only_the_oldest_expire(ends: list[datetime], days: int) -> None:
    """What expires is the oldest and none that may be young."""
    files = [part(number, end) for number, end in enumerate(ends)]
    oldest = NOW - timedelta(days=days)
    gone = expired(files, oldest, NOW)
    assert gone == files[: len(gone)]
    # A file is as young at least as the youngest believable one up to it.
    for number in range(len(gone)):
        assert not any(oldest <= end <= NOW for end in ends[: number + 1])
    if gone:
        assert gone[-1].span.end < oldest or gone[-1].span.end > NOW


@given(st.lists(st.integers(0, 400), min_size=1, max_size=12), st.integers(1, 400))
def test_exact_expiry_with_right_clock(ages: list[int], days: int) -> None:
    """With a right clock exactly the old ones expire."""
    files = [part(n, NOW - timedelta(days=age)) for n, age in enumerate(sorted(ages, reverse=True))]
    gone = expired(files, NOW - timedelta(days=days), NOW)
    assert len(gone) == sum(age > days for age in ages)


@given(MOMENTS, MOMENTS, st.integers(1, 10**7))
def test_a_name_tells_number_and_span(tmp_path_factory: object, a: datetime, b: datetime, number: int) -> None:
    span = Span(min(a, b), max(a, b))
    path = full_file_path(Path("/x/log.v1.jsonl"), number, span)
    folder: Path = tmp_path_factory.mktemp("names")  # type: ignore[attr-defined]
    (folder / path.name).touch()
    (found,) = full_files(folder / "log.v1.jsonl")
    assert found.number == number
    assert found.span.begin <= span.begin < found.span.begin + timedelta(seconds=1)
    assert found.span.end - timedelta(seconds=1) < span.end <= found.span.end


def test_clock_is_trusted_after_an_hour() -> None:
    """A clock is trusted after an hour without a jump."""
    clock = SteadyClock()
    assert not clock.trusted(NOW, 0.0)
    assert not clock.trusted(NOW + timedelta(minutes=59), 3540.0)
    assert clock.trusted(NOW + timedelta(minutes=60, seconds=20), 3600.0)
    assert not clock.trusted(NOW + timedelta(days=2), 3660.0)
    assert clock.trusted(NOW + timedelta(days=2, hours=1), 7260.0)


@pytest.mark.parametrize(
    ("blocks", "free", "available", "share"),
    [(100, 40, 40, 0.6), (100, 40, 20, 0.75), (100, 0, 0, 1.0), (100, 100, 90, 0.0), (0, 0, 0, 0.0)],
)
def test_the_share_is_dfs(
    monkeypatch: pytest.MonkeyPatch, blocks: int, free: int, available: int, share: float
) -> None:
    """What only root may fill is no room for the log: 60 blocks of 80 are three quarters."""
    disk = SimpleNamespace(f_blocks=blocks, f_bfree=free, f_bavail=available)
    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    assert disk_used(Path("/")) == share


def test_many_days_reach_the_beginning() -> None:
    """Settings may ask for more days than there were; then nothing is too old."""
    assert days_before(NOW, 1.5) == datetime(2026, 6, 29, 12, tzinfo=UTC)
    assert days_before(NOW, 1e6) == datetime.min.replace(tzinfo=UTC)


def test_oldest_are_deleted_until_it_fits(tmp_path: Path) -> None:
    """Of 10, 20, 30 and 40 bytes, the last two are 70; a file that is gone already takes no room."""
    files = [part(number, NOW)._replace(path=tmp_path / f"{number}") for number in range(1, 6)]
    for file in files[:4]:
        file.path.write_bytes(bytes(10 * file.number))
    assert too_many(files, 100) == []
    assert too_many(files, 99) == files[:1]
    assert too_many(files, 70) == files[:2]
    assert too_many(files, 69) == files[:3]
    assert too_many(files, 0) == files[:4]
