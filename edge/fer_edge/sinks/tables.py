"""What `fer-edge detect` writes for programs: JSON lines, and CSV rows. Files are appended to, never overwritten."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from fer_edge.errors import SettingsError, SinkError, first_line
from fer_edge.extras import install_command
from fer_edge.files import atomic_write
from fer_edge.records import FACE_COLUMNS, FRAME_COLUMNS, face_cells, frame_cells, line, record
from fer_edge.settings import LogSettings
from fer_edge.sinks.log import Log
from fer_edge.types import Observation, Sink

if TYPE_CHECKING:
    import pyarrow

TABLE_COLUMNS = (*FRAME_COLUMNS, *FACE_COLUMNS)
SECONDS_COLUMN = "seconds"  # the frame's place in its video; empty for single pictures
PARQUET_BLOCK_BYTES = 16 << 20  # of rows, that are in memory at once
ROWS_SUFFIX = ".rows.csv"  # of the table that becomes a Parquet file at the end


def ends_a_line(path: Path) -> bool:
    """Whether the last byte of a file, which has some, is a newline. Raises OSError."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


class Table(Sink):
    """A sink of one row a face, which has to know whether a frame is a single picture."""

    still = False


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


class Csv(Table):
    """One row for each face: TABLE_COLUMNS, a column for each label, and SECONDS_COLUMN."""

    def __init__(self, name: str, labels: tuple[str, ...]) -> None:
        """Append to the file `name`, or make it with its header; "-": standard output. Raises SinkError."""
        self._name, self._is_file = name, name != "-"
        header, has_header = [*TABLE_COLUMNS, *labels, SECONDS_COLUMN], False
        self._with_seconds = True
        self._stream: TextIO = sys.stdout
        if self._is_file:
            try:
                has_header = self._has_header(Path(name), header)
                is_torn = has_header and not ends_a_line(Path(name))
                self._stream = Path(name).open("a", encoding="utf-8", newline="")  # noqa: SIM115 - closed in close()
                if is_torn:  # or the first row would join its last one
                    self._stream.write("\n")
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
            found = next(csv.reader([file.readline(10_000)]), [])
            self._with_seconds = found != header[:-1]  # older tables have no such column, and stay so
            if found in (header, header[:-1]):
                return True
        raise SinkError(f"output {path}: is not a table with these columns; choose another file")

    def write(self, observation: Observation) -> None:
        """Write a row for each face. Raises SinkError."""
        entry = record(observation)
        seconds: tuple[float | str, ...] = ("" if self.still else round(observation.frame.time, 3),)
        if not self._with_seconds:
            seconds = ()
        try:
            for face in entry["faces"]:
                self._write.writerow((*frame_cells(entry), *face_cells(face), *face["scores"].values(), *seconds))
        except OSError as cause:
            self._fail(cause)

    def flush(self) -> None:
        """Give all rows to the file. Raises SinkError if the disk is full."""
        try:
            self._stream.flush()
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


class Parquet(Csv):
    """The same table as a Parquet file, made by PyArrow at the end of the rows of a .csv, which then goes."""

    def __init__(self, name: str, labels: tuple[str, ...]) -> None:
        """Begin the rows, or go on with them. Raises SettingsError without PyArrow, SinkError if `name` exists."""
        try:
            import pyarrow.csv
            import pyarrow.parquet  # noqa: F401 - known to be here before the first row
        except ImportError as cause:
            raise SettingsError(
                f"--parquet: PyArrow is needed ({first_line(cause)}); install it with: {install_command('parquet')}"
            ) from None
        self.path, self._labels = Path(name), labels
        if self.path.exists():
            raise SinkError(f"output {name}: exists already, and nothing is overwritten; choose another file")
        self.rows_path = rows_path(name)
        super().__init__(str(self.rows_path), labels)

    def finish(self) -> None:
        """Close the rows, and turn them into the file, a part at a time. Raises SinkError; then the rows stay."""
        import pyarrow.csv
        import pyarrow.parquet

        self.close()
        schema = parquet_schema(self._labels)
        parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
        convert = pyarrow.csv.ConvertOptions(column_types=schema, strings_can_be_null=False)
        read = pyarrow.csv.ReadOptions(block_size=PARQUET_BLOCK_BYTES)
        try:
            with (
                atomic_write(self.path) as temporary,
                pyarrow.parquet.ParquetWriter(temporary, schema, compression="snappy") as out,
                pyarrow.csv.open_csv(self.rows_path, read, parse, convert) as rows,
            ):
                for batch in rows:
                    out.write_batch(batch)
            self.rows_path.unlink()
        except (OSError, ValueError, MemoryError) as cause:
            raise SinkError(
                f"output {self.path}: cannot be written ({first_line(cause)}); make room. Its rows are in "
                f"{self.rows_path}"
            ) from None


def parquet_schema(labels: tuple[str, ...]) -> pyarrow.Schema:
    """Of the Parquet file: the table's columns, and their types, which docs/archive.md promises."""
    import pyarrow as pa

    types = {"time": pa.timestamp("us", tz="UTC"), "source": pa.string(), "emotion": pa.string()}
    types |= dict.fromkeys(("frame", "id", "x", "y", "width", "height"), pa.int64())
    columns = (*TABLE_COLUMNS, *labels, SECONDS_COLUMN)
    return pa.schema([(name, types.get(name, pa.float64())) for name in columns])


def rows_path(name: str) -> Path:
    """Of the rows of the Parquet file `name`."""
    return Path(f"{name}{ROWS_SUFFIX}")
