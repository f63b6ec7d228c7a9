"""The table has whole rows only, is only appended to, and is never another kind of file."""

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
from fer_edge.sinks.csv_file import CSV_COLUMNS, HEADER, CsvFile
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
    assert tuple(rows[0]) == CSV_COLUMNS
    assert list(rows[0].values()) == [
        *("2026-01-01T12:00:00.120000+00:00", "test", "3", "came", "1"),
        *("1", "2", "3", "4", "happy", "0.7"),
    ]


def test_frames_mode_has_all_faces(tmp_path: Path, make_observation: Make) -> None:
    """Mode frames has a row for each face in each frame."""
    seen = [make_observation(0), make_observation(1, "happy", "sad"), happening(make_observation(2, "happy"))]
    rows = write(tmp_path / "a.csv", seen, mode="frames")
    assert [(row["frame"], row["id"], row["emotion"], row["event"]) for row in rows] == [
        ("1", "1", "happy", ""),
        ("1", "2", "sad", ""),
        ("2", "1", "happy", "changed"),
    ]


def test_table_continues_with_one_header(tmp_path: Path, make_observation: Make) -> None:
    """A table is gone on with and has one header."""
    path = tmp_path / "a.csv"
    write(path, [make_observation(0, "happy")], mode="frames")
    before = path.read_bytes()
    write(path, [make_observation(1, "happy")], mode="frames")
    assert path.read_bytes().startswith(before)
    assert path.read_bytes().count(HEADER) == 1
    assert len(read(path)) == 2


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(0, 500), zeros=st.integers(0, 5000))
def test_power_cut_leaves_whole_rows(cut: int, zeros: int, tmp_path: Path, make_observation: Make) -> None:
    """What a power cut leaves is cut off and no whole row is lost."""
    path = tmp_path / "a.csv"
    path.unlink(missing_ok=True)
    write(path, [make_observation(number, "happy") for number in range(3)], mode="frames")
    text = path.read_bytes()[:cut]
    path.write_bytes(text + b"\0" * zeros)
    whole = max(text.count(b"\n") - 1, 0)
    rows = write(path, [make_observation(9, "happy")], mode="frames")
    assert [row["frame"] for row in rows] == [*map(str, range(whole)), "9"]


def test_rows_with_zeros_are_removed(tmp_path: Path, make_observation: Make) -> None:
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
def test_other_file_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    """A file that is no such table is refused and left as it is."""
    path = tmp_path / "precious.csv"
    path.write_bytes(content)
    with pytest.raises(SinkError, match=r"precious\.csv: is not a fer-edge table.*choose another"):
        opened(path)
    assert path.read_bytes() == content


def test_unusable_paths_are_refused(tmp_path: Path) -> None:
    """A second process a missing folder and a folder are refused."""
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


def test_full_disk_leaves_whole_rows(tmp_path: Path, make_observation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves whole rows and is written again when there is room."""
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


def test_full_device_is_refused() -> None:
    """A full device is refused at once."""
    with pytest.raises(SinkError, match="No space left on device"):
        opened(Path("/dev/full"))


def test_deleted_table_begins_again(tmp_path: Path, make_observation: Make) -> None:
    """A table that is deleted begins again."""
    path = tmp_path / "a.csv"
    rows = opened(path, mode="frames")
    rows.write(make_observation(0, "happy"))
    path.unlink()
    rows.write(make_observation(1, "happy"))
    rows.close()
    assert [row["frame"] for row in read(path)] == ["1"]


def test_flush_follows_the_settings(tmp_path: Path, make_observation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on the disk as often as the settings say and when no frames come."""
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


def test_any_source_name_stays_in_row(tmp_path: Path, make_observation: Make) -> None:
    """Names of any letters stay in their row."""
    seen = make_observation(0, "happy")
    seen = replace(seen, frame=replace(seen.frame, source='a"b,\n\r\x00ä\udcff.jpg'))
    (row,) = write(tmp_path / "a.csv", [seen], mode="frames")
    assert row["source"] == 'a"b,   ä\\udcff.jpg'
    assert (tmp_path / "a.csv").read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@sum", "\t=1"])
def test_no_cell_is_a_formula(name: str, tmp_path: Path, make_observation: Make) -> None:
    """A spreadsheet would calculate it, or run a program."""
    plain = make_observation(1, "happy")
    seen = Observation(replace(plain.frame, source=name), plain.faces, (Event("came", plain.faces[0]),))
    table = CsvFile(CsvSettings(path=str(tmp_path / "t.csv")))
    table.write(seen)
    table.close()
    row = list(csv.reader((tmp_path / "t.csv").read_text().splitlines()))[1]
    assert not [cell for cell in row if cell.startswith(("=", "+", "@", "-", "\t"))]
    assert (tmp_path / "t.csv").stat().st_mode & 0o777 == 0o640
