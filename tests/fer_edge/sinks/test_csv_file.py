"""The table holds whole rows alone, is only ever appended to, and is never somebody else's file."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fer_edge.errors import SinkError
from fer_edge.settings import CsvSettings
from fer_edge.sinks.csv_file import COLUMNS, HEADER, CsvFile
from fer_edge.types import Event, Observation
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

Make = Callable[..., Observation]


def opened(path: Path, **settings: Any) -> CsvFile:
    return CsvFile(CsvSettings(path=str(path), **settings))


def write(path: Path, observations: list[Observation], **settings: Any) -> list[dict[str, str]]:
    rows = opened(path, **settings)
    for observation in observations:
        rows.write(observation)
    rows.close()
    return read(path)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def happening(seen: Observation, kind: str = "changed") -> Observation:
    return replace(seen, events=(Event(kind, seen.faces[0]),))  # type: ignore[arg-type]


def test_changes_are_rows_with_documented_columns(tmp_path: Path, make_observation: Make) -> None:
    plain = [make_observation(number, "happy", "sad") for number in range(10)]
    plain[3] = happening(plain[3], "came")
    gone = happening(plain[7], "gone")
    plain[7] = replace(gone, faces=gone.faces[1:])
    rows = write(tmp_path / "a.csv", plain)
    assert [(row["frame"], row["event"], row["id"]) for row in rows] == [("3", "came", "1"), ("7", "gone", "1")]
    assert tuple(rows[0]) == COLUMNS
    assert list(rows[0].values()) == [
        *("2026-01-01T12:00:00.120000+00:00", "test", "3", "came", "1"),
        *("1", "2", "3", "4", "happy", "0.7"),
    ]


def test_mode_frames_has_a_row_for_each_face_in_each_frame(tmp_path: Path, make_observation: Make) -> None:
    seen = [make_observation(0), make_observation(1, "happy", "sad"), happening(make_observation(2, "happy"))]
    rows = write(tmp_path / "a.csv", seen, mode="frames")
    assert [(row["frame"], row["id"], row["emotion"], row["event"]) for row in rows] == [
        ("1", "1", "happy", ""),
        ("1", "2", "sad", ""),
        ("2", "1", "happy", "changed"),
    ]


def test_a_table_is_gone_on_with_and_has_one_header(tmp_path: Path, make_observation: Make) -> None:
    path = tmp_path / "a.csv"
    write(path, [make_observation(0, "happy")], mode="frames")
    before = path.read_bytes()
    write(path, [make_observation(1, "happy")], mode="frames")
    assert path.read_bytes().startswith(before)
    assert path.read_bytes().count(HEADER) == 1
    assert len(read(path)) == 2


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(0, 500), zeros=st.integers(0, 5000))
def test_what_a_power_cut_leaves_is_cut_off_and_no_whole_row_is_lost(
    cut: int, zeros: int, tmp_path: Path, make_observation: Make
) -> None:
    path = tmp_path / "a.csv"
    path.unlink(missing_ok=True)
    write(path, [make_observation(number, "happy") for number in range(3)], mode="frames")
    text = path.read_bytes()[:cut]
    path.write_bytes(text + b"\0" * zeros)
    whole = max(text.count(b"\n") - 1, 0)
    rows = write(path, [make_observation(9, "happy")], mode="frames")
    assert [row["frame"] for row in rows] == [*map(str, range(whole)), "9"]


def test_rows_with_zeros_go_and_those_behind_them_stay(tmp_path: Path, make_observation: Make) -> None:
    """A file system may know of a file's length before its data is there, and data may come in any order."""
    path = tmp_path / "a.csv"
    write(path, [make_observation(number, "happy") for number in range(6)], mode="frames")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3][:20] + bytes(len(lines[3]) - 20)  # with its newline
    path.write_bytes(b"".join(lines) + lines[1][:30])
    rows = write(path, [make_observation(9, "happy")], mode="frames")
    assert [row["frame"] for row in rows] == ["0", "1", "4", "5", "9"]


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"notes", b"a,b\n1,2\n", HEADER[:-1] + b",more\n", b"\0" * 70_000]
)
def test_a_file_that_is_no_such_table_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "precious.csv"
    path.write_bytes(content)
    with pytest.raises(SinkError, match=r"precious\.csv: is not a fer-edge table.*choose another"):
        opened(path)
    assert path.read_bytes() == content


def test_a_second_process_a_missing_folder_and_a_folder_are_refused(tmp_path: Path) -> None:
    first = opened(tmp_path / "a.csv")
    with pytest.raises(SinkError, match=r"a\.csv: another fer-edge writes to it"):
        opened(tmp_path / "a.csv")
    first.close()
    first.close()
    opened(tmp_path / "a.csv").close()
    with pytest.raises(SinkError, match=r"none/a\.csv: cannot be opened \(No such file.*choose another"):
        opened(tmp_path / "none" / "a.csv")
    with pytest.raises(SinkError, match="Is a directory"):
        opened(tmp_path)


def test_a_full_disk_leaves_whole_rows_and_is_written_again_when_there_is_room(
    tmp_path: Path, make_observation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    rows = opened(path, mode="frames")
    rows.write(make_observation(0, "happy"))
    system = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: system(file, data[:20]))
        with pytest.raises(SinkError, match=r"cannot be written \(No space left on device\); make room"):
            rows.write(make_observation(1, "happy"))
    rows.write(make_observation(2, "happy"))
    rows.close()
    assert [row["frame"] for row in read(path)] == ["0", "2"]


def test_a_full_device_is_refused_at_once() -> None:
    with pytest.raises(SinkError, match="No space left on device"):
        opened(Path("/dev/full"))


def test_a_table_that_is_deleted_begins_anew(tmp_path: Path, make_observation: Make) -> None:
    path = tmp_path / "a.csv"
    rows = opened(path, mode="frames")
    rows.write(make_observation(0, "happy"))
    path.unlink()
    rows.write(make_observation(1, "happy"))
    rows.close()
    assert [row["frame"] for row in read(path)] == ["1"]


def test_it_is_on_the_disk_as_often_as_the_settings_say_and_when_no_frames_come(
    tmp_path: Path, make_observation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fdatasync", flushed.append)
    rows = opened(tmp_path / "a.csv", mode="frames", flush_seconds=1.0)
    for number in range(60):  # 2.4 seconds
        rows.write(make_observation(number, "happy"))
    assert len(flushed) == 2
    rows.state("paused")
    assert len(flushed) == 3
    rows.state("lost")
    assert len(flushed) == 3
    rows.close()


def test_names_of_any_letters_stay_in_their_row(tmp_path: Path, make_observation: Make) -> None:
    seen = make_observation(0, "happy")
    seen = replace(seen, frame=replace(seen.frame, source='a"b,\n\r\x00ä\udcff.jpg'))
    (row,) = write(tmp_path / "a.csv", [seen], mode="frames")
    assert row["source"] == 'a"b,   ä\\udcff.jpg'
    assert (tmp_path / "a.csv").read_bytes().count(b"\n") == 2
