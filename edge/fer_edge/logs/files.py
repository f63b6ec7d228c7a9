"""The files of a log, in the order of writing, and their lines."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from fer_edge.records import LINE_START, line_time

CHUNK_BYTES = 65536  # read at once
MAX_LINE_BYTES = 4 << 20  # far more than any line of a log has
PURGE_SUFFIX = ".purge~"  # ends the name of the file with which a purge replaces another
STAMP_FORMAT = "%Y%m%dT%H%M%SZ"


class Span(NamedTuple):
    """The earliest and the latest time in a file, with zone. Clocks jump, so they may not be its first and last."""

    begin: datetime
    end: datetime

    def with_time(self, time: datetime) -> Span:
        """The span that includes `time` too."""
        return Span(min(self.begin, time), max(self.end, time))


class FullFile(NamedTuple):
    """A full file of a log. `span` is from its name, in whole seconds around its lines."""

    number: int  # from 1, in the order of writing
    span: Span
    path: Path


def full_files(path: Path) -> list[FullFile]:
    """The full files of the log whose current file is `path`, oldest first. Raises OSError."""
    found = []
    with os.scandir(path.parent) as entries:
        for entry in entries:
            match = _form(path).fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                try:
                    span = Span(_time(match[2]), _time(match[3]))
                except ValueError:  # the 31st of February: not a name of a log
                    continue
                found.append(FullFile(int(match[1]), span, path.parent / entry.name))
    return sorted(found)


def _time(stamp: str) -> datetime:
    """Raises ValueError."""
    return datetime.strptime(stamp, STAMP_FORMAT).replace(tzinfo=UTC)


def leftovers(path: Path) -> list[Path]:
    """What interrupted purges of the log `path` left. Raises OSError."""
    found = [entry.name for entry in path.parent.iterdir() if entry.name.endswith(PURGE_SUFFIX)]
    names = [name.removesuffix(PURGE_SUFFIX) for name in found]
    ours = [name for name in names if name == path.name or _form(path).fullmatch(name)]
    paths = [path.with_name(name + PURGE_SUFFIX) for name in ours]
    return [left for left in paths if left.is_file() and not left.is_symlink()]


def _form(path: Path) -> re.Pattern[str]:
    return re.compile(re.escape(path.stem) + r"\.(\d{6,})_(\d{8}T\d{6}Z)_(\d{8}T\d{6}Z)" + re.escape(path.suffix))


def full_file_path(path: Path, number: int, span: Span) -> Path:
    """The name of full file `number` of the log `path`."""
    end = span.end + timedelta(seconds=1) if span.end.microsecond and span.end.year < 9999 else span.end
    begin_text, end_text = (f"{time.astimezone(UTC).replace(tzinfo=None):{STAMP_FORMAT}}" for time in (span.begin, end))
    return path.with_name(f"{path.stem}.{number:06}_{begin_text:0>16}_{end_text:0>16}{path.suffix}")


def looks_like_log(file: int) -> bool:
    """Whether an open file begins as a log does, or is empty. A power cut may leave zeros in place of data."""
    size = os.fstat(file).st_size
    start = os.pread(file, len(LINE_START), 0).rstrip(b"\0")
    return LINE_START.startswith(start) and (bool(start) or size <= CHUNK_BYTES)


def raw_lines(file: int) -> Iterator[bytes]:
    """The lines of an open file, streamed. The last may lack its newline; one above MAX_LINE_BYTES is cut off."""
    return (line for line, _ in raw_lines_from(file, 0))


def raw_lines_from(file: int, start: int) -> Iterator[tuple[bytes, int]]:
    """The lines from byte `start` on, as `raw_lines` has them, each with the position of its end."""
    position = start
    with open(file, "rb", buffering=CHUNK_BYTES, closefd=False) as stream:
        stream.seek(start)
        while line := stream.readline(MAX_LINE_BYTES):
            rest = line
            position += len(line)
            while len(rest) == MAX_LINE_BYTES and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_LINE_BYTES)
                position += len(rest)
            yield line, position


def span_of(file: int) -> Span | None:
    """The span of the times in an open file; None if no line has one."""
    span: Span | None = None
    for line in raw_lines(file):
        time = line_time(line)
        if time is not None:
            span = Span(time, time) if span is None else span.with_time(time)
    return span
