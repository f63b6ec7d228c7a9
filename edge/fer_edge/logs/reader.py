"""Reads a log across its files, streaming: for the report, the history page and other programs."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from fer_edge.errors import LogError
from fer_edge.logs.files import full_files, looks_like_log, raw_lines
from fer_edge.records import Entry, line_time, parse

NAME_ANOTHER = "name another with --log"


class Entries:
    """Iterates the entries of a log, each time from the start; `torn` and `lines` count those read so far."""

    def __init__(self, path: Path, start: datetime | None, end: datetime | None) -> None:
        self.path = Path(os.path.realpath(path))
        self.lines = 0  # read as entries
        self.torn = 0  # half-written or foreign lines, which are left out
        self._start, self._end = start, end

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries in the order of writing. Raises LogError."""
        self.lines = self.torn = 0
        try:
            yield from self._all()
        except OSError as cause:
            raise LogError(f"log {self.path}: cannot be read ({cause.strerror})", NAME_ANOTHER) from None

    def _all(self) -> Iterator[Entry]:
        with ExitStack() as stack:
            # The current file is opened first, so that no line is read twice if the log is rotated or purged meanwhile.
            current = open_log(self.path, stack)
            full = full_files(self.path) if self.path.parent.is_dir() else []
            if current is None and not full:
                raise no_log(self.path)
            for part in full:
                if self._wanted(part.span.begin, part.span.end):
                    with ExitStack() as one:
                        file = open_log(part.path, one, full=True)
                        if file is not None and (current is None or not os.path.sameopenfile(file, current)):
                            yield from self._of(file)
            if current is not None:
                yield from self._of(current)

    def _wanted(self, begin: datetime, end: datetime) -> bool:
        return (self._end is None or begin < self._end) and (self._start is None or self._start <= end)

    def _of(self, file: int) -> Iterator[Entry]:
        for line in raw_lines(file):
            time = line_time(line)
            if time is not None and not self._wanted(time, time):
                continue
            entry = parse(line)
            if entry is None:
                self.torn += 1
            else:
                self.lines += 1
                yield entry


def first_time(path: Path) -> datetime | None:
    """The time of the first line of the log `path`, to the second; None without one. Raises LogError, OSError."""
    real = Path(os.path.realpath(path))
    if real.parent.is_dir() and (full := full_files(real)):
        return full[0].span.begin
    with ExitStack() as stack:
        file = open_log(real, stack)
        times = (line_time(line) for line in raw_lines(file)) if file is not None else iter(())
        return next(filter(None, times), None)


def is_written(path: Path) -> bool:
    """Whether a program has the log open to write to it now; if not, what it says ended with its last line."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # `LogStore` holds it alone
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(file)
    return False


def no_log(path: Path) -> LogError:
    """The error of a log without a file."""
    return LogError(f"log {path}: no such log", "name one with --log, or write it with: fer-edge run")


def open_log(path: Path, stack: ExitStack, full: bool = False) -> int | None:
    """A file of a log, open as long as `stack`; None if it is gone, or a `full` file's name is another file's.

    Raises LogError if it is no log, and OSError.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    stack.callback(os.close, file)
    if not stat.S_ISREG(os.fstat(file).st_mode) or not looks_like_log(file):
        if full:
            return None
        raise LogError(f"log {path}: is not a fer-edge log", NAME_ANOTHER)
    return file


def entries(path: Path, start: datetime | None = None, end: datetime | None = None) -> Entries:
    """The entries of the log `path`, in all its files, from `start` up to, not including, `end` (with zone; None: all).

    They come in the order of writing, which is that of time unless the clock is set. Half-written lines are left out
    and counted. The log may be written, rotated and purged meanwhile; a line that is being written is left for the next
    reading. Iterating raises LogError if there is no log, it cannot be read, or it is another kind of file.
    """
    return Entries(path, start, end)
