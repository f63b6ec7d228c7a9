"""A table for spreadsheets beside the log: one row for each event, or each face. It is only appended to."""

from __future__ import annotations

import csv
import fcntl
import io
import os
import stat
from pathlib import Path

from fer_edge.errors import SinkError
from fer_edge.files import APPEND_FLAGS, NEW_FILE_MODE, append
from fer_edge.logs.files import CHUNK_BYTES
from fer_edge.logs.repair import drop_torn_lines
from fer_edge.pause import PauseSwitch
from fer_edge.records import FACE_COLUMNS, FRAME_COLUMNS, face_cells, face_record, frame_cells, record
from fer_edge.settings import CsvSettings, Settings
from fer_edge.sinks.output import output
from fer_edge.types import Face, Observation, Sink, State

CSV_COLUMNS = (*FRAME_COLUMNS, "event", *FACE_COLUMNS)
HEADER = (",".join(CSV_COLUMNS) + "\n").encode()


@output(where=lambda settings: str(Path(settings.csv.path).absolute()))
def open_csv(settings: Settings, pause_switch: PauseSwitch) -> CsvFile:  # noqa: ARG001 (every output is opened alike)
    """The table that the settings name. Raises SinkError."""
    return CsvFile(settings.csv)


class CsvFile(Sink):
    """Appends to one file, which it locks."""

    def __init__(self, settings: CsvSettings) -> None:
        """Open the file, or make it. What a power cut left of its last row is removed. Raises SinkError."""
        self.path = Path(settings.path).absolute()
        self._settings = settings
        self._unflushed: float | None = None  # frame time of the oldest row that is not yet on the disk
        self._file = -1
        self._open()

    def _open(self) -> None:
        try:
            self._file = os.open(self.path, APPEND_FLAGS, NEW_FILE_MODE)
            self._regular = stat.S_ISREG(os.fstat(self._file).st_mode)
            if self._regular:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                repair(self._file, self.path)
            if not self._regular or os.fstat(self._file).st_size == 0:
                self._put(HEADER)
        except BlockingIOError:
            self._release()
            raise SinkError(f"csv {self.path}: another fer-edge writes to it; choose another file") from None
        except OSError as cause:
            self._release()
            raise SinkError(f"csv {self.path}: cannot be opened ({cause.strerror}); choose another file") from None
        except SinkError:
            self._release()
            raise

    def write(self, observation: Observation) -> None:
        """Write what the mode asks for. Raises SinkError if the disk is full or gone; the next call tries again."""
        now = observation.frame.time
        happened: dict[int, tuple[str, Face]] = {
            event.face.id: (event.kind, event.face) for event in observation.events
        }
        rows = list(happened.values())
        if self._settings.mode == "frames":
            rows += [("", face) for face in observation.faces if face.id not in happened]
        if rows:
            self._append(text_of(observation, rows).encode())
            self._unflushed = now if self._unflushed is None else self._unflushed
        if self._unflushed is not None and now - self._unflushed >= self._settings.flush_seconds:
            self._flush()

    def _append(self, data: bytes) -> None:
        if self._file < 0 or (self._regular and os.fstat(self._file).st_nlink == 0):
            # The table was deleted: continue in a new one.
            self._release()
            self._open()
        try:
            self._put(data)
        except OSError as cause:
            raise SinkError(f"csv {self.path}: cannot be written ({cause.strerror}); make room") from None

    def _put(self, data: bytes) -> None:
        """Write all of `data`, or nothing. Raises OSError."""
        before = os.fstat(self._file).st_size if self._regular else 0
        try:
            append(self._file, data)
        except OSError:
            if self._regular:
                os.ftruncate(self._file, before)
            raise

    def _flush(self) -> None:
        self._unflushed = None
        if self._regular and self._file >= 0:
            try:
                os.fdatasync(self._file)
            except OSError as cause:
                raise SinkError(f"csv {self.path}: the disk refuses it ({cause.strerror}); check the disk") from None

    def state(self, state: State) -> None:
        """Bring all to the disk while there are no frames, whose times say when it is due. Raises SinkError."""
        if state != "running" and self._unflushed is not None:
            self._flush()

    def close(self) -> None:
        """Bring all to the disk, and close the file. Raises SinkError."""
        try:
            self._flush()
        finally:
            self._release()

    def _release(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def text_of(observation: Observation, rows: list[tuple[str, Face]]) -> str:
    """The rows of (event, face), in the order of CSV_COLUMNS."""
    entry, text = record(observation), io.StringIO()
    entry["source"] = "".join(c if c.isprintable() else " " for c in entry["source"])  # a row is one line
    writer = csv.writer(text, lineterminator="\n")
    for event, face in rows:
        writer.writerow((*frame_cells(entry), event, *face_cells(face_record(face))))
    return text.getvalue()


def repair(file: int, path: Path) -> None:
    """Remove incomplete rows. Raises SinkError, with the file untouched, if it is not such a table."""
    size = os.fstat(file).st_size
    foreign = SinkError(f"csv {path}: is not a fer-edge table; choose another file")
    # A power cut leaves zeros if a file grew before its data was written (ext4 documentation, data=ordered).
    start = os.pread(file, len(HEADER), 0).rstrip(b"\0")
    if not HEADER.startswith(start) or (start != HEADER and size > CHUNK_BYTES):
        raise foreign
    if start != HEADER:
        os.ftruncate(file, 0)
        return
    # A row that was cut within its last number is only recognized by its missing newline.
    drop_torn_lines(file, lambda row: row.endswith(b"\n") and b"\0" not in row, foreign)
