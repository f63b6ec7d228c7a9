"""Faces to learn from: Kaggle's fer2013.csv, FER2013's picture folders, or folders of your own.

Three forms are told apart by what lies at the path:

    fer2013.csv                 columns emotion (0 to 6), pixels (2,304 values 0 to 255), Usage (Training, ...)
    folder/train/angry/1.jpg    splits, then classes; one folder named as a split, in any case, makes all of them splits
    folder/angry/1.jpg          classes alone: a fifth of each class is held out as `validation`, always the same

Whatever the form, a face is resized once, by `fer_edge.preprocess.resize`, which is what the device does with it.
"""

from __future__ import annotations

import csv
import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fer_edge import preprocess
from fer_edge.errors import DataError, SourceError
from fer_edge.sources.options import PICTURE_SUFFIXES, SourceOptions
from fer_edge.sources.picture import read_frame
from fer_edge.types import EMOTIONS, Pixels
from numpy.typing import NDArray

SIDE = 48  # of a face in fer2013.csv, pixels
COLUMNS = ("emotion", "pixels", "usage")
# Names of splits, in any case; of several for one purpose the first that is there is taken.
TRAINING = ("Training", "train")
VALIDATION = ("PublicTest", "validation", "valid", "val", "test")
SPLITS = (*TRAINING, *VALIDATION, "PrivateTest")
USAGES = {name.lower(): name for name in ("Training", "PublicTest", "PrivateTest")}  # in fer2013.csv
HELD_OUT = 0.2  # share of each class that validates, where folders come without splits
_VALUES = {str(value): value for value in range(256)}


@dataclass(frozen=True)
class Faces:
    """One split: n faces at one size, and what each shows."""

    pixels: NDArray[np.uint8]  # (n, height, width) grey
    labels: NDArray[np.int64]  # (n,) index into the data's classes

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Data:
    """A data set: its classes in the order of the labels, and its splits by name."""

    name: str  # the file's or folder's own name, without the path to it
    sha256: str  # of the CSV's bytes, or of every picture's path and bytes in a folder
    classes: tuple[str, ...]
    splits: Mapping[str, Faces]

    def training(self) -> tuple[str, Faces]:
        """Name and faces of the split to train on. Raises DataError where there is none."""
        return self._first(TRAINING, "to train on")

    def validation(self, split: str | None = None) -> tuple[str, Faces]:
        """Name and faces of `split`, or of the one that validates. Raises DataError naming those that are there."""
        return self._first(VALIDATION if split is None else (split,), "to validate on")

    def _first(self, wanted: tuple[str, ...], purpose: str) -> tuple[str, Faces]:
        there = {name.lower(): name for name in self.splits}
        for name in wanted:
            if name.lower() in there:
                return there[name.lower()], self.splits[there[name.lower()]]
        raise DataError(
            f"data {self.name}: no split {' or '.join(wanted)} {purpose}; it has {', '.join(self.splits) or 'none'}"
        )


def read(path: Path, size: tuple[int, int]) -> Data:
    """The data set at `path`, every face resized to `size` (height, width). Raises DataError."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"data {path}: no such file or folder; give Kaggle's fer2013.csv, or a folder of pictures"
        ) from None
    except OSError as cause:
        raise DataError(f"data {path}: cannot be read ({cause.strerror}); check the path and its rights") from None
    if stat.S_ISDIR(mode):
        return _read_folder(path, size)
    if path.suffix.lower() != ".csv":
        raise DataError(f"data {path}: not a .csv file and not a folder; give one of the two")
    return _read_csv(path, size)


def resized(faces: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """`faces` (n, height, width) at `size`, each by `fer_edge.preprocess.resize`."""
    out = np.empty((len(faces), *size), np.uint8)
    for face, target in zip(faces, out, strict=True):
        preprocess.resize(face, size, out=target)
    return out


def network_input(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a float network gets: (n, height, width, 1), each value the pixel, 0 to 255."""
    return faces[..., None].astype(np.float32)


# --- fer2013.csv ---


def _read_csv(path: Path, size: tuple[int, int]) -> Data:
    rows: dict[str, tuple[list[bytes], list[int]]] = {}
    for usage, label, pixels in _csv_rows(path):
        faces, labels = rows.setdefault(usage, ([], []))
        faces.append(pixels)
        labels.append(label)
    if not rows:
        raise DataError(f"data {path}: holds no face, only its header; unpack or download it again")
    splits = {}
    for usage, (faces, labels) in rows.items():
        native = np.frombuffer(b"".join(faces), np.uint8).reshape(-1, SIDE, SIDE)
        splits[usage] = Faces(resized(native, size), np.array(labels, np.int64))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Data(path.name, digest, EMOTIONS, splits)


def _csv_rows(path: Path) -> Iterator[tuple[str, int, bytes]]:
    """(usage, label, 2,304 pixels) of each row; every value is checked. Raises DataError naming file and row."""
    for place, (emotion, text, usage) in table(path, "data", COLUMNS, "Kaggle's file begins with emotion,pixels,Usage"):
        if emotion not in _VALUES or _VALUES[emotion] >= len(EMOTIONS):
            raise DataError(f"{place}: emotion {emotion[:20]!r}; FER2013's are 0 to {len(EMOTIONS) - 1}, mend the row")
        values = text.split()
        if len(values) != SIDE * SIDE:
            raise DataError(
                f"{place}: {len(values)} pixels where a face has {SIDE * SIDE} ({SIDE} x {SIDE}); "
                "the row is cut off, get the file again"
            )
        try:
            pixels = bytes(map(_VALUES.__getitem__, values))
        except KeyError as bad:
            raise DataError(
                f"{place}: pixel {str(bad)[:20]}; a pixel is a whole number 0 to 255, mend the row"
            ) from None
        yield split_of(usage, place), _VALUES[emotion], pixels


def split_of(usage: str, place: str) -> str:
    """The split that FER2013's column Usage names. Raises DataError at `place`, a line in words."""
    if usage.lower() not in USAGES:
        raise DataError(f"{place}: Usage {usage[:20]!r}; it is {', '.join(USAGES.values())}, mend the row")
    return USAGES[usage.lower()]


def table(path: Path, what: str, columns: Sequence[str], usual: str) -> Iterator[tuple[str, list[str]]]:
    """The line, in words, and the values of `columns`, for each row of the CSV file at `path`, called `what`.

    `columns` are in small letters, the file's in any. Raises DataError where one is missing, saying what is `usual`.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            lines = csv.reader(file)
            header = [name.strip().lower() for name in next(lines, [])]
            if not header:
                raise DataError(f"{what} {path}: the file is empty; unpack or download it again")
            missing = [name for name in columns if name not in header]
            if missing:
                raise DataError(
                    f"{what} {path}: no column {', '.join(missing)} in its first line, which is "
                    f"{','.join(header)[:60]!r}; {usual}"
                )
            where = tuple(header.index(name) for name in columns)
            for fields in filter(None, lines):
                place = f"{what} {path}, line {lines.line_num}"
                if len(fields) <= max(where):
                    raise DataError(
                        f"{place}: {len(fields)} columns where the header has {max(where) + 1} or more; "
                        "the file is cut off or edited, get it again"
                    )
                yield place, [fields[column].strip() for column in where]
    except OSError as cause:
        raise DataError(f"{what} {path}: cannot be read ({cause.strerror}); check the path and its rights") from None
    except csv.Error as cause:
        raise DataError(
            f"{what} {path}, line {lines.line_num}: not CSV ({cause}); unpack or download it again"
        ) from None


# --- folders of pictures ---


def _read_folder(folder: Path, size: tuple[int, int]) -> Data:
    roots = _splits(folder) or {"": folder}
    classes = _classes({entry.name for root in roots.values() for entry in _folders(root)}, folder)
    digest = hashlib.sha256()
    splits = {name: _read_split(folder, root, classes, size, digest) for name, root in roots.items()}
    if "" in splits:
        splits = _hold_out(splits[""], classes, folder)
    return Data(folder.resolve().name, digest.hexdigest(), classes, splits)


def _splits(folder: Path) -> dict[str, Path]:
    """The folders that are named as splits, in the order of SPLITS; others beside them are reported and left out."""
    entries = _folders(folder)
    inside = {entry.name.lower(): entry for entry in entries}
    named = [inside[name.lower()] for name in SPLITS if name.lower() in inside]
    for entry in entries if named else ():
        if inside[entry.name.lower()] != entry:
            raise DataError(f"data {entry}: the same split as {inside[entry.name.lower()].name}; use one of them")
        if entry not in named:
            why = f"no split by its name ({', '.join(SPLITS)}), but beside {named[0].name}"
            sys.stderr.write(f"fer-convert: left out: {entry}: {why}\n")
    return {entry.name: entry for entry in named}


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as cause:
        raise DataError(f"data {folder}: cannot be read ({cause.strerror}); check its rights") from None


def _classes(found: set[str], folder: Path) -> tuple[str, ...]:
    if len(found) < 2:
        raise DataError(
            f"data {folder}: {len(found)} class folders; put the pictures of each class into a folder of its own, "
            "folder/<class>/*.jpg, two classes or more"
        )
    # FER2013's own classes keep FER2013's order, so that its models and cards fit.
    return EMOTIONS if found == set(EMOTIONS) else tuple(sorted(found))


def _read_split(
    folder: Path, root: Path, classes: tuple[str, ...], size: tuple[int, int], digest: hashlib._Hash
) -> Faces:
    pixels: list[Pixels] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        before = len(labels)
        for path in sorted((root / name).rglob("*")):
            if path.suffix.lower() not in PICTURE_SUFFIXES:
                continue
            try:
                if not path.is_file():
                    continue
                content, picture = path.read_bytes(), read_frame(path, 0, SourceOptions().max_pixels).grey
            except (SourceError, OSError) as cause:
                # One bad picture among thousands is no reason to stop; it is named, so that it can be mended.
                sys.stderr.write(f"fer-convert: left out: {cause}\n")
                continue
            digest.update(os.fsencode(path.relative_to(folder)) + b"\0" + hashlib.sha256(content).digest())
            pixels.append(preprocess.resize(picture, size))
            labels.append(label)
        if len(labels) == before:
            raise DataError(
                f"data {root / name}: no picture ({', '.join(PICTURE_SUFFIXES)}) that can be read; "
                "add some, or remove the class from every split"
            )
    return Faces(np.stack(pixels), np.array(labels, np.int64))


def _hold_out(faces: Faces, classes: tuple[str, ...], folder: Path) -> dict[str, Faces]:
    """Training and validation: HELD_OUT of each class, at least one face.

    The draw is always the same for the same pictures, so what is measured later was never trained on.
    """
    rng = np.random.default_rng(0)
    held = np.zeros(len(faces), bool)
    for label, name in enumerate(classes):
        rows = np.flatnonzero(faces.labels == label)
        if len(rows) < 2:
            raise DataError(
                f"data {folder / name}: one picture; a class needs two, one to train on and one to validate"
            )
        held[rng.permutation(rows)[: max(1, round(len(rows) * HELD_OUT))]] = True
    return {
        "train": Faces(faces.pixels[~held], faces.labels[~held]),
        "validation": Faces(faces.pixels[held], faces.labels[held]),
    }
