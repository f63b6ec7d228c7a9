"""The clock, the disk and the log's growth, from names and sizes alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from fer_edge.doctor import storage
from fer_edge.doctor.finding import Context
from fer_edge.settings import LogSettings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Make = Callable[..., Context]


@pytest.mark.parametrize(
    ("now", "answer", "level"),
    [
        (NOW, "yes\n", "ok"),
        (NOW, "", "ok"),
        (NOW, "no\n", "warning"),
        (datetime(1970, 1, 2, tzinfo=UTC), "no", "failure"),
    ],
)
def test_the_clock(now: datetime, answer: str, level: str, make_context: Make) -> None:
    assert storage.clock(make_context({"timedatectl": answer}), now).level == level


@pytest.mark.parametrize(("free", "level"), [(50, "ok"), (5, "warning"), (0.01, "failure")])
def test_room(free: float, level: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = SimpleNamespace(total=100e9, free=free * 1e9)
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda path: usage)
    assert storage.disk(LogSettings(path=str(tmp_path / "log.jsonl"))).level == level


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    finding = storage.disk(LogSettings(path=str(tmp_path / "no" / "log.jsonl")))
    assert (finding.level, finding.cure) == ("failure", f"sudo mkdir -p {tmp_path / 'no'}")


def test_bytes_a_day_are_estimated(tmp_path: Path) -> None:
    """The bytes a day are computed from the names and sizes of the files."""
    settings = LogSettings(path=str(tmp_path / "log.jsonl"))
    assert "too new" in storage.writes(settings).says
    for number in (1, 2):
        name = f"log.{number:06}_2026010{number}T000000Z_2026010{number + 1}T000000Z.jsonl"
        (tmp_path / name).write_bytes(b"x" * 3_000_000)
    assert storage.writes(settings).says == "3.0 MB a day, over 2.0 days of log"


def test_files_are_beside_what_a_link_names(tmp_path: Path) -> None:
    """As on a disk of its own: the log rotates the file there."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "log.jsonl").symlink_to("disk/log.jsonl")
    (tmp_path / "disk" / "log.000001_20260101T120000Z_20260103T120000Z.jsonl").write_bytes(bytes(4_000_000))
    settings = LogSettings(path=str(tmp_path / "log.jsonl"))
    assert storage.writes(settings).says == "2.0 MB a day, over 2.0 days of log"
    (tmp_path / "my disk").mkdir()
    (tmp_path / "other.jsonl").symlink_to("my disk/none/log.jsonl")
    assert (
        storage.disk(LogSettings(path=str(tmp_path / "other.jsonl"))).cure == f"sudo mkdir -p '{tmp_path}/my disk/none'"
    )


def test_heavy_logging_is_a_warning(tmp_path: Path) -> None:
    """A log that would wear out an SD card is a warning."""
    settings = LogSettings(path=str(tmp_path / "log.jsonl"))
    with (tmp_path / "log.000001_20260101T000000Z_20260101T120000Z.jsonl").open("wb") as file:
        file.truncate(int(1e9))  # a hole: it takes no room
    finding = storage.writes(settings)
    assert finding.level == "warning"
    assert finding.says.startswith("2000.0 MB a day")


def test_memory_and_no_log_write_nothing(make_context: Make) -> None:
    for tables in ({"log": {"store": "memory"}}, {"run": {"sinks": ["console"]}}):
        assert [finding.name for finding in storage.check(make_context(**tables))] == ["clock", "log"]
