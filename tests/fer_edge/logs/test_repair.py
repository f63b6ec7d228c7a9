"""What a power cut left is taken out of the log, and all that is whole stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fer_edge.logs.files import MAX_LINE_BYTES

Frames = Callable[[Path], list[int]]


@pytest.mark.parametrize("more", [0, 2000])
def test_lines_with_zeros_are_removed(
    tmp_path: Path, make_writer: Callable[..., Any], frames: Frames, more: int
) -> None:
    """A file system may know of a file's length before its data is there, and data may come in any order."""
    path = tmp_path / "log.jsonl"
    writer = make_writer(path)
    writer.write(8 + more)
    writer.store.close()
    lines = path.read_bytes().splitlines(keepends=True)
    hole = len(lines[2]) // 2 + len(lines[3])  # from the middle of one line to that of the next but one
    begin = sum(map(len, lines[:2])) + len(lines[2]) // 2
    with path.open("r+b") as file:
        file.seek(begin)
        file.write(bytes(hole))
        file.seek(0, 2)
        file.write(lines[0][:20])
    again = make_writer(path)
    assert again.store.repaired == len(lines[2]) + len(lines[3]) + len(lines[4]) + 20
    again.store.close()
    assert path.read_bytes() == b"".join(lines[:2] + lines[5:])
    assert len(frames(path)) == 5 + more


def test_only_the_end_is_repaired(tmp_path: Path, make_writer: Callable[..., Any]) -> None:
    """In a log larger than what is looked at, too; an odd line further up may be evidence and is left alone."""
    path = tmp_path / "log.jsonl"
    writer = make_writer(path)
    writer.write(3)
    writer.store.close()
    lines = path.read_bytes().splitlines(keepends=True)
    whole = lines[0] + b'{"time" odd\n' + lines[1] * (MAX_LINE_BYTES // len(lines[1]) + 1) + lines[2]
    path.write_bytes(whole + lines[0][:20])
    again = make_writer(path)
    again.store.close()
    assert again.store.repaired == 20
    assert path.read_bytes() == whole
