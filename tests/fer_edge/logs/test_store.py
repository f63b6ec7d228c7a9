"""Files are rotated in time, only a log's files are deleted, a wrong clock deletes nothing, and failures recover."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fer_edge.errors import SinkError
from fer_edge.logs import retention, store
from fer_edge.logs.files import full_files
from fer_edge.logs.purge import purge
from fer_edge.sinks.tables import json_lines

Make = Callable[..., Any]
Frames = Callable[[Path], list[int]]
DAY = 86400.0


def sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.iterdir()]


def test_rotation_before_the_size_limit(tmp_path: Path, make_writer: Make, frames: Frames) -> None:
    """A file is rotated before it grows over its size."""
    path = tmp_path / "log.jsonl"
    writer = make_writer(path, rotate_megabytes=0.001)
    writer.write(100)
    assert max(sizes(tmp_path)) <= 1000
    assert frames(path) == list(range(100))
    assert sorted(file.name for file in tmp_path.iterdir())[:2] == [
        "log.000001_20260101T120000Z_20260101T120011Z.jsonl",
        "log.000002_20260101T120011Z_20260101T120022Z.jsonl",
    ]


def test_question_does_not_refuse_the_log(
    tmp_path: Path, make_writer: Make, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report that asks whether a program writes the log holds its lock for a moment."""
    path = tmp_path / "log.jsonl"
    path.touch()
    asking = os.open(path, os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)
    monkeypatch.setattr(store.time, "sleep", lambda _: fcntl.flock(asking, fcntl.LOCK_UN))
    make_writer(path).write(3)
    os.close(asking)
    assert frames(path) == [0, 1, 2]


def test_rotation_after_a_day(tmp_path: Path, make_writer: Make) -> None:
    """A file is rotated after a day of the source's clock."""
    writer = make_writer(tmp_path / "log.jsonl")
    writer.write(1 + 24 * 60 * 3, seconds=60)
    assert len(full_files(tmp_path / "log.jsonl")) == 3


@pytest.mark.slow
def test_a_day_counts_across_restarts(tmp_path: Path, make_writer: Make) -> None:
    """A day is a day though the program is started again each hour."""
    path = tmp_path / "log.jsonl"
    taken = None
    for _ in range(3 * 24 + 1):
        writer = make_writer(path)
        writer.taken = taken or writer.taken
        writer.write(60, seconds=60)
        taken = writer.taken
        writer.store.close()
    assert [part.span.end - part.span.begin for part in full_files(path)] == [timedelta(hours=24, seconds=-60)] * 3


def test_still_pictures_share_a_file(tmp_path: Path, make_writer: Make) -> None:
    """Pictures of all times do not make a file each."""
    writer = make_writer(tmp_path / "log.jsonl")
    for number in range(100):
        writer.taken += timedelta(days=40) * (-1) ** number
        writer.write()
    assert full_files(tmp_path / "log.jsonl") == []


def test_all_together_stay_below_the_total(tmp_path: Path, make_writer: Make, frames: Frames) -> None:
    path = tmp_path / "log.jsonl"
    writer = make_writer(path, rotate_megabytes=0.001, keep_megabytes=0.005)
    for _ in range(300):
        writer.write()
        assert sum(sizes(tmp_path)) <= 5000
    read = frames(path)
    assert read == list(range(read[0], 300))
    assert len(read) >= 40


def test_a_total_without_rotation_holds_too(tmp_path: Path, make_writer: Make) -> None:
    writer = make_writer(tmp_path / "log.jsonl", rotate_megabytes=0, rotate_hours=0, keep_megabytes=0.005)
    for _ in range(300):
        writer.write()
        assert sum(sizes(tmp_path)) <= 5000


def test_what_is_too_old_is_deleted(tmp_path: Path, make_writer: Make, frames: Frames) -> None:
    writer = make_writer(tmp_path / "log.jsonl", keep_days=3)
    writer.write(24 * 20, seconds=3600)
    first = frames(tmp_path / "log.jsonl")[0]
    assert 24 * 15 <= first <= 24 * 17


@pytest.mark.parametrize("jump", [-20000, -40, 40, 5000])
def test_clock_jump_deletes_nothing(tmp_path: Path, make_writer: Make, frames: Frames, jump: int) -> None:
    """By some days, back to the seventies, or ahead: and it is set right within the hour."""
    path = tmp_path / "log.jsonl"
    writer = make_writer(path)
    writer.write(24 * 6, seconds=3600)
    writer.taken += timedelta(days=jump)
    writer.write(58, seconds=60)
    writer.taken -= timedelta(days=jump)
    writer.write(24 * 6, seconds=3600)
    assert frames(path) == list(range(24 * 12 + 58))


def test_wrong_clock_at_start_deletes_nothing(tmp_path: Path, make_writer: Make, frames: Frames) -> None:
    """A start with a wrong clock deletes nothing for an hour."""
    path = tmp_path / "log.jsonl"
    first = make_writer(path)
    first.write(24 * 6, seconds=3600)
    first.store.close()
    for number, year in enumerate((1970, 2040, 1970, 2199), 1):
        wrong = make_writer(path)
        wrong.taken, wrong.frame = datetime(year, 1, 1, tzinfo=UTC), 24 * 6 + 50 * (number - 1)
        wrong.write(50, seconds=60)
        wrong.store.close()
    assert frames(path) == list(range(24 * 6 + 200))


@pytest.mark.parametrize("year", [1970, 2199])
def test_impossible_clock_never_deletes(tmp_path: Path, make_writer: Make, frames: Frames, year: int) -> None:
    """A clock that stays impossible deletes nothing ever."""
    path = tmp_path / "log.jsonl"
    writer = make_writer(path)
    writer.write(24 * 6, seconds=3600)
    writer.taken = datetime(year, 1, 1, tzinfo=UTC)
    writer.write(24 * 6, seconds=3600)
    assert frames(path) == list(range(24 * 12))


def test_lines_of_1970_do_not_rotate(tmp_path: Path, make_writer: Make, frames: Frames) -> None:
    """Lines of 1970 are not 56 years old when the clock is set."""
    path = tmp_path / "log.jsonl"
    writer = make_writer(path)
    writer.write(24 * 3, seconds=3600)
    right = writer.taken
    writer.taken = datetime(1970, 1, 1, tzinfo=UTC)
    writer.write(24 * 3, seconds=3600)
    writer.taken = right + timedelta(days=3)
    writer.write(24 * 10, seconds=3600)
    assert frames(path) == list(range(24 * 16))


def test_only_our_own_files_are_deleted(tmp_path: Path, make_writer: Make) -> None:
    names = [
        "log.000000_20200101T000000Z_20200102T000000Z.jsonl",  # our name, somebody's content
        "log.000001.jsonl",
        "log.000001_20260101T120000Z_20260101T120010Z.jsonl.bak",
        "other.000001_20200101T000000Z_20200102T000000Z.jsonl",
        "log.000001_20209901T000000Z_20200102T000000Z.jsonl",
    ]
    for name in names:
        (tmp_path / name).write_bytes(b"precious" * 1000)
    writer = make_writer(tmp_path / "log.jsonl", rotate_megabytes=0.001, keep_megabytes=0.003, keep_days=1)
    writer.write(5 * 24, seconds=3600)
    assert {path.name for path in tmp_path.iterdir()} >= set(names)
    assert all((tmp_path / name).read_bytes() == b"precious" * 1000 for name in names)


def test_target_of_a_link_is_rotated(tmp_path: Path, make_writer: Make, frames: Frames) -> None:
    """A link stays and what it leads to is rotated."""
    (tmp_path / "stick").mkdir()
    link = tmp_path / "log.jsonl"
    link.symlink_to(tmp_path / "stick" / "real.jsonl")
    make_writer(link, rotate_megabytes=0.001).write(30)
    assert link.is_symlink()
    assert len(list((tmp_path / "stick").iterdir())) > 2
    assert frames(link) == list(range(30))


def test_full_disk_then_room(
    tmp_path: Path, make_writer: Make, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is an error and what comes when there is room is written."""
    path = tmp_path / "log.jsonl"
    writer = make_writer(path)
    writer.write(3)
    real, cut = os.write, os.ftruncate

    def no_room(file: int, data: bytes) -> int:
        real(file, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    def stuck(file: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", no_room)
    for truncate in (cut, stuck, stuck):
        monkeypatch.setattr(os, "ftruncate", truncate)
        with pytest.raises(SinkError, match=r"cannot be written .* after 3 lines; make room"):
            writer.write()
    monkeypatch.undo()
    writer.write(2)
    assert frames(path) == [0, 1, 2, 3, 4]


def test_rotation_on_a_full_disk(
    tmp_path: Path, make_writer: Make, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full when a new file begins is gone on with later."""
    path = tmp_path / "log.jsonl"
    writer = make_writer(path, rotate_megabytes=0.0003)
    writer.write(3)
    real = os.open

    def no_room(name: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(name, flags, *more, **named)

    monkeypatch.setattr(os, "open", no_room)
    for _ in range(2):
        with pytest.raises(SinkError, match="No space left"):
            writer.write()
    monkeypatch.undo()
    writer.write(2)
    assert frames(path) == [0, 1, 2, 3, 4]


def test_read_only_folder_is_warned_once(
    tmp_path: Path, make_writer: Make, frames: Frames, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """A folder that may not be changed is logged once and the log goes on."""
    path = tmp_path / "log.jsonl"
    writer = make_writer(path, rotate_megabytes=0.0003)

    def denied(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "rename", denied)
    writer.write(20)
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("fer-edge: warning: ")
    assert "cannot be rotated (Permission denied), and goes on" in errors[0]
    monkeypatch.undo()
    writer.write(1, seconds=700)
    writer.write(1)
    assert len(full_files(path)) == 1
    assert frames(path) == list(range(22))


def test_filling_disk_is_warned_once(
    tmp_path: Path, make_writer: Make, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """A disk that fills up is warned of once."""
    shares = iter([0.5, 0.91, 0.95, 0.895, 0.91, 0.87, 0.92])
    monkeypatch.setattr(retention, "disk_used", lambda _: next(shares))
    writer = make_writer(tmp_path / "log.jsonl")
    writer.write(7, seconds=601)
    warnings = capsys.readouterr().err.splitlines()
    assert [line[-44:] for line in warnings] == [
        f"disk is {n}% full; make room, or the log stops"[-44:] for n in (91, 92)
    ]


def test_folder_that_comes_back(tmp_path: Path, make_writer: Make, frames: Frames) -> None:
    """A log whose folder goes is started again where the folder comes back."""
    folder = tmp_path / "stick"
    folder.mkdir()
    path = folder / "log.jsonl"
    writer = make_writer(path)
    writer.write()
    path.unlink()
    folder.rmdir()
    with pytest.raises(SinkError, match="No such file"):
        writer.write()
    folder.mkdir()
    writer.write(2)
    assert frames(path) == [1, 2]


def test_dash_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_writer: Make) -> None:
    """A dash, which detect takes for standard output, names no log; ./- does."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SinkError, match=r"^log -: the log is a file; give its path, or /dev/stdout"):
        make_writer("-")
    make_writer("./-").write()
    assert [path.name for path in tmp_path.iterdir()] == ["-"]


@pytest.mark.slow
def test_purge_while_writing_loses_nothing(tmp_path: Path, make_writer: Make, frames: Frames) -> None:
    """A purge while the log is written loses no line."""
    path = tmp_path / "log.jsonl"
    writer = make_writer(path, rotate_megabytes=0.02)
    begin = writer.taken
    thread = threading.Thread(target=writer.write, args=(3000,))
    thread.start()
    deleted = 0
    for seconds in range(0, 1001, 10):
        deleted += purge(path, begin + timedelta(seconds=seconds)).lines if path.exists() else 0
    thread.join()
    deleted += purge(path, begin + timedelta(seconds=1000)).lines
    assert deleted == 1000
    assert frames(path) == list(range(1000, 3000))


@pytest.mark.slow
def test_detect_output_is_never_rotated(tmp_path: Path, make_observation: Make) -> None:
    """A table that was asked for is never rotated."""
    table = json_lines(str(tmp_path / "table.jsonl"))
    crowd = make_observation(0, *["happy"] * 90)
    for _ in range(900):
        table.write(crowd)
    table.close()
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size > 15e6
