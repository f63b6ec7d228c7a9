"""Shows the service manager that frames go all the way through the loop, in which it is the last sink."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from fer_edge.records import percent
from fer_edge.service.notify import Notify, notifier, watchdog_seconds
from fer_edge.types import Observation, Sink, State

OFTEN = 1.0  # seconds between messages, at least
PATIENCE = 3  # the watchdog waits so many times as long as a frame may take
STATES: dict[State, str] = {
    "paused": "paused: the camera is off until somebody resumes",
    "lost": "the camera is lost, and being opened again",
}


class Watchdog(Sink):
    """Ready with the first frame, then a sign of life and a status line, once a second at most.

    Frames give the signs. While there are none, since somebody wants a pause or a camera is being opened again, those
    who wait call `waiting`: what hangs calls neither, and the watchdog bites.
    """

    def __init__(
        self,
        notify: Notify | None,
        watchdog: float = 0.0,
        longest: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`watchdog` is the manager's patience, `longest` the time that a frame may take by the settings; seconds."""
        self._notify, self._clock = notify, clock
        self._more: dict[str, str] = {}  # told with the next message
        if 0 < watchdog < PATIENCE * longest:
            watchdog = PATIENCE * longest
            self._more = {"WATCHDOG_USEC": str(round(watchdog * 1e6))}
        self._often = min(OFTEN, watchdog / 4) if watchdog else OFTEN
        self._ready = False
        self._last = clock()  # moment of the last message; seconds
        self._frames = 0  # since then

    def write(self, observation: Observation) -> None:
        """Note a frame that all other parts are done with."""
        if self._notify is None:
            return
        self._frames += 1
        if not self._ready:
            self._ready = True
            self._send({"READY": "1", "STATUS": f"running: {observation.frame.source}"})
        elif (passed := self._clock() - self._last) >= self._often:
            self._send({"STATUS": status(self._frames / passed, observation)})

    def state(self, state: State) -> None:
        """Say why no frames come."""
        if state in STATES:
            self._send({"STATUS": STATES[state]})

    def waiting(self) -> None:
        """A sign of life of those who wait on purpose."""
        if self._clock() - self._last >= self._often:
            self._send({})

    def say(self, text: str) -> None:
        """Put `text` up as the status line until the next one."""
        self._send({"STATUS": text})

    def close(self) -> None:
        """Say that the end is near, so that it is not taken for a hang."""
        self._send({"STOPPING": "1", "STATUS": "ending"})

    def _send(self, variables: Mapping[str, str]) -> None:
        if self._notify is None:
            return
        self._notify({**variables, **self._more, "WATCHDOG": "1"})
        self._last, self._frames, self._more = self._clock(), 0, {}


def watchdog(longest: float) -> Watchdog:
    """The one that reports to this process's service manager, if it has one; `longest` as there."""
    return Watchdog(notifier(os.environ), watchdog_seconds(os.environ), longest)


def status(fps: float, observation: Observation) -> str:
    """Such as "23.9 fps, 1 face, happy 93 %"; the largest face counts."""
    faces = observation.faces
    if not faces:
        return f"{fps:.1f} fps, nobody there"
    largest = max(faces, key=lambda face: face.box.width * face.box.height)
    count = "1 face" if len(faces) == 1 else f"{len(faces)} faces"
    return f"{fps:.1f} fps, {count}, {largest.emotion} {percent(largest.confidence)}"
