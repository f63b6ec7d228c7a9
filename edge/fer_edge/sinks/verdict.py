"""What `fer-edge detect` prints for people: a line for each face."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TextIO

from fer_edge.errors import printable
from fer_edge.records import percent
from fer_edge.types import Observation, Sink


def verdict(emotion: str, confidence: float) -> str:
    """Such as "Detected Emotion: Happy (93 %)"."""
    return f"Detected Emotion: {emotion.capitalize()} ({percent(confidence)})"


class PictureVerdict(Sink):
    """For pictures: each face, left to right."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, observation: Observation) -> None:
        """Print a line for each face, or that there is none."""
        source = printable(observation.frame.source)
        if not observation.faces:
            print(f"No face found  [{source}]", file=self._stream)
        for face in sorted(observation.faces, key=lambda face: face.box):
            x, y, width, height = face.box
            where = f"[{source}, face {width}x{height} at {x},{y}]"
            print(f"{verdict(face.emotion, face.confidence)}  {where}", file=self._stream)

    def close(self) -> None:
        """Nothing to close: the stream belongs to the caller."""


@dataclass
class _Seen:
    first: float  # seconds
    last: float = 0.0
    confidences: dict[str, list[float]] = field(default_factory=dict)  # emotion -> [frames that showed it, sum]


class VideoVerdict(Sink):
    """For a video: at its end, each face with the emotion that it showed longest, and its mean confidence."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._source = ""
        self._seen: dict[int, _Seen] = {}

    def write(self, observation: Observation) -> None:
        """Remember the faces."""
        self._source = printable(observation.frame.source)
        for face in observation.faces:
            seen = self._seen.setdefault(face.id, _Seen(observation.frame.time))
            seen.last = observation.frame.time
            total = seen.confidences.setdefault(face.emotion, [0, 0.0])
            total[0] += 1
            total[1] += face.confidence

    def close(self) -> None:
        """Print a line for each face, or that there was none."""
        if self._source and not self._seen:
            print(f"No face found  [{self._source}]", file=self._stream)
        for number, seen in self._seen.items():
            emotion, (frames, total) = max(seen.confidences.items(), key=lambda item: item[1][0])
            where = f"[{self._source}, face {number} from {seen.first:.1f} to {seen.last:.1f} s]"
            print(f"{verdict(emotion, total / frames)}  {where}", file=self._stream)
        self._source = ""
