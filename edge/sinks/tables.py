"""What `fer-edge detect` writes for programs: JSON lines, and CSV rows."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TextIO

from edge.errors import SinkError
from edge.sinks.record import line, record
from edge.types import Observation


class _File:
    """A text file that is begun anew, or standard output for "-"; its errors in words."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ours = name != "-"
        try:
            self._stream: TextIO = sys.stdout
            if self._ours:
                self._stream = Path(name).open("w", encoding="utf-8", newline="")  # noqa: SIM115
        except OSError as cause:
            raise SinkError(f"output {name}: cannot be written ({cause.strerror}); choose another file") from None

    def write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except BrokenPipeError:
            raise
        except OSError as cause:
            self._fail(cause)

    def close(self) -> None:
        try:
            if self._ours:
                self._stream.close()
            else:
                self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as cause:
            self._fail(cause)

    def _fail(self, cause: OSError) -> None:
        raise SinkError(f"output {self.name}: cannot be written ({cause.strerror}); make room") from None


class JsonLines:
    """One line a frame, faces or not: the format of the log's mode `frames`."""

    def __init__(self, name: str) -> None:
        """Begin the file `name`, or standard output for "-". Raises SinkError."""
        self._file = _File(name)

    def write(self, observation: Observation) -> None:
        """Write the observation. Raises SinkError."""
        self._file.write(line(record(observation)))

    def close(self) -> None:
        """Flush. Raises SinkError where the disk is full."""
        self._file.close()


class Csv:
    """One row a face: time, source, frame, id, x, y, width, height, emotion, confidence, and a column a label."""

    def __init__(self, name: str, labels: tuple[str, ...]) -> None:
        """Begin the file `name`, or standard output for "-", with its header. Raises SinkError."""
        self._file = _File(name)
        self._write = csv.writer(self._file, lineterminator="\n")
        header = ("time", "source", "frame", "id", "x", "y", "width", "height", "emotion", "confidence")
        self._write.writerow((*header, *labels))

    def write(self, observation: Observation) -> None:
        """Write a row for each face. Raises SinkError."""
        entry = record(observation)
        for face in entry["faces"]:
            scores = face["scores"].values()
            start = (entry["time"], entry["source"], entry["frame"], face["id"])
            self._write.writerow((*start, *face["box"], face["emotion"], face["confidence"], *scores))

    def close(self) -> None:
        """Flush. Raises SinkError where the disk is full."""
        self._file.close()
