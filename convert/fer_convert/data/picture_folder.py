"""Faces from folders of pictures: folder/<class>/*.jpg, or folder/<split>/<class>/*.jpg."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from fer_edge import preprocess
from fer_edge.classifiers.labels import find_label, folded, match_labels
from fer_edge.errors import DataError, SourceError, counted
from fer_edge.sources.folder import listed, why_left_out
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.picture import read_frame
from fer_edge.types import EMOTIONS, Pixels

from fer_convert.data.faces import SPLITS, Dataset, Faces, hold_out
from fer_convert.messages import warn


def read_folder(folder: Path, size: tuple[int, int]) -> Dataset:
    """The pictures in `folder`, resized to `size` (height, width). Raises DataError.

    A picture that cannot be read is skipped with a warning.
    """
    roots = _split_folders(folder) or {"": folder}
    found = {name: _subfolders(root) for name, root in roots.items()}
    classes = _classes(found, folder)
    digest = hashlib.sha256()
    splits = {name: _read_split(folder, roots[name], classes, found[name], size, digest) for name in roots}
    if "" in splits:
        splits = hold_out(splits[""], classes, str(folder / "{}"))
    return Dataset(folder.resolve().name, digest.hexdigest(), classes, splits)


def pictures_below(folder: Path) -> list[Path]:
    """Every picture below `folder`, sorted, by what it is and not by its name; what is left out is named in a warning.

    Hidden files are none. Raises DataError if a folder cannot be read.
    """
    try:
        entries = sorted(Path(root, name) for root, _, names in os.walk(folder, onerror=_refuse) for name in names)
    except OSError as cause:
        raise DataError(f"data {cause.filename or folder}: cannot be read ({cause.strerror}); check the path") from None
    reasons = {path: why_left_out(path) for path in entries if not path.name.startswith(".")}
    if others := [f"{path.relative_to(folder)} ({reason})" for path, reason in reasons.items() if reason]:
        warn(f"left out: {counted(len(others), 'file')} of {folder}: {listed(others)}")
    return [path for path, reason in reasons.items() if not reason]


def _refuse(error: OSError) -> None:
    raise error


def _split_folders(folder: Path) -> dict[str, Path]:
    """The subfolders that are named as splits, in the order of SPLITS; others beside them are skipped, with a warning.

    Empty if none is. Raises DataError if two are the same split.
    """
    entries = _subfolders(folder)
    by_name = {entry.name.lower(): entry for entry in entries}
    splits = [by_name[name.lower()] for name in SPLITS if name.lower() in by_name]
    for entry in entries if splits else ():
        if by_name[entry.name.lower()] != entry:
            raise DataError(f"data {entry}: the same split as {by_name[entry.name.lower()].name}; use one of them")
        if entry not in splits:
            warn(f"left out: {entry}: no split by its name ({', '.join(SPLITS)}), but beside {splits[0].name}")
    return {entry.name: entry for entry in splits}


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as cause:
        raise DataError(f"data {folder}: cannot be read ({cause.strerror}); check its rights") from None


def _classes(found: Mapping[str, Sequence[Path]], folder: Path) -> tuple[str, ...]:
    """The names of the classes whose folders are `found`, by split: as the first split that has a class calls it.

    Raises DataError if there are not two, or if two folders of a split have the same name in another case.
    """
    names: list[str] = []
    for folders in found.values():
        by_name: dict[str, Path] = {}
        for entry in folders:
            other = by_name.setdefault(folded(entry.name), entry)
            if other is not entry:
                raise DataError(f"data {entry}: the same class as {other.name}; put the pictures into one of them")
        names += [entry.name for entry in folders if find_label(entry.name, names) is None]
    if len(names) < 2:
        raise DataError(
            f"data {folder}: {len(names)} class folders; put the pictures of each class into a folder of its own, "
            "folder/<class>/*.jpg, two classes or more"
        )
    # FER2013's own classes keep FER2013's order, so that its models and cards fit.
    places = match_labels(names, EMOTIONS)
    return tuple(sorted(names)) if places is None else tuple(names[place] for place in places)


def _read_split(
    folder: Path,
    root: Path,
    classes: tuple[str, ...],
    found: Sequence[Path],
    size: tuple[int, int],
    digest: hashlib._Hash,
) -> Faces:
    """The faces in the class folders `found` in `root`, part of the data set `folder`, whose `digest` is updated."""
    folder_of = {find_label(entry.name, classes): entry for entry in found}
    pixels: list[Pixels] = []
    labels: list[int] = []
    names: list[str] = []
    for label, name in enumerate(classes):
        count_before = len(labels)
        for path in pictures_below(folder_of[name]) if name in folder_of else ():
            try:
                content, picture = path.read_bytes(), read_frame(path, 0, SourceOptions().max_pixels).grey
            except (SourceError, OSError) as cause:
                # One bad picture among thousands is no reason to stop; it is named, so that it can be fixed.
                warn(f"left out: {cause}")
                continue
            digest.update(os.fsencode(path.relative_to(folder)) + b"\0" + hashlib.sha256(content).digest())
            pixels.append(preprocess.resize(picture, size))
            labels.append(label)
            names.append(path.relative_to(folder).as_posix())
        if len(labels) == count_before:
            raise DataError(
                f"data {root / name}: no picture that can be read; add some, or remove the class from every split"
            )
    return Faces(np.stack(pixels), np.array(labels, np.int64), tuple(names))
