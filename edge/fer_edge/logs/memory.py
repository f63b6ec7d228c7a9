"""A log that is never on the disk: the last lines, in memory, as long as the process lives."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from fer_edge.records import Entry, parse


class MemoryLog:
    """Keeps the last lines that were appended. Every method may be called from any thread."""

    is_file = True  # as LogStore: lines can be read again

    def __init__(self, max_lines: int) -> None:
        """Keep `max_lines` lines; one with a face takes some 400 bytes."""
        self.path = Path("memory")
        self.lines = 0  # appended so far, kept or not
        self.repaired = 0
        self._kept: deque[bytes] = deque(maxlen=max_lines)
        self._lock = threading.Lock()

    def keep(self, max_lines: int) -> None:
        """Keep so many lines from now on; the oldest are dropped first."""
        with self._lock:
            if self._kept.maxlen != max_lines:
                self._kept = deque(self._kept, maxlen=max_lines)

    def append(self, data: bytes, taken: datetime, now: float) -> None:  # noqa: ARG002 (as LogStore.append)
        """Keep whole lines; the oldest are dropped first."""
        with self._lock:
            self._kept.extend(data.splitlines())
            self.lines += data.count(b"\n")

    def entries(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[Entry]:
        """The entries from `start` up to, not including, `end`, in the order of writing, as `logs.reader.entries`."""
        with self._lock:
            kept = list(self._kept)
        for line in kept:
            entry = parse(line)
            if entry is not None and (start is None or start <= entry.time) and (end is None or entry.time < end):
                yield entry

    def flush(self) -> None:
        """There is nothing to flush."""

    def close(self) -> None:
        """The lines stay, for the history page."""


_memories: dict[str, MemoryLog] = {}
_lock = threading.Lock()


def memory_log(name: str, max_lines: int) -> MemoryLog:
    """The one log in memory called `name` of this process: the log sink fills it, and the history page reads it.

    It keeps `max_lines` from now on.
    """
    with _lock:
        found = _memories.setdefault(name, MemoryLog(max_lines))
        found.keep(max_lines)
        return found
