"""Events on standard output: a line when a face comes, changes or goes, or the camera does.

In a terminal a last line shows the frame rate, and the faces that are in view now. It is overwritten in place, and
removed at the end. A pipe or the journal gets only the events.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import NamedTuple, TextIO

from fer_edge.drawing.palette import colour_of
from fer_edge.drawing.terminal import coloured, columns_of, encodes, fit, has_colours
from fer_edge.pause import PauseSwitch
from fer_edge.records import percent
from fer_edge.service.log_handler import CLEAR_LINE
from fer_edge.settings import Settings
from fer_edge.sinks.output import output
from fer_edge.types import INVENTED_SOURCE, EventKind, Face, Observation, Sink, State

CAMERA_TEXTS: dict[State, str] = {"running": "is on again", "paused": "is off: paused", "lost": "is lost"}
REDRAW_INTERVAL_S = 0.1  # of the last line
RATE_INTERVAL_S = 1.0  # over which the frame rate is measured
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
    """Has a last line that shows the frame rate, and each face with a bar of its confidence."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._next = 0.0  # frame time of the next drawing
        self._marks = "█░■" if encodes(stream, "█░■") else "#-*"
        self._has_colours = has_colours(stream)
        self._rate = FrameRate()

    def write(self, observation: Observation) -> None:
        """Write the observation's events, and draw the last line if it is due."""
        super().write(observation)
        time = observation.frame.time
        self._rate.add(time)
        if time >= self._next or observation.events:
            self._next = time + REDRAW_INTERVAL_S
            self._draw(self._line(observation, shutil.get_terminal_size().columns - 1))

    def _line(self, observation: Observation, columns: int) -> str:
        """The faces in the longest form that fits, with colours."""
        time = observation.frame.time - (self._start or 0.0)
        start = f"{time:8.1f} s  "
        tour = "invented: " if observation.frame.source == INVENTED_SOURCE else ""
        forms = (  # what is before the faces, characters of a bar, what is between
            (f"{start}{self._rate}{tour}", BAR_CHARACTERS, "   "),
            (f"{start}{self._rate}{tour}", BAR_CHARACTERS // 2, "   "),
            (f"{start.lstrip()}{self._rate}{tour}", 0, "  "),
            (f"{start.lstrip()}{tour}", 0, "  "),
            (tour, 0, "  "),
        )
        faces = observation.faces
        for before, bar, between in forms:
            labels = [self._label(face, bar) for face in faces] or [Label("nobody", len("nobody"))]
            used = columns_of(before) + sum(label.columns for label in labels) + len(between) * (len(labels) - 1)
            if used <= columns:
                return before + between.join(label.text for label in labels)
        return self._some(faces, columns - columns_of(tour), tour) if faces else fit(f"{tour}nobody", columns)

    def _some(self, faces: Sequence[Face], columns: int, tour: str) -> str:
        """As many faces as fit, and how many more there are."""
        labels = [self._label(face, 0) for face in faces]
        for count in range(len(labels) - 1, 0, -1):
            more = f"  +{len(labels) - count}"
            if sum(label.columns + 2 for label in labels[:count]) - 2 + len(more) <= columns:
                return tour + "  ".join(label.text for label in labels[:count]) + more
        return fit(f"{tour}{faces[0].emotion} {percent(faces[0].confidence)}", columns + columns_of(tour))

    def _label(self, face: Face, characters: int) -> Label:
        """A face with a bar of so many characters; without one it has a mark in the emotion's colour."""
        full = round(characters * face.confidence)
        bar, rest = self._marks[0] * full, self._marks[1] * (characters - full)
        end = f" {percent(face.confidence)}"
        if characters:
            plain = f"{face.emotion} {bar}{rest}{end}"
            text = f"{face.emotion} {self._in_colour(bar, face)}{rest}{end}"
        elif self._has_colours:
            plain = f"{self._marks[2]} {face.emotion}{end}"
            text = f"{self._in_colour(self._marks[2], face)} {face.emotion}{end}"
        else:
            plain = text = f"{face.emotion}{end}"
        return Label(text, columns_of(plain))

    def _in_colour(self, text: str, face: Face) -> str:
        return coloured(text, colour_of(face.emotion, face.prediction.labels)) if self._has_colours and text else text

    def _draw(self, text: str) -> None:
        self._stream.write(CLEAR_LINE + text)
        self._stream.flush()

    def _print(self, text: str) -> None:
        super()._print(CLEAR_LINE + text)

    def close(self) -> None:
        """Remove the last line."""
        self._draw("")


class Label(NamedTuple):
    """A face in the last line."""

    text: str  # with colours
    columns: int  # that it takes


class FrameRate:
    """Frames a second, by the frames' own times, over the last whole second or more."""

    def __init__(self) -> None:
        self._begin: float | None = None  # frame time
        self._frames = 0
        self._fps = 0.0  # 0: not known yet

    def add(self, time: float) -> None:
        """A frame of `time`, seconds."""
        self._begin = time if self._begin is None else self._begin
        if time - self._begin >= RATE_INTERVAL_S:
            self._fps = self._frames / (time - self._begin)
            self._begin, self._frames = time, 0
        self._frames += 1

    def __str__(self) -> str:
        return f"{self._fps:4.1f} fps  " if self._fps else ""
