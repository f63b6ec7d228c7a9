"""The files that a log is written into: appended to, rotated, kept for so long, and never left half done."""

from __future__ import annotations

import fcntl
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from fer_edge.errors import SinkError
from fer_edge.files import APPEND_FLAGS, append
from fer_edge.logs import retention
from fer_edge.logs.files import Span, full_file_path, full_files, leftovers, span_of
from fer_edge.logs.folder import Folder
from fer_edge.logs.repair import repair
from fer_edge.settings import LogSettings

_log = logging.getLogger(__name__)

CARE_INTERVAL_S = 600.0  # between two looks at what is to be deleted, and at the disk
REWARN_FREE_SHARE = 0.02  # share of the disk that must come free before a full one is told of anew


class LogStore:
    """Appends to one file, or to a pipe or device. Only one process at a time may: a lock on the file says so."""

    def __init__(self, settings: LogSettings) -> None:
        """Open the file, and cut off what a power cut left of its last line. Raises SinkError."""
        self.path = Path(settings.path).absolute()
        self.lines = 0  # written by this process
        self.repaired = 0  # bytes of a half-written line that were cut off
        self._settings = settings
        self._limit, self._room = _limits(settings)
        self._clock = retention.SteadyClock()
        self._next_care = self._next_rotation = 0.0  # source's seconds
        self._told_share = 0.0  # of the disk; what must be free again before it is told anew
        self._troubles: set[str] = set()  # told of already
        self._folder: Folder | None = None  # None: a pipe or device, which has none of this
        self._file = -1
        # Of the current file:
        self._span: Span | None = None
        self._mine = False  # whether this process wrote to it
        self._born: float | None = None  # source's seconds when it began
        self._torn: int | None = None  # bytes that are whole, where a line could not be taken back
        self._open()

    def append(self, data: bytes, taken: datetime, now: float) -> None:
        """Write whole lines of moment `taken`; `now` is the source's clock, seconds. Raises SinkError.

        What cannot be written whole leaves no trace, and the next call tries anew.
        """
        with self._held():
            if self._folder is not None:
                self._rotate_if_due(len(data), taken, now)
            self._put(data)
            self.lines += data.count(b"\n")
            self._mine = True
            self._span = Span(taken, taken) if self._span is None else self._span.with_time(taken)
            trusted = self._clock.trusted(taken, now)
            if self._folder is not None and not 0 < self._next_care - now <= CARE_INTERVAL_S:
                self._next_care = now + CARE_INTERVAL_S
                self._care(taken if trusted else None)

    def flush(self) -> None:
        """Bring what was appended to the disk. Raises SinkError."""
        if self._folder is None or self._file < 0:
            return
        try:
            os.fdatasync(self._file)
        except OSError as cause:
            raise SinkError(f"log {self.path}: the disk does not take it ({cause.strerror}); check the disk") from None

    def close(self) -> None:
        """Flush to the disk and let go of the file. May be called twice. Raises SinkError."""
        try:
            self.flush()
        finally:
            self._release()

    def _open(self) -> None:
        """Open what lies under the name now. Raises SinkError."""
        self._release()
        try:
            if _special(self.path):
                self._file = os.open(self.path, APPEND_FLAGS)
                return
            self._real = Path(os.path.realpath(self.path))  # a link stays, and what it leads to is rotated
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
        """Open the current file, mended, its name on the disk. Raises SinkError, and OSError."""
        assert self._folder is not None
        self._file = os.open(self._real, APPEND_FLAGS, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
        self._span, self._mine, self._born, self._torn = span_of(self._file), False, None, None

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the folder's lock, with the file open that lies under the log's name now. Raises SinkError."""
        while True:
            if self._file < 0:
                self._open()
            if self._folder is None:
                yield
                return
            with self._folder.locked():
                if self._is_there():
                    yield
                    return
            # Somebody deleted the log, which is their right, or a purge put another in its place.
            self._release()

    def _is_there(self) -> bool:
        try:
            there, ours = self._real.stat(), os.fstat(self._file)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def _put(self, data: bytes) -> None:
        before = 0
        try:
            if self._folder is not None:
                if self._torn is not None:
                    os.ftruncate(self._file, self._torn)
                    self._torn = None
                before = os.fstat(self._file).st_size
            append(self._file, data)
        except OSError as cause:
            if self._folder is not None and self._torn is None:
                self._take_back(before)
            raise SinkError(
                f"log {self.path}: cannot be written ({cause.strerror}) after {self.lines} lines; "
                "make room, or choose another file"
            ) from None

    def _take_back(self, size: int) -> None:
        try:
            if os.fstat(self._file).st_size > size:
                os.ftruncate(self._file, size)
        except OSError:
            self._torn = size

    def _rotate_if_due(self, more: int, taken: datetime, now: float) -> None:
        """Put the file aside when it would be too large with `more` bytes, or is too old."""
        if self._born is None or now < self._born:
            # An inherited file is as old as its lines say, but no wrong clock makes it younger than now.
            age = 0.0 if self._span is None or self._mine else (taken - self._span.begin).total_seconds()
            self._born = now - max(age, 0.0)
        if self._span is None or now < self._next_rotation <= now + CARE_INTERVAL_S:  # empty, or it failed a moment ago
            return
        hours = self._settings.rotate_hours
        old = hours > 0 and now - self._born >= 3600 * hours
        if old or (self._limit and os.fstat(self._file).st_size + more > self._limit):
            self._next_rotation = now + CARE_INTERVAL_S
            self._rotate(taken)
            self._born = now

    def _rotate(self, taken: datetime) -> None:
        """Rename the current file and begin a new one; each step is on the disk before the next. Raises SinkError."""
        assert self._folder is not None
        assert self._span is not None
        self.flush()
        # A file that was open while the clock was set was full now, whatever the lines of the time before say.
        span = self._span.with_time(taken) if self._mine else self._span
        try:
            last = max((part.number for part in full_files(self._real)), default=0)
            self._real.rename(full_file_path(self._real, last + 1, span))
        except OSError as cause:  # the folder is not ours to change: one growing file is better than none
            self._trouble("rotated", cause)
            return
        full, self._file = self._file, -1
        try:
            self._folder.sync()
            self._open_file()
        except OSError as cause:
            raise SinkError(f"log {self.path}: cannot be begun anew ({cause.strerror}); make room") from None
        finally:
            os.close(full)
        self._next_care = self._next_rotation = 0.0

    def _care(self, now: datetime | None) -> None:
        """Delete what is too much, and what is too old by `now` where the clock is trusted; look at the disk."""
        try:
            gone = retention.too_many(full_files(self._real), self._room) if self._room is not None else []
            if now is not None and self._settings.keep_days:
                oldest = retention.days_before(now, self._settings.keep_days)
                gone += retention.expired(full_files(self._real), oldest, now)
            for part in gone:
                retention.delete(part.path)
            share = retention.disk_used(self._real.parent)
        except OSError as cause:
            self._trouble("tidied", cause)
            return
        if share >= self._settings.warn_disk > 0 and not self._told_share:
            self._told_share = self._settings.warn_disk - REWARN_FREE_SHARE
            _log.warning(f"log {self.path}: its disk is {share:.0%} full; make room, or the log stops")
        elif share < self._told_share:
            self._told_share = 0.0

    def _trouble(self, what: str, cause: OSError) -> None:
        """Tell once of what does not keep the log from going on."""
        if what not in self._troubles:
            self._troubles.add(what)
            cure = f"let this user change {self._real.parent}, or choose another file"
            _log.warning(f"log {self.path}: cannot be {what} ({cause.strerror}), and goes on; {cure}")

    def _release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._folder is not None:
            self._folder.close()
            self._folder = None


def _special(path: Path) -> bool:
    """Whether `path` is there and no file: a pipe, a device, a folder."""
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
