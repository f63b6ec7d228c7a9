"""Messages that the broker has not taken yet, in order: the newest in memory, older ones on the disk.

While the broker takes them, none is ever written to the disk: that spares the SD card.
"""

from __future__ import annotations

import json
import logging
import math
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fer_edge.errors import SinkError
from fer_edge.retry import Retry
from fer_edge.sinks.mqtt.store import MessageStore

_log = logging.getLogger(__name__)

PAGE_MESSAGES = 50  # messages read from the disk at once
DELETE_RETRY_INTERVAL_S = 5.0  # seconds between two tries to delete from a disk that allowed no change
MAX_MEMORY_MESSAGES = 1000  # messages kept where the disk takes none


class Outbox:
    """Hands out messages in order, from the start again after `rewind`, until they are `taken`. For one thread."""

    def __init__(self, store: MessageStore, flush_seconds: float) -> None:
        self.store = store
        self.dropped = 0  # messages that neither memory nor disk had room for
        self._patience = flush_seconds
        self._memory: dict[int, tuple[bytes, float]] = {}  # key -> message, when it came; all newer than the store's
        self._page: deque[tuple[int, bytes]] = deque()
        self._handed = 0  # newest key handed out
        self._gone: set[int] = set()  # keys of what was taken and is still on a disk that allows no change
        self._forget_at = -math.inf  # when to ask that disk again, seconds
        self._unsynced = False  # whether the store has messages that a power cut may take
        self._count = 0
        self._retry = Retry()

    @property
    def empty(self) -> bool:
        """Whether the broker has taken everything."""
        return not self._memory and self.store.count <= len(self._gone)

    @property
    def due(self) -> float:
        """When to call `flush`, seconds on the caller's clock; infinity where there is nothing to do."""
        oldest = next(iter(self._memory.values()), None)
        moments = [math.inf if oldest is None else max(oldest[1] + self._patience, self._retry.due)]
        moments += [self._retry.due] if self._unsynced else []
        moments += [self._forget_at] if self._gone else []
        return min(moments)

    def put(self, message: Mapping[str, Any], now: float) -> None:
        """Take in a message and give it its id: "RUN-NUMBER", both growing."""
        self._count += 1
        entry = {"id": f"{self.store.run}-{self._count}", **message}
        text = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()
        self._memory[(self.store.run << 32) + self._count] = text, now
        while len(self._memory) > MAX_MEMORY_MESSAGES:
            del self._memory[next(iter(self._memory))]
            self.dropped += 1

    def next(self) -> tuple[int, bytes] | None:
        """The next message and its key; None where all were handed out. Raises SinkError."""
        while True:
            if not self._page and self._handed < self.store.newest:
                self._page.extend(self.store.after(self._handed, PAGE_MESSAGES))
            found = self._page.popleft() if self._page else self._newer()
            if found is None:
                return None
            self._handed = found[0]
            if self._handed not in self._gone:
                return found

    def _newer(self) -> tuple[int, bytes] | None:
        return next(((key, text) for key, (text, _) in self._memory.items() if key > self._handed), None)

    def taken(self, key: int) -> None:
        """The broker has it. A full disk, which lets nothing be deleted either, is asked again later."""
        if self._memory.pop(key, None) is None and key <= self.store.newest:
            self._gone.add(key)
            self._forget()

    def _forget(self) -> None:
        with suppress(SinkError):
            self.store.remove(self._gone)
            self._gone.clear()

    def rewind(self) -> None:
        """Hand out again what was not taken."""
        self._page.clear()
        self._handed = 0

    def flush(self, now: float) -> None:
        """Bring what is in memory to the disk; where that fails, it is told of once and tried again later."""
        if self._gone and now >= self._forget_at:
            self._forget_at = now + DELETE_RETRY_INTERVAL_S
            self._forget()
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
        """Bring all to the disk and let go of it; say what there was no room for."""
        self.flush(math.inf)
        if dropped := self.dropped + self.store.dropped:
            _log.info(f"mqtt: {dropped} messages were dropped, since the queue was full")
        self.store.close()
