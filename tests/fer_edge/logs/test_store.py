"""Files are put aside in time, only ours are deleted, a wrong clock deletes nothing, and trouble ends by itself."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fer_edge.errors import SinkError
from fer_edge.logs import retention
from fer_edge.logs.files import full_files
from fer_edge.logs.purge import purge
from fer_edge.sinks.tables import json_lines

Make = Callable[..., Any]
Frames = Callable[[Path], list[int]]
DAY = 86400.0


def sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.iterdir()]


def test_a_file_is_put_aside_before_it_grows_over_its_size(tmp_path: Path, make_writer: Make, frames: Frames) -> None:
    path = tmp_path / "log.jsonl"
    writer = make_writer(path, rotate_megabytes=0.001)
    writer.write(100)
    assert max(sizes(tmp_path)) <= 1000
    assert frames(path) == list(range(100))
    assert sorted(file.name for file in tmp_path.iterdir())[:2] == [
        "log.000001_20260101T120000Z_20260101T120011Z.jsonl",
        "log.000002_20260101T120011Z_20260101T120022Z.jsonl",
    ]


def test_a_file_is_put_aside_after_a_day_of_the_sources_clock(tmp_path: Path, make_writer: Make) -> None:
    writer = make_writer(tmp_path / "log.jsonl")
    writer.write(1 + 24 * 60 * 3, seconds=60)
    assert len(full_files(tmp_path / "log.jsonl")) == 3


def test_a_day_is_a_day_though_the_program_is_started_again_each_hour(tmp_path: Path, make_writer: Make) -> None:
    path = tmp_path / "log.jsonl"
    taken = None
    for _ in range(3 * 24 + 1):
        writer = make_writer(path)
        writer.taken = taken or writer.taken
        writer.write(60, seconds=60)
        taken = writer.taken
        writer.store.close()
    assert [part.span.end - part.span.begin for part in full_files(path)] == [timedelta(hours=24, seconds=-60)] * 3


def test_pictures_of_all_times_do_not_make_a_file_each(tmp_path: Path, make_writer: Make) -> None:
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
def test_a_clock_that_jumps_deletes_nothing_for_an_hour(
    tmp_path: Path, make_writer: Make, frames: Frames, jump: int
) -> None:
    """By some days, back to the seventies, or ahead: and it is set right within the hour."""
    path = tmp_path / "log.jsonl"
    writer = make_writer(path)
    writer.write(24 * 6, seconds=3600)
    writer.taken += timedelta(days=jump)
    writer.write(58, seconds=60)
    writer.taken -= timedelta(days=jump)
    writer.write(24 * 6, seconds=3600)
    assert frames(path) == list(range(24 * 12 + 58))


def test_a_start_with_a_wrong_clock_deletes_nothing_for_an_hour(
    tmp_path: Path, make_writer: Make, frames: Frames
) -> None:
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
def test_a_clock_that_stays_impossible_deletes_nothing_ever(
    tmp_path: Path, make_writer: Make, frames: Frames, year: int
) -> None:
    path = tmp_path / "log.jsonl"
    writer = make_writer(path)
    writer.write(24 * 6, seconds=3600)
    writer.taken = datetime(year, 1, 1, tzinfo=UTC)
    writer.write(24 * 6, seconds=3600)
    assert frames(path) == list(range(24 * 12))


def test_lines_of_1970_are_not_56_years_old_when_the_clock_is_set(
    tmp_path: Path, make_writer: Make, frames: Frames
) -> None:
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


def test_a_link_stays_and_what_it_leads_to_is_put_aside(tmp_path: Path, make_writer: Make, frames: Frames) -> None:
    (tmp_path / "stick").mkdir()
    link = tmp_path / "log.jsonl"
    link.symlink_to(tmp_path / "stick" / "real.jsonl")
    make_writer(link, rotate_megabytes=0.001).write(30)
    assert link.is_symlink()
    assert len(list((tmp_path / "stick").iterdir())) > 2
    assert frames(link) == list(range(30))


def test_a_full_disk_is_an_error_and_what_comes_when_there_is_room_is_written(
    tmp_path: Path, make_writer: Make, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_disk_that_is_full_when_a_new_file_begins_is_gone_on_with_later(
    tmp_path: Path, make_writer: Make, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_folder_that_may_not_be_changed_is_told_of_once_and_the_log_goes_on(
    tmp_path: Path, make_writer: Make, frames: Frames, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
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


def test_a_disk_that_fills_up_is_warned_of_once(
    tmp_path: Path, make_writer: Make, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    shares = iter([0.5, 0.91, 0.95, 0.895, 0.91, 0.87, 0.92])
    monkeypatch.setattr(retention, "disk_used", lambda _: next(shares))
    writer = make_writer(tmp_path / "log.jsonl")
    writer.write(7, seconds=601)
    warnings = capsys.readouterr().err.splitlines()
    assert [line[-44:] for line in warnings] == [
        f"disk is {n}% full; make room, or the log stops"[-44:] for n in (91, 92)
    ]


def test_a_log_whose_folder_goes_is_begun_anew_where_the_folder_comes_back(
    tmp_path: Path, make_writer: Make, frames: Frames
) -> None:
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


def test_a_purge_while_the_log_is_written_loses_no_line(tmp_path: Path, make_writer: Make, frames: Frames) -> None:
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


def test_a_table_that_was_asked_for_is_never_put_aside(tmp_path: Path, make_observation: Make) -> None:
    table = json_lines(str(tmp_path / "table.jsonl"))
    crowd = make_observation(0, *["happy"] * 90)
    for _ in range(900):
        table.write(crowd)
    table.close()
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size > 15e6
