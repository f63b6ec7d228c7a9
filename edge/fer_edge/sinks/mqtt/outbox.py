"""Messages that the broker has not acknowledged yet, in order: the newest in memory, older ones on the disk.

While the broker acknowledges them in time, none is written to the disk, which spares the SD card.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fer_edge.errors import SinkError, counted
from fer_edge.retry import Retry
from fer_edge.sinks.mqtt.reports import to_json
from fer_edge.sinks.mqtt.store import MessageStore

_log = logging.getLogger(__name__)

PAGE_MESSAGES = 50  # read from the disk at once
DELETE_RETRY_INTERVAL_S = 5.0  # of a disk that refused a deletion
MAX_MEMORY_MESSAGES = 1000  # while the disk cannot be written


class Outbox:
    """Hands out messages in order until they are acknowledged; after `rewind` from the first again. For one thread."""

    def __init__(self, store: MessageStore, flush_seconds: float) -> None:
        self.store = store
        self.dropped = 0  # messages that neither memory nor disk had room for
        self._flush_seconds = flush_seconds
        self._memory: dict[int, tuple[bytes, float]] = {}  # key -> message, moment; all newer than the store's
        self._page: deque[tuple[int, bytes]] = deque()
        self._last_handed = 0  # key
        self._undeleted: set[int] = set()  # keys of acknowledged messages that the disk refused to delete
        self._delete_at = -math.inf  # moment of the next try to delete them
        self._unsynced = False  # whether the store has messages that a power cut may lose
        self._count = 0
        self._retry = Retry()

    @property
    def empty(self) -> bool:
        """Whether the broker has acknowledged everything."""
        return not self._memory and self.store.count <= len(self._undeleted)

    @property
    def due(self) -> float:
        """The moment to call `flush`, seconds on the caller's clock; infinity if there is nothing to do."""
        oldest = next(iter(self._memory.values()), None)
        moments = [math.inf if oldest is None else max(oldest[1] + self._flush_seconds, self._retry.due)]
        moments += [self._retry.due] if self._unsynced else []
        moments += [self._delete_at] if self._undeleted else []
        return min(moments)

    def put(self, message: Mapping[str, Any], now: float) -> None:
        """Add a message, with its id: "RUN-NUMBER", both growing."""
        self._count += 1
        entry = {"id": f"{self.store.run}-{self._count}", **message}
        text = to_json(entry)
        self._memory[(self.store.run << 32) + self._count] = text, now
        while len(self._memory) > MAX_MEMORY_MESSAGES:
            del self._memory[next(iter(self._memory))]
            self.dropped += 1

    def next(self) -> tuple[int, bytes] | None:
        """The next message and its key; None if all were handed out. Raises SinkError."""
        while True:
            if not self._page and self._last_handed < self.store.newest:
                self._page.extend(self.store.after(self._last_handed, PAGE_MESSAGES))
            found = self._page.popleft() if self._page else self._newer()
            if found is None:
                return None
            self._last_handed = found[0]
            if self._last_handed not in self._undeleted:
                return found

    def _newer(self) -> tuple[int, bytes] | None:
        return next(((key, text) for key, (text, _) in self._memory.items() if key > self._last_handed), None)

    def acknowledge(self, key: int) -> None:
        """The broker has this message: delete it. A full disk refuses that too, and it is tried again later."""
        if self._memory.pop(key, None) is None and key <= self.store.newest:
            self._undeleted.add(key)
            self._delete()

    def _delete(self) -> None:
        with suppress(SinkError):
            self.store.remove(self._undeleted)
            self._undeleted.clear()

    def rewind(self) -> None:
        """Hand out again what was not acknowledged."""
        self._page.clear()
        self._last_handed = 0

    def flush(self, now: float) -> None:
        """Write what is in memory to the disk; a failure is logged once, and tried again later."""
        if self._undeleted and now >= self._delete_at:
            self._delete_at = now + DELETE_RETRY_INTERVAL_S
            self._delete()
        if not self._memory and not self._unsynced:
            return
        try:
            if self._memory:
                self.store.add([(key, text) for key, (text, _) in self._memory.items()])
                self._memory.clear()
                self._unsynced = True
            self.store.sync()
        except SinkError as error:
            if self._retry.failed(now):
                _log.error(f"{error}; until then messages wait in memory, {MAX_MEMORY_MESSAGES} at most")
        else:
            self._unsynced = False
            self._retry.worked(now)

    def close(self) -> None:
        """Write all to the disk and close it; log how many messages were dropped."""
        self.flush(math.inf)
        if dropped := self.dropped + self.store.dropped:
            _log.info(f"mqtt: dropped {counted(dropped, 'message')}, since the queue was full")
        self.store.close()
