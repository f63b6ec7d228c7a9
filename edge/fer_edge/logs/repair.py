"""What a power cut leaves of the last lines."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from fer_edge.errors import SinkError
from fer_edge.logs.files import CHUNK_BYTES, MAX_LINE_BYTES, looks_ours


def repair(file: int, path: Path) -> int:
    """Take out what is torn at the end; how many bytes that was.

    That is a last line that is not whole, and lines with zeros: there, data did not come to the disk, though what was
    written after it may have. A whole last line that only lacks its newline gets one. A file that does not look like
    a log is refused, untouched: it is somebody's, named by mistake. Raises SinkError, and OSError where the disk is
    full or gone.
    """
    size = os.fstat(file).st_size
    if size == 0:
        return 0
    foreign = SinkError(f"log {path}: is not a fer-edge log; choose another file")
    if not looks_ours(file):
        raise foreign
    return drop_torn_lines(file, _whole, foreign)


def drop_torn_lines(file: int, whole: Callable[[bytes], bool], foreign: SinkError) -> int:
    """Take out the lines at the end that are not `whole`; how many bytes that was.

    Looked at are a last line without a newline, which gets one if it is kept, and all lines from the first with zeros
    on. Raises `foreign`, the file untouched, where a line is longer than any of ours, and OSError where the disk is
    full or gone.
    """
    size = os.fstat(file).st_size
    end = max(size - MAX_LINE_BYTES, 0)
    zero = os.pread(file, MAX_LINE_BYTES, end).find(b"\0")
    torn = end + zero if zero >= 0 else size
    start = _line_start(file, torn)
    if torn - start > MAX_LINE_BYTES:
        raise foreign
    rest = os.pread(file, size - start, start)
    *lines, last = rest.split(b"\n")
    ended = [line + b"\n" for line in lines]
    kept = b"".join(line.removesuffix(b"\n") + b"\n" for line in (*ended, last) if whole(line))
    if kept[: len(rest)] != rest:
        os.ftruncate(file, start)
        os.write(file, kept)
        os.fdatasync(file)
    elif kept != rest:
        os.write(file, b"\n")
    return max(len(rest) - len(kept), 0)


def _line_start(file: int, position: int) -> int:
    """Where the line begins in which `position` is; more than MAX_LINE_BYTES before it where no line is so long."""
    begin = position
    while begin > 0 and position - begin <= MAX_LINE_BYTES:
        step = min(CHUNK_BYTES, begin)
        begin -= step
        newline = os.pread(file, step, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
    return begin


def _whole(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
