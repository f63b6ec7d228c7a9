"""A log that never touches the disk: the last lines, in memory, for as long as the process lives."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from fer_edge.records import Entry, parse


class MemoryLog:
    """Keeps the last lines that were appended. Every method may be called from any thread."""

    def __init__(self, most: int) -> None:
        """Keep `most` lines; one with a face takes some 400 bytes."""
        self.path = Path("memory")
        self.lines = 0  # appended so far, kept or not
        self.repaired = 0
        self._kept: deque[bytes] = deque(maxlen=most)
        self._lock = threading.Lock()

    def append(self, data: bytes, taken: datetime, now: float) -> None:  # noqa: ARG002 (as Store.append)
        """Keep whole lines, and forget the oldest."""
        with self._lock:
            self._kept.extend(data.splitlines())
            self.lines += data.count(b"\n")

    def entries(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[Entry]:
        """What is kept from `start` up to, not with, `end`, in the order of writing; as `logs.reader.entries`."""
        with self._lock:
            kept = list(self._kept)
        for line in kept:
            entry = parse(line)
            if entry is not None and (start is None or start <= entry.time) and (end is None or entry.time < end):
                yield entry

    def flush(self) -> None:
        """MemoryLog has no disk."""

    def close(self) -> None:
        """What is kept stays, for who still reads it."""


_memories: dict[str, MemoryLog] = {}
_lock = threading.Lock()


def memory_log(name: str, most: int) -> MemoryLog:
    """The one memory of this process for the log called `name`: the log fills it, and the history page reads it."""
    with _lock:
        return _memories.setdefault(name, MemoryLog(most))
