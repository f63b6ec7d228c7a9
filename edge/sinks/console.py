"""What happens, in words: a line on standard output when a face comes, changes or goes, or the camera does."""

from __future__ import annotations

import sys
from typing import TextIO

from edge.control import Control
from edge.settings import Settings
from edge.sinks.record import percent
from edge.types import Observation, Sink, State

WORDS: dict[State, str] = {"running": "is on again", "paused": "is off: paused", "lost": "is lost"}


def open_console(settings: Settings, control: Control) -> Console:  # noqa: ARG001 (every sink is made alike)
    """The console on standard output."""
    return Console(sys.stdout)


class Console(Sink):
    """Writes one line an event: seconds since the first frame, who, what, how sure."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begin: float | None = None

    def write(self, observation: Observation) -> None:
        """Write the observation's events."""
        time = observation.frame.time
        self._begin = time if self._begin is None else self._begin
        for event in observation.events:
            face = event.face
            what = {
                "came": f"came: {face.emotion} ({percent(face.confidence)})",
                "changed": f"now {face.emotion} ({percent(face.confidence)})",
                "gone": "gone",
            }[event.kind]
            print(f"{time - self._begin:8.2f} s  face {face.id} {what}", file=self._stream, flush=True)

    def state(self, state: State) -> None:
        """Say that the camera is let go of, lost, or back; its first start goes without saying."""
        if state in WORDS and (state != "running" or self._begin is not None):
            print(f"camera {WORDS[state]}", file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing to let go of: the stream is not ours."""
