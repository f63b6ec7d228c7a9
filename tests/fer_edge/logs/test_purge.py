"""A purge deletes what is before its date, all of it, and nothing else; whoever writes or reads goes on."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fer_edge.errors import LogError
from fer_edge.logs.files import PURGE_SUFFIX, full_files
from fer_edge.logs.purge import purge
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

Make = Callable[..., Any]
BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.integers(1, 60), st.integers(0, 70))
def test_purge_deletes_only_older_lines(
    tmp_path_factory: Any, make_writer: Make, frames: Make, count: int, before: int
) -> None:
    """All before goes and all else stays."""
    path = tmp_path_factory.mktemp("logs") / "log.jsonl"
    writer = make_writer(path, rotate_megabytes=0.001)
    writer.write(count)
    done = purge(path, BEGIN + timedelta(seconds=before))
    assert frames(path) == list(range(count))[before:]
    assert (done.lines, done.kept, done.torn) == (min(before, count), max(count - before, 0), 0)
    writer.write(2)
    assert frames(path) == [*list(range(count))[before:], count, count + 1]
    assert path.exists()


def test_purge_removes_torn_lines(tmp_path: Path, make_line: Make, make_writer: Make, frames: Make) -> None:
    """Torn lines and what an interrupted purge left go too."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(make_line(0) + make_line(1)[:70] + b"\n\0\0\n" + make_line(2)[:-1])
    left = tmp_path / ("log.jsonl" + PURGE_SUFFIX)
    left.write_bytes(make_line(0))
    orphan = tmp_path / ("log.000001_20260101T120000Z_20260101T120010Z.jsonl" + PURGE_SUFFIX)
    orphan.write_bytes(make_line(0))
    done = purge(path, BEGIN)
    assert (done.lines, done.torn, done.kept, done.files) == (0, 2, 2, 1)
    assert not left.exists()
    assert frames(path) == [0, 2]
    make_writer(path).store.close()
    assert list(tmp_path.iterdir()) == [path]


def test_rights_and_unchanged_files_stay(tmp_path: Path, make_writer: Make) -> None:
    path = tmp_path / "log.jsonl"
    make_writer(path, rotate_megabytes=0.001).write(25)
    for file in tmp_path.iterdir():
        file.chmod(0o640)
    before = {file: file.stat().st_ino for file in tmp_path.iterdir()}
    purge(path, BEGIN + timedelta(seconds=3))
    changed = [file for file in tmp_path.iterdir() if file.stat().st_ino != before[file]]
    assert changed == [full_files(path)[0].path]
    assert all(file.stat().st_mode & 0o777 == 0o640 for file in tmp_path.iterdir())


def test_somebody_elses_file_is_left_alone(tmp_path: Path, make_line: Make) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(make_line(0))
    other = tmp_path / "log.000001_20200101T000000Z_20200102T000000Z.jsonl"
    other.write_bytes(b"precious")
    assert purge(path, BEGIN + timedelta(days=1)).lines == 1
    assert other.read_bytes() == b"precious"
    (tmp_path / "notes").write_text("notes")
    with pytest.raises(LogError, match="is not a fer-edge log"):
        purge(tmp_path / "notes", BEGIN)
    with pytest.raises(LogError, match="no such log"):
        purge(tmp_path / "none.jsonl", BEGIN)
    with pytest.raises(LogError, match=r"cannot be purged \(No such file"):
        purge(tmp_path / "no" / "log.jsonl", BEGIN)


def test_a_full_disk_changes_nothing(
    tmp_path: Path, make_writer: Make, frames: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.jsonl"
    make_writer(path).write(10)

    def no_room(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(LogError, match=r"No space left on device\) after 0 lines; .* room for one more file"):
        purge(path, BEGIN + timedelta(seconds=5))
    assert list(tmp_path.iterdir()) == [path]
    assert frames(path) == list(range(10))
