"""Writes a log's files: appends, rotates, and deletes old ones; no step leaves them half done."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from fer_edge.errors import SinkError, counted
from fer_edge.files import APPEND_FLAGS, NEW_FILE_MODE, append
from fer_edge.logs import index, retention
from fer_edge.logs.files import Span, full_file_path, full_files, leftovers, span_of
from fer_edge.logs.folder import Folder
from fer_edge.logs.repair import repair
from fer_edge.settings import LogSettings

_log = logging.getLogger(__name__)

TIDY_INTERVAL_S = 600.0  # of deleting old files and checking the disk
LOCK_TRIES, LOCK_POLL_INTERVAL_S = 10, 0.02
REWARN_FREE_SHARE = 0.02  # of the disk, that must become free before the next warning that it is full


class LogStore:
    """Appends to one file, or to a pipe or device. A lock on the file keeps other processes from writing to it."""

    def __init__(self, settings: LogSettings) -> None:
        """Open the file, and remove what a power cut left of its last line. Raises SinkError."""
        if settings.path == "-":  # detect's --json and --csv take it for standard output
            raise SinkError("log -: the log is a file; give its path, or /dev/stdout with --only-sink log")
        self.path = Path(settings.path).absolute()
        self.lines = 0  # written by this process
        self.repaired = 0  # bytes of half-written lines that were removed
        self._settings = settings
        self._limit, self._full_files_bytes = _limits(settings)
        self._clock = retention.SteadyClock()
        self._next_tidying = self._next_rotation = 0.0  # source's seconds
        self._warned_share = 0.0  # of the disk: the next warning only after less than this was in use; 0: none pending
        self._warned: set[str] = set()  # what has been warned of
        self._folder: Folder | None = None  # None: a pipe or device
        self._file = -1
        # Of the current file:
        self._span: Span | None = None
        self._written_here = False  # whether this process wrote to it
        self._begun_at: float | None = None  # source's seconds
        self._truncate_to: int | None = None  # bytes before a half-written line that could not be removed
        self._open()

    @property
    def is_file(self) -> bool:
        """Whether lines can be read again; not those of a pipe or device."""
        return self._folder is not None

    def append(self, data: bytes, taken: datetime, now: float) -> None:
        """Write whole lines of moment `taken`; `now` is the source's clock, seconds. Raises SinkError.

        A line that cannot be written whole is removed again, and the next call tries again.
        """
        with self._locked_file():
            if self._folder is not None:
                self._rotate_if_due(len(data), taken, now)
            self._write(data)
            self.lines += data.count(b"\n")
            self._written_here = True
            self._span = Span(taken, taken) if self._span is None else self._span.with_time(taken)
            trusted = self._clock.trusted(taken, now)
            if self._folder is not None and not 0 < self._next_tidying - now <= TIDY_INTERVAL_S:
                self._next_tidying = now + TIDY_INTERVAL_S
                self._tidy(taken if trusted else None)

    def flush(self) -> None:
        """Bring what was appended to the disk. Raises SinkError."""
        if self._folder is None or self._file < 0:
            return
        try:
            os.fdatasync(self._file)
        except OSError as cause:
            raise SinkError(f"log {self.path}: the disk refuses it ({cause.strerror}); check the disk") from None

    def close(self) -> None:
        """Flush to the disk, and close the file. May be called twice. Raises SinkError."""
        try:
            self.flush()
        finally:
            self._release()

    def _open(self) -> None:
        """Open what has the log's name now. Raises SinkError."""
        self._release()
        try:
            if _special(self.path):
                self._file = os.open(self.path, APPEND_FLAGS)
                return
            self._real = Path(os.path.realpath(self.path))  # the target of a link is rotated; the link stays
            self._folder = Folder(self._real.parent)
            with self._folder.locked():
                self._open_file()
        except OSError as cause:
            self._release()
            raise SinkError(
                f"log {self.path}: cannot be opened for writing ({cause.strerror}); choose another file"
            ) from None
        except BaseException:
            self._release()
            raise

    def _open_file(self) -> None:
        """Open and repair the current file, and bring its name to the disk. Raises SinkError, and OSError."""
        assert self._folder is not None
        self._file = os.open(self._real, APPEND_FLAGS, NEW_FILE_MODE)
        try:
            self._lock_file()
        except BlockingIOError:
            raise SinkError(
                f"log {self.path}: another fer-edge writes to it; stop that one, or choose another file"
            ) from None
        except OSError as cause:
            raise SinkError(
                f"log {self.path}: its file system has no locks ({cause.strerror}); choose another file"
            ) from None
        try:
            self.repaired += repair(self._file, self.path)
            for left in leftovers(self._real):
                left.unlink()
            self._folder.sync()
        except OSError as cause:
            raise SinkError(f"log {self.path}: cannot be repaired ({cause.strerror}); make room") from None
        self._span, self._written_here, self._begun_at, self._truncate_to = span_of(self._file), False, None, None

    def _lock_file(self) -> None:
        """Lock the current file for this process alone. Raises BlockingIOError if another writes to it, OSError."""
        for left in reversed(range(LOCK_TRIES)):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:  # who asks whether it is written (`logs.reader.is_written`) has it for a moment
                if not left:
                    raise
            time.sleep(LOCK_POLL_INTERVAL_S)

    @contextmanager
    def _locked_file(self) -> Iterator[None]:
        """Hold the folder's lock, with the file open that has the log's name now. Raises SinkError."""
        while True:
            if self._file < 0:
                self._open()
            if self._folder is None:
                yield
                return
            with self._folder.locked():
                if self._is_current():
                    yield
                    return
            # The log was deleted, or a purge replaced it: open the file that has its name now.
            self._release()

    def _is_current(self) -> bool:
        try:
            there, ours = self._real.stat(), os.fstat(self._file)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def _write(self, data: bytes) -> None:
        before = 0
        try:
            if self._folder is not None:
                if self._truncate_to is not None:
                    os.ftruncate(self._file, self._truncate_to)
                    self._truncate_to = None
                before = os.fstat(self._file).st_size
            append(self._file, data)
        except OSError as cause:
            if self._folder is not None and self._truncate_to is None:
                self._undo(before)
            raise SinkError(
                f"log {self.path}: cannot be written ({cause.strerror}) after {counted(self.lines, 'line')}; "
                "make room, or choose another file"
            ) from None

    def _undo(self, size: int) -> None:
        try:
            if os.fstat(self._file).st_size > size:
                os.ftruncate(self._file, size)
        except OSError:
            self._truncate_to = size

    def _rotate_if_due(self, more: int, taken: datetime, now: float) -> None:
        """Rotate the file if it would be too large with `more` bytes, or is too old."""
        if self._begun_at is None or now < self._begun_at:
            # A file of an earlier run is as old as its lines; if the clock is wrong, its age is 0 at least.
            age = 0.0 if self._span is None or self._written_here else (taken - self._span.begin).total_seconds()
            self._begun_at = now - max(age, 0.0)
        # An empty file stays; after a failed rotation the next try is later.
        if self._span is None or now < self._next_rotation <= now + TIDY_INTERVAL_S:
            return
        hours = self._settings.rotate_hours
        old = hours > 0 and now - self._begun_at >= 3600 * hours
        if old or (self._limit and os.fstat(self._file).st_size + more > self._limit):
            self._next_rotation = now + TIDY_INTERVAL_S
            self._rotate(taken)
            self._begun_at = now

    def _rotate(self, taken: datetime) -> None:
        """Rename the current file and make a new one; each step is on the disk before the next. Raises SinkError."""
        assert self._folder is not None
        assert self._span is not None
        self.flush()
        # If the clock was set while the file was open, its span still includes now.
        span = self._span.with_time(taken) if self._written_here else self._span
        try:
            last = max((part.number for part in full_files(self._real)), default=0)
            self._real.rename(full_file_path(self._real, last + 1, span))
        except OSError as cause:  # no permission for the folder: one growing file is better than none
            self._warn_once("rotated", cause)
            return
        full, self._file = self._file, -1
        try:
            self._folder.sync()
            self._open_file()
        except OSError as cause:
            raise SinkError(f"log {self.path}: no new file can be made ({cause.strerror}); make room") from None
        finally:
            os.close(full)
        self._next_tidying = self._next_rotation = 0.0

    def _tidy(self, now: datetime | None) -> None:
        """Delete files that are too many, or too old by `now` (None: the clock is not trusted); check the disk."""
        try:
            allowed = self._full_files_bytes
            gone = retention.too_many(full_files(self._real), allowed) if allowed is not None else []
            if now is not None and self._settings.keep_days:
                oldest = retention.days_before(now, self._settings.keep_days)
                gone += retention.expired(full_files(self._real), oldest, now)
            for part in gone:
                retention.delete(part.path)
            if gone:
                index.prune(self._real)
            share = retention.disk_used(self._real.parent)
        except OSError as cause:
            self._warn_once("tidied", cause)
            return
        if share >= self._settings.warn_disk > 0 and not self._warned_share:
            self._warned_share = self._settings.warn_disk - REWARN_FREE_SHARE
            _log.warning(f"log {self.path}: its disk is {share:.0%} full; make room, or the log stops")
        elif share < self._warned_share:
            self._warned_share = 0.0

    def _warn_once(self, what: str, cause: OSError) -> None:
        """Warn once of what does not stop the log."""
        if what not in self._warned:
            self._warned.add(what)
            fix = f"let this user change {self._real.parent}, or choose another file"
            _log.warning(f"log {self.path}: cannot be {what} ({cause.strerror}), and goes on; {fix}")

    def _release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._folder is not None:
            self._folder.close()
            self._folder = None


def _special(path: Path) -> bool:
    """Whether `path` exists and is not a file: a pipe, a device, a folder."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


def _limits(settings: LogSettings) -> tuple[int, int | None]:
    """Bytes of the current file (0: no limit), and of all full ones (None: no limit), together the total at most."""
    limit, total = int(1e6 * settings.rotate_megabytes), int(1e6 * settings.keep_megabytes)
    if not total:
        return limit, None
    limit = min(limit or total, max(total // 2, 1))
    return limit, total - limit
