"""Shows the service manager that frames go all the way through the loop, in which it is the last sink."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from fer_edge.errors import counted
from fer_edge.records import percent
from fer_edge.service.notify import Notify, notifier, watchdog_seconds
from fer_edge.settings import SourceSettings
from fer_edge.types import Observation, Sink, State

MESSAGE_INTERVAL_S = 1.0  # between two messages, at least
TIMEOUT_FRAMES = 3  # the watchdog's timeout is at least so many times as long as a frame may take
STATES: dict[State, str] = {
    "paused": "paused: the camera is off until it is resumed",
    "lost": "the camera is lost, and being opened again",
}


class Watchdog(Sink):
    """Reports readiness with the first frame, then a sign of life and a status line, once a second at most.

    Frames give the signs. During a pause, or while a camera is being opened again, what waits calls `waiting`. A
    program that hangs calls neither, and the service manager ends it.
    """

    def __init__(
        self,
        notify: Notify | None,
        watchdog: float = 0.0,
        longest: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`watchdog`: the manager's timeout, 0: none; `longest`: what a frame may take by the settings. Seconds."""
        self._notify, self._clock = notify, clock
        self._more: dict[str, str] = {}  # sent with the next message
        if 0 < watchdog < TIMEOUT_FRAMES * longest:
            watchdog = TIMEOUT_FRAMES * longest
            self._more = {"WATCHDOG_USEC": str(round(watchdog * 1e6))}
        self._interval = min(MESSAGE_INTERVAL_S, watchdog / 4) if watchdog else MESSAGE_INTERVAL_S
        self._ready = False
        self._last = clock()  # moment of the last message; seconds
        self._frames = 0  # since then

    def write(self, observation: Observation) -> None:
        """Count a frame that went through all other parts."""
        if self._notify is None:
            return
        self._frames += 1
        if not self._ready:
            self._ready = True
            self._send({"READY": "1", "STATUS": f"running: {observation.frame.source}"})
        elif (passed := self._clock() - self._last) >= self._interval:
            self._send({"STATUS": status(self._frames / passed, observation)})

    def state(self, state: State) -> None:
        """Say why no frames come."""
        if state in STATES:
            self._send({"STATUS": STATES[state]})

    def waiting(self) -> None:
        """Give a sign of life while no frame comes on purpose."""
        if self._clock() - self._last >= self._interval:
            self._send({})

    def close(self) -> None:
        """Say that the program is ending, so that this is not taken for a hang. May be called twice."""
        self._send({"STOPPING": "1", "STATUS": "ending"})

    def _send(self, variables: Mapping[str, str]) -> None:
        if self._notify is None:
            return
        self._notify({**variables, **self._more, "WATCHDOG": "1"})
        self._last, self._frames, self._more = self._clock(), 0, {}


def make_watchdog(settings: SourceSettings) -> Watchdog:
    """The watchdog that reports to this process's service manager, if it has one."""
    return Watchdog(notifier(os.environ), watchdog_seconds(os.environ), longest_frame(settings))


def longest_frame(settings: SourceSettings) -> float:
    """Seconds that one frame may take: a silence of the camera, and the wait between two frames."""
    rates = [rate for rate in (settings.fps, settings.idle_fps) if rate > 0]
    return settings.timeout_seconds + (1 / min(rates) if rates else 0.0)


def status(fps: float, observation: Observation) -> str:
    """Such as "23.9 fps, 1 face, happy 93 %"; the largest face counts."""
    faces, largest = observation.faces, observation.largest_face
    if largest is None:
        return f"{fps:.1f} fps, nobody there"
    return f"{fps:.1f} fps, {counted(len(faces), 'face')}, {largest.emotion} {percent(largest.confidence)}"
