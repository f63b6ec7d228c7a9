"""Kaggle's fer2013.csv, and the rows of any CSV file that has a line for each of its faces."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.classifiers.labels import emotion_of
from fer_edge.errors import DataError
from fer_edge.sources.content import known_other, read_head
from fer_edge.types import EMOTIONS

from fer_convert import files
from fer_convert.data.faces import FER2013_SIDE_PX as SIDE
from fer_convert.data.faces import SPLITS, VALIDATION_SHARE, Dataset, Faces, hold_out, resize_faces
from fer_convert.messages import warn

FER2013_COLUMNS = ("emotion", "pixels", "usage")
SPLIT_OF_USAGE = {name.lower(): name for name in SPLITS}
DELIMITERS = ",;\t"  # Kaggle's; a spreadsheet's in many countries; a table's
FER2013_SPLITS = ("Training", "PublicTest", "PrivateTest")
UNSPLIT = ""  # in place of a split, without a column Usage
_PIXEL_VALUES = {str(value): value for value in range(256)}


def read_csv(path: Path, size: tuple[int, int]) -> Dataset:
    """The faces of the fer2013.csv at `path`, resized to `size` (height, width). Raises DataError."""
    columns: dict[str, tuple[list[bytes], list[int]]] = {}
    has_splits = "usage" in read_header(path, "data")
    for split, label, pixels in _face_rows(path, has_splits):
        faces, labels = columns.setdefault(split, ([], []))
        faces.append(pixels)
        labels.append(label)
    if not columns:
        raise DataError(f"data {path}: holds no face, only its header; unpack or download it again")
    splits = {}
    for split, (faces, labels) in columns.items():
        native = np.frombuffer(b"".join(faces), np.uint8).reshape(-1, SIDE, SIDE)
        splits[split] = Faces(resize_faces(native, size), np.array(labels, np.int64))
    if not has_splits:
        splits = hold_out(splits[UNSPLIT], EMOTIONS, f"{path}, {{}}")
        warn(
            f"data {path}: no column Usage, so {VALIDATION_SHARE:.0%} of each class, always the same, are held out to "
            f"validate on: {len(splits['validation']):,} faces, {len(splits['train']):,} to train on"
        )
    return Dataset(path.name, files.sha256(path), EMOTIONS, splits)


def _face_rows(path: Path, has_splits: bool) -> Iterator[tuple[str, int, bytes]]:
    """(split, label, 2,304 pixels) of each row; every value is checked. Raises DataError naming file and line."""
    columns = FER2013_COLUMNS if has_splits else FER2013_COLUMNS[:2]
    rows = read_rows(path, "data", columns, "Kaggle's file begins with emotion,pixels,Usage")
    for place, (emotion, text, *usage) in rows:
        label = _label(emotion, place)
        values = text.split()
        if len(values) != SIDE * SIDE:
            raise DataError(
                f"{place}: {len(values)} pixels where a face has {SIDE * SIDE} ({SIDE} x {SIDE}); "
                "the row is cut off, download the file again"
            )
        try:
            pixels = bytes(map(_PIXEL_VALUES.__getitem__, values))
        except KeyError as bad:
            raise DataError(
                f"{place}: pixel {str(bad)[:20]}; a pixel is a whole number 0 to 255, fix the row"
            ) from None
        yield split_of_usage(usage[0], place) if has_splits else UNSPLIT, label, pixels


def _label(emotion: str, place: str) -> int:
    """The index into EMOTIONS that a value of FER2013's column emotion is, or names. Raises DataError."""
    named = emotion_of(emotion)
    if named:
        return EMOTIONS.index(named)
    if emotion not in _PIXEL_VALUES or _PIXEL_VALUES[emotion] >= len(EMOTIONS):
        raise DataError(f"{place}: emotion {emotion[:20]!r}; FER2013's are 0 to {len(EMOTIONS) - 1}, fix the row")
    return _PIXEL_VALUES[emotion]


def split_of_usage(usage: str, place: str) -> str:
    """The split that a value of FER2013's column Usage names. Raises DataError naming `place`, the file and line."""
    if usage.lower() not in SPLIT_OF_USAGE:
        raise DataError(f"{place}: Usage {usage[:20]!r}; it is {', '.join(FER2013_SPLITS)}, fix the row")
    return SPLIT_OF_USAGE[usage.lower()]


def read_header(path: Path, kind: str) -> list[str]:
    """The names of the columns of the CSV file at `path`, in lower case. Raises DataError, which calls it `kind`."""
    with _open(path, kind) as (header, _):
        return header


def read_rows(path: Path, kind: str, columns: Sequence[str], expected: str) -> Iterator[tuple[str, list[str]]]:
    """(place, values of `columns`) for each row of the CSV file at `path`; the place names `kind`, file and line.

    `columns` are in lower case, the file's may be in any. Raises DataError; for a missing column it says what is
    `expected`.
    """
    with _open(path, kind) as (header, lines):
        missing = [name for name in columns if name not in header]
        if missing and (what := known_other(read_head(path))):
            raise DataError(f"{kind} {path}: is not CSV, but {what}")
        if missing:
            raise DataError(
                f"{kind} {path}: no column {', '.join(missing)} in its first line, which is "
                f"{','.join(header)[:60]!r}; {expected}"
            )
        positions = tuple(header.index(name) for name in columns)
        for values in filter(any, lines):  # spreadsheets end with rows of empty cells
            place = f"{kind} {path}, line {lines.line_num}"
            if len(values) <= max(positions):
                raise DataError(
                    f"{place}: {len(values)} columns where the header has {max(positions) + 1} or more; "
                    "the file is cut off or edited, download it again"
                )
            yield place, [values[position].strip() for position in positions]


def _encoding(path: Path) -> str:
    """UTF-16, if the file begins as spreadsheets begin what they call Unicode text; else UTF-8. Raises OSError."""
    return "utf-16" if read_head(path, 2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


@contextmanager
def _open(path: Path, kind: str) -> Iterator[tuple[list[str], Any]]:
    """The names of the columns in lower case, and a csv.reader after them. What fails in the block is a DataError."""
    line = 1
    try:
        with path.open(encoding=_encoding(path), errors="replace", newline="") as file:
            first = file.readline()
            file.seek(0)
            lines = csv.reader(file, delimiter=max(DELIMITERS, key=first.count))
            if first.lower().startswith("sep="):  # a spreadsheet's own line
                next(lines)
            header = [name.strip().lower() for name in next(lines, [])]
            if not header:
                raise DataError(f"{kind} {path}: the file is empty; unpack or download it again")
            try:
                yield header, lines
            finally:
                line = lines.line_num
    except OSError as cause:
        raise DataError(f"{kind} {path}: cannot be read ({cause.strerror}); check the path and its rights") from None
    except csv.Error as cause:
        raise DataError(f"{kind} {path}, line {line}: not CSV ({cause}); unpack or download it again") from None
