"""Labelled faces in memory: a data set, its splits, and the arrays that networks take."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from fer_edge import preprocess
from fer_edge.classifiers.labels import match_labels
from fer_edge.errors import DataError
from numpy.typing import NDArray

FER2013_SIDE_PX = 48  # height and width of a face in fer2013.csv
VALIDATION_SHARE = 0.2  # of each class, held out if the data come without splits
# Names of splits, in any case; of several for one purpose the first that is there is used.
TRAINING_SPLITS = ("Training", "train")
VALIDATION_SPLITS = ("PublicTest", "validation", "valid", "val", "dev", "eval", "test", "testing")
SPLITS = (*TRAINING_SPLITS, *VALIDATION_SPLITS, "PrivateTest")


@dataclass(frozen=True)
class Faces:
    """One split: n faces of one size, and the class of each."""

    pixels: NDArray[np.uint8]  # (n, height, width) grey
    labels: NDArray[np.int64]  # (n,) index into the data set's classes
    names: tuple[str, ...] = ()  # (n,) of pictures, their paths below the data's folder, parted by /; none of a CSV

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Faces:
        """Some of them: a mask (n,), or indices."""
        names = tuple(self.names[i] for i in np.arange(len(self))[rows]) if self.names else ()
        return Faces(self.pixels[rows], self.labels[rows], names)


@dataclass(frozen=True)
class Dataset:
    """A data set: its classes in the order of the labels, and its splits by name."""

    name: str  # of the file or folder, without the path to it
    sha256: str  # of the CSV's bytes, or of every picture's path and bytes in a folder
    classes: tuple[str, ...]
    splits: Mapping[str, Faces]

    def with_classes(self, labels: tuple[str, ...], whose: str) -> Dataset:
        """The same faces with the classes called and ordered as `labels`, matched by their names, never by their place.

        Raises DataError, which says `whose` labels they are, unless each class is one of them.
        """
        places = match_labels(self.classes, labels)
        if places is None:
            raise DataError(
                f"data {self.name}: its classes are {', '.join(self.classes)}, the labels of {whose} are "
                f"{', '.join(labels)}; give data with the same classes"
            )
        new = np.argsort(places)
        splits = {name: replace(faces, labels=new[faces.labels]) for name, faces in self.splits.items()}
        return replace(self, classes=tuple(labels), splits=splits)

    def training(self) -> tuple[str, Faces]:
        """Name and faces of the split to train on. Raises DataError if there is none."""
        return self._first(TRAINING_SPLITS, "to train on")

    def validation(self, split: str | None = None) -> tuple[str, Faces]:
        """Name and faces of `split`, or of the validation split. Raises DataError naming the splits that exist."""
        return self._first(VALIDATION_SPLITS if split is None else (split,), "to validate on")

    def seen_in_training(self, faces: Faces) -> NDArray[np.bool_]:
        """Which of `faces` (n,) are, to the pixel, in the training split too; hundreds of FER2013's are."""
        names = {name.lower() for name in TRAINING_SPLITS}
        training = [split for name, split in self.splits.items() if name.lower() in names]
        known = {_digest(face) for split in training for face in split.pixels}
        return np.array([_digest(face) in known for face in faces.pixels], bool)

    def _first(self, wanted: tuple[str, ...], purpose: str) -> tuple[str, Faces]:
        names = {name.lower(): name for name in self.splits}
        for name in wanted:
            if name.lower() in names:
                return names[name.lower()], self.splits[names[name.lower()]]
        raise DataError(
            f"data {self.name}: no split {' or '.join(wanted)} {purpose}; it has {', '.join(self.splits) or 'none'}"
        )


def _digest(face: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(face.tobytes()).digest()


def hold_out(faces: Faces, classes: tuple[str, ...], whose: str) -> dict[str, Faces]:
    """Training and validation: VALIDATION_SHARE of each class, at least one face. Raises DataError.

    The draw is always the same for the same faces, so that what is measured later was never trained on. `whose` is what
    a message calls the faces of a class, with {} for its name.
    """
    rng = np.random.default_rng(0)
    held_out = np.zeros(len(faces), bool)
    for label, name in enumerate(classes):
        rows = np.flatnonzero(faces.labels == label)
        if len(rows) == 1:
            raise DataError(
                f"data {whose.format(name)}: one picture; a class needs two, one to train on and one to validate"
            )
        held_out[rng.permutation(rows)[: max(1, round(len(rows) * VALIDATION_SHARE))]] = True
    return {"train": faces[~held_out], "validation": faces[held_out]}


def resize_faces(faces: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """`faces` (n, any height, any width) at `size` (height, width), each by `fer_edge.preprocess.resize`."""
    out = np.empty((len(faces), *size), np.uint8)
    for face, target in zip(faces, out, strict=True):
        preprocess.resize(face, size, out=target)
    return out


def network_input(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The input of a float network for `faces` (n, height, width): (n, height, width, 1), pixels 0 to 255."""
    return faces[..., None].astype(np.float32)
