"""Repairs what a power cut leaves of the last lines."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from fer_edge.errors import SinkError
from fer_edge.logs.files import CHUNK_BYTES, MAX_LINE_BYTES, looks_like_log


def repair(file: int, path: Path) -> int:
    """Remove what is torn at the end of a log. Returns the number of bytes.

    Torn are an incomplete last line, and lines with zeros: their data did not reach the disk, though what was written
    after it may have. A complete last line that only lacks its newline gets one. A file that does not look like a log
    was named by mistake: it is refused, untouched. Raises SinkError, and OSError if the disk is full or gone.
    """
    size = os.fstat(file).st_size
    if size == 0:
        return 0
    foreign = SinkError(f"log {path}: is not a fer-edge log; choose another file")
    if not looks_like_log(file):
        raise foreign
    return drop_torn_lines(file, _whole, foreign)


def drop_torn_lines(file: int, whole: Callable[[bytes], bool], foreign: SinkError) -> int:
    """Remove the lines at the end that are not `whole`. Returns the number of bytes.

    Checked are a last line without a newline, which gets one if it is kept, and all lines from the first with zeros.
    Raises `foreign`, with the file untouched, if a line is longer than MAX_LINE_BYTES, and OSError if the disk is full
    or gone.
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
    """The start of the line that `position` is in; more than MAX_LINE_BYTES before it if the line is longer."""
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
    except (ValueError, RecursionError):
        return False
