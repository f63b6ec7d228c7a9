"""Kaggle's fer2013.csv, and the rows of any CSV file that has a line for each of its faces."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fer_edge.errors import DataError
from fer_edge.types import EMOTIONS

from fer_convert import files
from fer_convert.data.faces import FER2013_SIDE_PX as SIDE
from fer_convert.data.faces import Dataset, Faces, resize_faces

FER2013_COLUMNS = ("emotion", "pixels", "usage")
SPLIT_OF_USAGE = {name.lower(): name for name in ("Training", "PublicTest", "PrivateTest")}
_PIXEL_VALUES = {str(value): value for value in range(256)}


def read_csv(path: Path, size: tuple[int, int]) -> Dataset:
    """The faces of the fer2013.csv at `path`, resized to `size` (height, width). Raises DataError."""
    columns: dict[str, tuple[list[bytes], list[int]]] = {}
    for split, label, pixels in _face_rows(path):
        faces, labels = columns.setdefault(split, ([], []))
        faces.append(pixels)
        labels.append(label)
    if not columns:
        raise DataError(f"data {path}: holds no face, only its header; unpack or download it again")
    splits = {}
    for split, (faces, labels) in columns.items():
        native = np.frombuffer(b"".join(faces), np.uint8).reshape(-1, SIDE, SIDE)
        splits[split] = Faces(resize_faces(native, size), np.array(labels, np.int64))
    return Dataset(path.name, files.sha256(path), EMOTIONS, splits)


def _face_rows(path: Path) -> Iterator[tuple[str, int, bytes]]:
    """(split, label, 2,304 pixels) of each row; every value is checked. Raises DataError naming file and line."""
    rows = read_rows(path, "data", FER2013_COLUMNS, "Kaggle's file begins with emotion,pixels,Usage")
    for place, (emotion, text, usage) in rows:
        if emotion not in _PIXEL_VALUES or _PIXEL_VALUES[emotion] >= len(EMOTIONS):
            raise DataError(f"{place}: emotion {emotion[:20]!r}; FER2013's are 0 to {len(EMOTIONS) - 1}, fix the row")
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
        yield split_of_usage(usage, place), _PIXEL_VALUES[emotion], pixels


def split_of_usage(usage: str, place: str) -> str:
    """The split that a value of FER2013's column Usage names. Raises DataError naming `place`, the file and line."""
    if usage.lower() not in SPLIT_OF_USAGE:
        raise DataError(f"{place}: Usage {usage[:20]!r}; it is {', '.join(SPLIT_OF_USAGE.values())}, fix the row")
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
        if missing:
            raise DataError(
                f"{kind} {path}: no column {', '.join(missing)} in its first line, which is "
                f"{','.join(header)[:60]!r}; {expected}"
            )
        positions = tuple(header.index(name) for name in columns)
        for values in filter(None, lines):
            place = f"{kind} {path}, line {lines.line_num}"
            if len(values) <= max(positions):
                raise DataError(
                    f"{place}: {len(values)} columns where the header has {max(positions) + 1} or more; "
                    "the file is cut off or edited, download it again"
                )
            yield place, [values[position].strip() for position in positions]


@contextmanager
def _open(path: Path, kind: str) -> Iterator[tuple[list[str], Any]]:
    """The names of the columns in lower case, and a csv.reader after them. What fails in the block is a DataError."""
    line = 1
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            lines = csv.reader(file)
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
