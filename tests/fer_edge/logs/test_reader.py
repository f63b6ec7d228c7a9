"""Who reads gets every whole line once, in order, and nothing else, across files and while they are written."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fer_edge.errors import LogError
from fer_edge.logs.files import full_files
from fer_edge.logs.reader import entries
from fer_edge.records import parse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

Make = Callable[..., Any]
BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 60))
def test_from_a_time_to_a_time(tmp_path_factory: Any, make_writer: Make, start: int, end: int, count: int) -> None:
    path = tmp_path_factory.mktemp("logs") / "log.jsonl"
    make_writer(path, rotate_megabytes=0.001).write(count)
    log = entries(path, BEGIN + timedelta(seconds=start), BEGIN + timedelta(seconds=end))
    assert [one.data["frame"] for one in log] == list(range(count))[start:end]
    assert log.lines == len(range(count)[start:end])


PIECES = st.lists(
    st.one_of(
        st.just(None),  # a whole line
        st.binary(max_size=60),
        st.integers(1, 70),  # so much of a line
        st.sampled_from(
            [b"\0" * 300, b"[]", b"3", b'{"time": "now"}', b'{"time": "2026-01-01T12:00:00", "faces": []}']
        ),
    ),
    max_size=20,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PIECES)
def test_torn_lines_are_counted(tmp_path: Path, make_line: Make, pieces: list[bytes | int | None]) -> None:
    """A log may hold anything between its lines; a torn piece takes nothing with it but the line it is glued to."""
    text, whole = make_line(0), 1
    for number, piece in enumerate(pieces, 1):
        if piece is None:
            text, whole = text + make_line(number), whole + 1
        else:
            text += (make_line(number)[:piece] if isinstance(piece, int) else piece) + b"\n"
    path = tmp_path / "log.jsonl"
    path.write_bytes(text)
    log = entries(path)
    read = [one.data["frame"] for one in log]
    assert read == [0] + [number for number, piece in enumerate(pieces, 1) if piece is None]
    assert log.lines == whole
    assert log.lines + log.torn == text.count(b"\n")


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["time", "faces", "frame", "source", "events", "id", "emotion", "kind"]), inner
            )
        ),
    ).map(lambda data: json.dumps(data).encode())
)
def test_any_line_parses_or_not(line: bytes) -> None:
    """Any line is an entry or none."""
    assert parse(line) is None or line.startswith(b'{"time"')


@pytest.mark.parametrize("change", [
    {"faces": None}, {"faces": [3]}, {"faces": [{"id": "1", "emotion": "sad"}]}, {"faces": [{"id": 1}]},
    {"events": "none"}, {"events": [{}]}, {"frame": "0"}, {"source": 3}, {"time": "2026-01-01T12:00:00.000000"},
    {"time": "9999-12-31T23:59:59.999999-12:00"},
])  # fmt: skip
def test_other_shapes_are_no_entries(make_line: Make, change: dict[str, Any]) -> None:
    """A line of another shape is no entry."""
    data = json.loads(make_line(0))
    assert parse(json.dumps(data).encode()) is not None
    assert parse(json.dumps(data | change).encode()) is None


def test_last_line_without_newline(tmp_path: Path, make_line: Make) -> None:
    """The last line is read without its newline and left out when half."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(make_line(0) + make_line(1)[:-1])
    assert [one.data["frame"] for one in entries(path)] == [0, 1]
    path.write_bytes(make_line(0) + make_line(1)[:-4])
    assert [one.data["frame"] for one in entries(path)] == [0]


def test_reading_during_rotation_and_deletion(tmp_path: Path, make_writer: Make) -> None:
    """A log that is rotated and deleted while it is read gives each line once."""
    path = tmp_path / "log.jsonl"
    writer = make_writer(path, rotate_megabytes=0.001)
    writer.write(55)
    log = iter(entries(path))
    read = [one.data["frame"] for one in itertools.islice(log, 3)]
    writer.write(50)  # five files more, and the one that was current is among them
    full_files(path)[2].path.unlink()
    read += [one.data["frame"] for one in log]
    assert read == [number for number in range(55) if number // 11 != 2]


@pytest.mark.slow
def test_large_log_takes_little_memory(tmp_path: Path, make_line: Make) -> None:
    """A large log is read in little memory."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(make_line(n) for n in range(1000)) * 60 + b"x" * (9 << 20) + b"\n" + make_line(1))
    tracemalloc.start()
    log = entries(path, BEGIN + timedelta(seconds=999))
    count = sum(1 for _ in log)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, log.torn) == (60, 1)
    assert peak < 20e6


@pytest.mark.parametrize("content", [b"notes", b"\x89PNG\r\n", b'{"other": 1}\n', b"\0" * 100_000])
def test_what_is_no_log_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "precious"
    path.write_bytes(content)
    with pytest.raises(LogError, match=r"precious: is not a fer-edge log; name another"):
        list(entries(path))


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path / "no" / "folder.jsonl"):
        with pytest.raises(LogError, match=r"no such log; name one with --log"):
            list(entries(path))
    with pytest.raises(LogError, match=r"is not a fer-edge log"):
        list(entries(tmp_path))
    (tmp_path / "empty.jsonl").touch()
    assert list(entries(tmp_path / "empty.jsonl")) == []


def test_full_files_without_current_one(tmp_path: Path, make_writer: Make, frames: Make) -> None:
    """Full files are read though the current one is gone."""
    path = tmp_path / "log.jsonl"
    make_writer(path, rotate_megabytes=0.001).write(25)
    (tmp_path / "log.000009_20260101T120000Z_20270101T120000Z.jsonl").write_bytes(b"somebody's")
    path.unlink()
    assert frames(path) == list(range(22))
