"""Events on standard output: a line when a face comes, changes or goes, or the camera does.

In a terminal a last line shows the faces that are in view now. It is overwritten in place, and removed at the end. A
pipe or the journal gets only the events.
"""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from typing import TextIO

from fer_edge.pause import PauseSwitch
from fer_edge.records import percent
from fer_edge.service.log_handler import CLEAR_LINE
from fer_edge.settings import Settings
from fer_edge.sinks.output import output
from fer_edge.types import INVENTED_SOURCE, EventKind, Face, Observation, Sink, State

CAMERA_TEXTS: dict[State, str] = {"running": "is on again", "paused": "is off: paused", "lost": "is lost"}
REDRAW_INTERVAL_S = 0.1  # of the last line
BAR_CHARACTERS = 10  # of a bar for 100 %


def is_lively() -> bool:
    """Whether standard output is a terminal that can have a line overwritten."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


@output(shows=is_lively, where=lambda _: "standard output")
def open_console(settings: Settings, pause_switch: PauseSwitch) -> Console:  # noqa: ARG001 (every output is opened alike)
    """The console that suits standard output."""
    return LiveConsole(sys.stdout) if is_lively() else Console(sys.stdout)


class Console(Sink):
    """Writes one line for each event: seconds since the first frame, face, emotion, confidence."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._start: float | None = None

    def write(self, observation: Observation) -> None:
        """Write the observation's events."""
        time = observation.frame.time
        self._start = time if self._start is None else self._start
        for event in observation.events:
            face = event.face
            what: dict[EventKind, str] = {
                "came": f"came: {face.emotion} ({percent(face.confidence)})",
                "changed": f"now {face.emotion} ({percent(face.confidence)})",
                "gone": "gone",
            }
            self._print(f"{time - self._start:8.2f} s  face {face.id} {what[event.kind]}")

    def _print(self, text: str) -> None:
        try:
            print(text, file=self._stream, flush=True)
        except BrokenPipeError:
            # `fer-edge run | head`: its reader is gone, so it ends with SIGPIPE's code, as other programs do.
            raise SystemExit(141) from None

    def state(self, state: State) -> None:
        """Write that the camera is released, lost, or back; not that it starts for the first time."""
        if state in CAMERA_TEXTS and (state != "running" or self._start is not None):
            self._print(f"camera {CAMERA_TEXTS[state]}")

    def close(self) -> None:
        """Nothing to close: the stream belongs to the caller."""


class LiveConsole(Console):
    """Has a last line that shows each face with a bar of its confidence."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._next = 0.0  # frame time of the next drawing
        self._marks = "█░" if _encodes(stream, "█░") else "#-"

    def write(self, observation: Observation) -> None:
        """Write the observation's events, and draw the last line if it is due."""
        super().write(observation)
        time = observation.frame.time
        if time >= self._next or observation.events:
            self._next = time + REDRAW_INTERVAL_S
            seen = "   ".join(map(self._label, observation.faces)) or "nobody"
            if observation.frame.source == INVENTED_SOURCE:
                seen = f"invented: {seen}"
            columns = shutil.get_terminal_size().columns
            self._draw(fit(f"{time - (self._start or 0.0):8.1f} s  {seen}", columns - 1))

    def _label(self, face: Face) -> str:
        full = round(BAR_CHARACTERS * face.confidence)
        bar = self._marks[0] * full + self._marks[1] * (BAR_CHARACTERS - full)
        return f"{face.emotion} {bar} {percent(face.confidence)}"

    def _draw(self, text: str) -> None:
        self._stream.write(CLEAR_LINE + text)
        self._stream.flush()

    def _print(self, text: str) -> None:
        super()._print(CLEAR_LINE + text)

    def close(self) -> None:
        """Remove the last line."""
        self._draw("")


def fit(text: str, columns: int) -> str:
    """As much of `text` as fits into `columns` of a terminal. East Asian letters take two, combining marks none."""
    room = columns
    for place, letter in enumerate(text):
        wide = unicodedata.east_asian_width(letter) in "WF"
        room -= 0 if unicodedata.combining(letter) else 1 + wide
        if room < 0:
            return text[:place]
    return text


def _encodes(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
