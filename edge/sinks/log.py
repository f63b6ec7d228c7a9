"""The local log: one JSON object a line, appended, never rewritten.

Mode `frames` writes each frame. Mode `changes` writes a line when a face comes or goes or its steady emotion changes,
with the reason under "events", and a heartbeat when nothing changed for a while.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from pathlib import Path
from typing import Any

from edge.control import Control
from edge.errors import SinkError
from edge.settings import LogSettings, Settings
from edge.sinks.record import line, record
from edge.types import Observation, Sink

CHUNK = 65536  # bytes read at once, looking back for the last whole line
START = b'{"time"'  # how every log begins
LONGEST = 4 << 20  # bytes; no line of ours comes near it


def open_log(settings: Settings, control: Control) -> Log:  # noqa: ARG001 (every sink is made alike)
    """The log that the settings name. Raises SinkError."""
    return Log(settings.log)


class Log(Sink):
    """Appends to one file. Only one process at a time may: a lock on the file says so."""

    def __init__(self, settings: LogSettings) -> None:
        """Open the log, and cut off what a power cut left of its last line. Raises SinkError."""
        self.path = Path(settings.path).absolute()
        self.lines = 0  # written by this process
        self.repaired = 0  # bytes of a half-written line that were cut off
        self._settings = settings
        self._last_line: float | None = None  # frame time, seconds
        self._unflushed: float | None = None  # frame time of the oldest line that is not yet on the disk
        self._open()

    def _open(self) -> None:
        try:
            # Not blocking: a pipe that nobody empties is an error, not a halt. Files do not mind.
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            self._file = os.open(self.path, flags, 0o644)
        except OSError as cause:
            raise SinkError(
                f"log {self.path}: cannot be opened for writing ({cause.strerror}); choose another file"
            ) from None
        try:
            self._regular = stat.S_ISREG(os.fstat(self._file).st_mode)
            if self._regular:
                self._lock()
                self.repaired = repair(self._file, self.path)
        except OSError as cause:
            os.close(self._file)
            raise SinkError(f"log {self.path}: cannot be repaired ({cause.strerror}); make room") from None
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self) -> None:
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

    def write(self, observation: Observation) -> None:
        """Write what the mode asks for. Raises SinkError where the disk is full or gone."""
        now = observation.frame.time
        if self._settings.mode == "frames":
            self._append(record(observation), now)
        elif observation.events:
            events = [{"kind": e.kind, "id": e.face.id, "emotion": e.face.emotion} for e in observation.events]
            self._append(record(observation) | {"events": events}, now)
        elif self._last_line is None or now - self._last_line >= self._settings.heartbeat_seconds:
            self._append(record(observation) | {"events": [{"kind": "heartbeat"}]}, now)
        if self._unflushed is not None and now - self._unflushed >= self._settings.flush_seconds:
            self._flush()

    def _append(self, entry: dict[str, Any], now: float) -> None:
        data = line(entry).encode()
        if self._regular and os.fstat(self._file).st_nlink == 0:
            # Somebody deleted the log, which is their right; what comes now goes into a new one.
            os.close(self._file)
            self._open()
        before = os.fstat(self._file).st_size if self._regular else 0
        try:
            if os.write(self._file, data) != len(data):  # a disk that fills up takes a part
                raise OSError(28, "No space left on device")
        except OSError as cause:
            if self._regular:
                os.ftruncate(self._file, before)
            raise SinkError(
                f"log {self.path}: cannot be written ({cause.strerror}) after {self.lines} lines; "
                "make room, or choose another file"
            ) from None
        self.lines += 1
        self._last_line = now
        self._unflushed = now if self._unflushed is None else self._unflushed

    def _flush(self) -> None:
        self._unflushed = None
        if self._regular:
            try:
                os.fdatasync(self._file)
            except OSError as cause:
                raise SinkError(
                    f"log {self.path}: the disk does not take it ({cause.strerror}); check the disk"
                ) from None

    def close(self) -> None:
        """Flush to the disk and let go of the file."""
        if self._file >= 0:
            try:
                self._flush()
            finally:
                os.close(self._file)
                self._file = -1


def repair(file: int, path: Path) -> int:
    """Cut off a last line that is not whole; how many bytes that was.

    A whole last line that only lacks its newline gets one. A file that does not look like a log is refused, untouched:
    it is somebody's, named by mistake. Raises SinkError.
    """
    size = os.fstat(file).st_size
    if size == 0:
        return 0
    foreign = SinkError(f"log {path}: holds something else than a fer-edge log; choose another file")
    # Power cuts leave zeros where a file grew and its data was not yet written (ext4 documentation, data=ordered).
    start = os.pread(file, len(START), 0).rstrip(b"\0")
    if not START.startswith(start) or (not start and size > CHUNK):
        raise foreign
    tail = b""
    position = size
    while position > 0 and b"\n" not in tail:
        if len(tail) > LONGEST:
            raise foreign
        step = min(CHUNK, position)
        position -= step
        tail = os.pread(file, step, position) + tail
    rest = tail[tail.rfind(b"\n") + 1 :]
    if not rest:
        return 0
    if _whole(rest):
        os.write(file, b"\n")
        return 0
    os.ftruncate(file, size - len(rest))
    os.fdatasync(file)
    return len(rest)


def _whole(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
