"""A slow sink in a thread of its own, behind a mailbox with one slot: the loop never waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from fer_edge.errors import FOREIGN_ERRORS, SettingsError, counted, one_line
from fer_edge.retry import Retry
from fer_edge.types import Observation, Sink, State

_log = logging.getLogger(__name__)

MAX_WAITING_EVENTS = 100  # the oldest are dropped first
CLOSE_TIMEOUT_S = 1.0  # that closing an output may take


class Mailbox(Sink):
    """The sink that `make` opens. A newer observation replaces the waiting one, and takes over its events.

    The first failure of a sink is logged; the sink is closed, and opened again after growing pauses. The new one gets
    the state and what waits. `make` is called once in the constructor, so that settings that cannot work are refused
    at once (SettingsError); after any other error, such as hardware that does not answer, it is tried again later.
    """

    def __init__(self, name: str, make: Callable[[], Sink], clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.dropped = 0  # events
        self._last_error = ""
        self._make, self._clock = make, clock
        self._retry = Retry()
        self._changed = threading.Condition()
        self._mail: dict[str, Observation | State] = {}  # "write" or "state" -> the newest, in order
        self._state: State | None = None  # the last one delivered
        self._closing = False
        self._sink: Sink | None = None
        try:
            self._sink = make()
        except SettingsError:
            raise
        except Exception as error:  # noqa: BLE001 (drivers raise anything; the loop goes on)
            self._fail(error)
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self._thread.start()

    @property
    def last_error(self) -> str:
        """In one line; "" if it never failed."""
        sink = self._sink
        return self._last_error or (sink.last_error if sink is not None else "")

    @property
    def troubled(self) -> bool:
        """Whether it, or what it sends to, fails now."""
        sink = self._sink
        return self.failing or (sink is not None and sink.troubled)

    @property
    def failing(self) -> bool:
        """Whether it failed, and has not worked since for as long as the last pause."""
        return self._retry.failing

    def write(self, observation: Observation) -> None:
        """Put `observation` into the slot."""
        with self._changed:
            waiting = self._mail.pop("write", None)
            self._mail["write"] = self._merged(waiting, observation)
            self._changed.notify()

    def state(self, state: State) -> None:
        """Put `state` behind what waits."""
        with self._changed:
            self._mail.pop("state", None)
            self._mail["state"] = state
            self._changed.notify()

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Deliver what waits and close the sink, within `timeout_s`; a sink that hangs is abandoned."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            _log.error(f"{self.name}: did not close within {timeout_s:g} s, and is abandoned")
        if self.dropped:
            _log.info(f"{self.name}: dropped {counted(self.dropped, 'event')}, since it is too slow")

    def _merged(self, waiting: Observation | State | None, newer: Observation) -> Observation:
        if not isinstance(waiting, Observation) or not waiting.events:
            return newer
        events = waiting.events + newer.events
        self.dropped += max(len(events) - MAX_WAITING_EVENTS, 0)
        return replace(newer, events=events[-MAX_WAITING_EVENTS:])

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._due, self._pause())
                if not self._due():
                    continue
                mail, self._mail = self._mail, {}
                closing = self._closing
            if self._sink is not None or not closing:
                self._deliver(mail)
            if closing:
                break
        self._close_sink()

    def _due(self) -> bool:
        """Whether there is something to do now."""
        if self._closing:
            return True
        if self._sink is None:
            return self._clock() >= self._retry.due
        return bool(self._mail)

    def _pause(self) -> float | None:
        """Seconds until the next try of a failed sink; None if none has failed."""
        return None if self._sink is not None else max(self._retry.due - self._clock(), 0.0)

    def _deliver(self, mail: dict[str, Observation | State]) -> None:
        try:
            if self._sink is None:
                self._sink = self._make()
                if self._state is not None:
                    self._sink.state(self._state)
            for key, item in list(mail.items()):
                if isinstance(item, Observation):
                    self._sink.write(item)
                else:
                    self._sink.state(item)
                    self._state = item
                del mail[key]
        except FOREIGN_ERRORS as error:  # the loop goes on
            self._close_sink()
            self._fail(error)
            self._put_back(mail)
        else:
            if self._retry.worked(self._clock()):
                _log.info(f"{self.name}: works again")

    def _put_back(self, mail: dict[str, Observation | State]) -> None:
        """Let what was not delivered wait on, before what came meanwhile."""
        with self._changed:
            newer, self._mail = self._mail, mail
            for key, item in newer.items():
                before = self._mail.pop(key, None)
                self._mail[key] = self._merged(before, item) if isinstance(item, Observation) else item

    def _close_sink(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            with suppress(*FOREIGN_ERRORS):  # it failed already, or the program ends
                sink.close()

    def _fail(self, error: BaseException) -> None:
        self._last_error = one_line(self.name, error)
        if self._retry.failed(self._clock()):
            _log.error(f"{self._last_error}; it is tried again, and the rest goes on")
