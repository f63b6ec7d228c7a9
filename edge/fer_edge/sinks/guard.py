"""Keeps the failure of a sink that the loop calls from stopping the loop or the other sinks."""

from __future__ import annotations

import logging

from fer_edge.errors import counted, one_line
from fer_edge.retry import Retry
from fer_edge.types import Observation, Sink, State

_log = logging.getLogger(__name__)


class Guarded(Sink):
    """`sink`: its first failure is logged, and it is written again after growing pauses, by the frames' time.

    Any exception is a failure, not only a SinkError: a mistake in one output ends neither the loop nor the others.
    What comes in a pause is not kept: a log with lines of another moment would be wrong.
    """

    def __init__(self, name: str, sink: Sink) -> None:
        self.name, self.sink = name, sink
        self.missed = 0  # observations since it failed
        self._last_error = ""
        self._retry = Retry()
        self._now = 0.0  # seconds, of the last frame

    @property
    def failing(self) -> bool:
        """Whether it failed, and has not worked since for as long as the last pause."""
        return self._retry.failing

    @property
    def last_error(self) -> str:
        """In one line; "" if it never failed."""
        return self._last_error or self.sink.last_error

    @property
    def troubled(self) -> bool:
        """Whether it, or what it sends to, fails now."""
        return self.failing or self.sink.troubled

    def write(self, observation: Observation) -> None:
        """Write, unless it is too early to try again."""
        now = self._now = observation.frame.time
        if now < self._retry.due:
            self.missed += 1
            return
        try:
            self.sink.write(observation)
        except Exception as error:  # noqa: BLE001 (whatever an output raises, the loop goes on)
            self.missed += 1
            self._fail(error)
        else:
            if self._retry.worked(now):
                _log.info(f"{self.name}: works again; without {counted(self.missed, 'frame')} that came meanwhile")
                self.missed = 0

    def state(self, state: State) -> None:
        """Pass it on; a sink that cannot take it fails with the next observation."""
        try:
            self.sink.state(state)
        except Exception as error:  # noqa: BLE001
            self._fail(error)

    def close(self) -> None:
        """Close the sink."""
        try:
            self.sink.close()
        except Exception as error:  # noqa: BLE001
            self._fail(error, "")

    def _fail(self, error: Exception, what_now: str = "; it is tried again, and the rest goes on") -> None:
        self._last_error = one_line(self.name, error)
        if self._retry.failed(self._now):
            _log.error(f"{self._last_error}{what_now}")
