"""Events for another program: a bounded queue, and a thread that delivers one after the other."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection

from fer_edge.errors import FOREIGN_ERRORS, SinkError, counted, one_line
from fer_edge.records import EventRecord, event_record
from fer_edge.retry import Retry
from fer_edge.sinks.mailbox import CLOSE_TIMEOUT_S
from fer_edge.types import Observation, Sink

_log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 0.3  # for a delivery that was ended


class Refused(SinkError):  # noqa: N818 (it says it)
    """An event that cannot be delivered, now or later; the next one is tried."""


class EventQueue(Sink):
    """Passes events of the kinds `on` to `send`, in order. At most `limit` wait; the oldest are dropped first.

    `send` takes the record of one event. If it raises SinkError, the same event is tried again after growing pauses; if
    it raises Refused, the next one is tried. `stop`, called at the end, makes a `send` that still runs return soon.
    """

    def __init__(
        self,
        name: str,
        on: Collection[str],
        limit: int,
        send: Callable[[EventRecord], None],
        stop: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.lost = 0  # events that were dropped or refused
        self._on, self._limit, self._send, self._stop, self._clock = on, limit, send, stop, clock
        self._retry = Retry()
        self._last_error = ""
        self._changed = threading.Condition()
        self._waiting: deque[EventRecord] = deque()
        self._due = -math.inf  # moment of the next try, after a failure
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self._thread.start()

    @property
    def last_error(self) -> str:
        """In one line; "" if it never failed."""
        return self._last_error

    @property
    def troubled(self) -> bool:
        """Whether the last event was not delivered."""
        return self._retry.failing

    def write(self, observation: Observation) -> None:
        """Put the observation's events into the queue."""
        records = [event_record(observation, event) for event in observation.events if event.kind in self._on]
        if not records:
            return
        with self._changed:
            self._waiting.extend(records)
            self._trim()
            self._changed.notify()

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Try each waiting event once, within `timeout_s`. Raises SinkError if the last try failed."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._drop()
            self._stop()
            self._thread.join(STOP_TIMEOUT_S)
        message = f"{self.name}: could not deliver {counted(self.lost, 'event')}"
        if self._retry.failing:
            raise SinkError(f"{message}, and it still fails at the end")
        if self.lost:
            _log.info(message)

    def _run(self) -> None:
        while (record := self._next()) is not None:
            try:
                self._send(record)
            except Refused as error:
                self._fail(error, "the next event is tried")
                self.lost += 1
            except SinkError as error:
                self._fail(error, "it is tried again")
                self._put_back(record)
            except FOREIGN_ERRORS as error:  # the next event may work
                self._fail(SinkError(one_line(self.name, error)), "the next event is tried")
                self.lost += 1
            else:
                if self._retry.worked(self._clock()):
                    _log.info(f"{self.name}: works again")

    def _next(self) -> EventRecord | None:
        """The oldest event, once it is due; None at the end."""
        with self._changed:
            while not self._closing and not (self._waiting and self._clock() >= self._due):
                pause = self._due - self._clock() if self._waiting else None
                self._changed.wait(pause)
            return self._waiting.popleft() if self._waiting else None

    def _put_back(self, record: EventRecord) -> None:
        with self._changed:
            self._waiting.appendleft(record)
            self._trim()
            self._due = self._retry.due
        if self._closing:
            self._drop()  # no time to try again

    def _drop(self) -> None:
        with self._changed:
            self.lost += len(self._waiting)
            self._waiting.clear()

    def _trim(self) -> None:
        """Drop the oldest of too many; the caller holds the lock."""
        while len(self._waiting) > self._limit:
            self._waiting.popleft()
            self.lost += 1

    def _fail(self, error: SinkError, what_now: str) -> None:
        self._last_error = str(error)
        if self._retry.failed(self._clock()):
            _log.error(f"{error}; {what_now}, and the rest goes on")
