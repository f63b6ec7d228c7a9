"""What `fer-edge detect` writes for programs: JSON lines, and CSV rows. Files are appended to, never overwritten."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TextIO

from fer_edge.errors import SinkError
from fer_edge.records import FACE_COLUMNS, FRAME_COLUMNS, face_cells, frame_cells, line, record
from fer_edge.settings import LogSettings
from fer_edge.sinks.log import Log
from fer_edge.types import Observation, Sink

TABLE_COLUMNS = (*FRAME_COLUMNS, *FACE_COLUMNS)


def json_lines(name: str) -> Sink:
    """One line for each frame, into the file `name`, a log of mode `frames`; "-": standard output."""
    if name == "-":
        return _JsonOutput()
    # One file, as the user asked: nothing is rotated or deleted.
    return Log(LogSettings(path=name, mode="frames", rotate_megabytes=0, rotate_hours=0, keep_megabytes=0, keep_days=0))


class _JsonOutput(Sink):
    def write(self, observation: Observation) -> None:
        sys.stdout.write(line(record(observation)))

    def close(self) -> None:
        sys.stdout.flush()


class Csv(Sink):
    """One row for each face: TABLE_COLUMNS, and a column for each label."""

    def __init__(self, name: str, labels: tuple[str, ...]) -> None:
        """Append to the file `name`, or make it with its header; "-": standard output. Raises SinkError."""
        self._name, self._is_file = name, name != "-"
        header = [*TABLE_COLUMNS, *labels]
        has_header = False
        self._stream: TextIO = sys.stdout
        if self._is_file:
            try:
                has_header = self._has_header(Path(name), header)
                self._stream = Path(name).open("a", encoding="utf-8", newline="")  # noqa: SIM115 - closed in close()
            except OSError as cause:
                raise SinkError(f"output {name}: cannot be written ({cause.strerror}); choose another file") from None
        self._write = csv.writer(self._stream, lineterminator="\n")
        if not has_header:
            self._write.writerow(header)

    def _has_header(self, path: Path, header: list[str]) -> bool:
        """Whether the file is such a table already. Raises SinkError if it is something else."""
        if not path.is_file() or path.stat().st_size == 0:
            return False
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            if next(csv.reader([file.readline(10_000)]), []) == header:
                return True
        raise SinkError(f"output {path}: is not a table with these columns; choose another file")

    def write(self, observation: Observation) -> None:
        """Write a row for each face. Raises SinkError."""
        entry = record(observation)
        try:
            for face in entry["faces"]:
                self._write.writerow((*frame_cells(entry), *face_cells(face), *face["scores"].values()))
        except OSError as cause:
            self._fail(cause)

    def close(self) -> None:
        """Flush. Raises SinkError if the disk is full."""
        try:
            if self._is_file:
                self._stream.close()
            else:
                self._stream.flush()
        except OSError as cause:
            self._fail(cause)

    def _fail(self, cause: OSError) -> None:
        if not self._is_file:
            raise cause
        raise SinkError(f"output {self._name}: cannot be written ({cause.strerror}); make room") from None
