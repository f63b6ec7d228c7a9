"""Cut the faces out of photos, as the device would: the same detector, framing and upright turn.

    fer-convert crop photos/ --out faces/

A network that learns from photos whole, or from faces framed in another way, sees something else on the device. Folders
are kept: photos/happy/1.jpg becomes faces/happy/1.png, in grey, at the size that the face has in the photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
from fer_edge import preprocess
from fer_edge.build import make_detector
from fer_edge.errors import DataError, SourceError, counted
from fer_edge.settings import DetectorSettings
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.picture import read_frame
from fer_edge.types import Box, Detector, Pixels

from fer_convert import files
from fer_convert.data.picture_folder import pictures_below
from fer_convert.messages import Log, warn

MAX_SIDE_PX = 512  # of a written face; networks take far less
PROGRESS_PHOTOS = 100  # between two lines of progress


@dataclass
class Count:
    """What became of the photos."""

    faces: int = 0
    empty: int = 0  # photos without a face
    crowded: int = 0  # photos with more than one, of which the largest was taken
    unreadable: int = 0


def crop_photos(photos: Path, out: Path, log: Log = print) -> Count:
    """Write the largest face of each photo below `photos` to `out`, in the same folders.

    Raises DataError, ModelError, SinkError.
    """
    paths = _photos(photos)
    if out.resolve().is_relative_to(photos.resolve()):
        raise DataError(f"--out {out}: lies in {photos}, so its faces would be cut again; choose another folder")
    detector = make_detector(DetectorSettings(), still=True)
    found, goals = Count(), _goals(paths, photos, out)
    for number, (path, goal) in enumerate(zip(paths, goals, strict=True), 1):
        _crop_photo(path, goal, detector, found)
        if number % PROGRESS_PHOTOS == 0:
            log(f"{number:,} of {len(paths):,} photos, {counted(found.faces, 'face')}")
    if not found.faces:
        raise DataError(f"data {photos}: no face found in {counted(len(paths), 'photo')}; are they photos of faces?")
    log(
        f"wrote {counted(found.faces, 'face')} of {counted(len(paths), 'photo')} to {out}; {found.empty:,} without a "
        f"face, {found.unreadable:,} not readable, in {found.crowded:,} of several faces the largest was taken"
    )
    return found


def _photos(folder: Path) -> list[Path]:
    """Every picture below `folder`, sorted. Raises DataError."""
    paths = pictures_below(folder)
    if not paths:
        raise DataError(f"data {folder}: no picture in it; give a folder of photos")
    return paths


def _goals(paths: list[Path], photos: Path, out: Path) -> list[Path]:
    """Where the face of each photo is written; 1.jpg and 1.png beside each other keep their suffixes."""
    stems: dict[Path, int] = {}
    for path in paths:
        stems[path.with_suffix("")] = stems.get(path.with_suffix(""), 0) + 1
    return [
        out / path.relative_to(photos).with_name(f"{path.stem if stems[path.with_suffix('')] == 1 else path.name}.png")
        for path in paths
    ]


def _crop_photo(path: Path, goal: Path, detector: Detector, found: Count) -> None:
    """Write the largest face of the photo at `path` to `goal`, and count it."""
    try:
        frame = read_frame(path, 0, SourceOptions().max_pixels)
    except SourceError as cause:
        warn(f"left out: {cause}")
        found.unreadable += 1
        return
    boxes = detector.detect(frame)
    if not boxes:
        warn(f"left out: {path}: no face found")
        found.empty += 1
        return
    found.crowded += len(boxes) > 1
    box = max(boxes, key=lambda box: box.width * box.height)
    files.make_folder(goal.parent, "--out")
    with files.atomic(goal) as temporary:
        temporary.write_bytes(_png(frame.grey, box))
    found.faces += 1


def _png(grey: Pixels, box: Box) -> bytes:
    side = min(max(box.width, box.height), MAX_SIDE_PX)
    return cv2.imencode(".png", preprocess.face_pixels(grey, box, (side, side)))[1].tobytes()
