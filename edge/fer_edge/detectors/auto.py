"""`detector.name = "auto"`: the best detector that is installed here and can be loaded, else Haar's cascades."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from fer_edge.detectors import AUTO, DETECTORS
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.files import CATALOGUE, DetectorFile, folders
from fer_edge.errors import SettingsError, one_line
from fer_edge.lookup import lookup
from fer_edge.settings import DetectorSettings

_log = logging.getLogger(__name__)

ORDER = ("blazeface", "yunet", "blazeface-short")  # names in the CATALOGUE, by recall in drawn scenes
ALWAYS = "haar"  # needs no file; the fake detector is never taken
SUFFIXES = {".tflite": "blazeface", ".onnx": "yunet"}  # of `detector.model` -> the detector that it is for


class DetectorChoice(NamedTuple):
    """A detector, and why it was taken."""

    name: str  # in the CATALOGUE, or in DETECTORS
    settings: DetectorSettings  # with its name and its file in place of "auto"
    why: str  # in words, with the name

    @property
    def path(self) -> str:
        """Its file; "" if it needs none."""
        return self.settings.model if self.settings.name in SUFFIXES.values() else ""


def choose_detector(settings: DetectorSettings, report: Callable[[str], None] = _log.warning) -> DetectorChoice:
    """The detector that `settings` name; for "auto", `report` gets a line for each installed file that cannot be used.

    A detector that is named, or whose file is, is not tried here. Raises SettingsError if "auto" cannot tell which
    detector `settings.model` is for.
    """
    if settings.name != AUTO:
        return DetectorChoice(settings.name, settings, f"{settings.name}, as asked for")
    if settings.model:
        name = _detector_for(settings.model)
        why = f"{name}, because detector.model ends in {Path(settings.model).suffix}"
        return DetectorChoice(name, replace(settings, name=name), why)
    failures: list[tuple[str, str]] = []
    choice = _best(settings, failures)
    for name, failure in failures:
        # Of the same detector another folder may hold a file that works.
        report(f"{failure}; {choice.path if name == choice.name else choice.name} is used instead")
    return choice


def _detector_for(model: str) -> str:
    try:
        return SUFFIXES[Path(model).suffix.lower()]
    except KeyError:
        known = " or ".join(f"{suffix} ({name})" for suffix, name in SUFFIXES.items())
        raise SettingsError(
            f"detector.model = {model!r}: cannot be told apart, since it does not end in {known}; set detector.name to "
            "the detector that it is for"
        ) from None


def _best(settings: DetectorSettings, failures: list[tuple[str, str]]) -> DetectorChoice:
    """The first in ORDER that is installed and works; names of others, and why not they, are appended to `failures`."""
    by_name = {entry.name: entry for entry in CATALOGUE}
    for entry in (by_name[name] for name in ORDER):
        for path in installed_files(entry):
            chosen = replace(settings, name=entry.detector, model=str(path))
            failure = why_not(entry, path, chosen)
            if not failure:
                words = "the best one that works" if failures else "the best one installed"
                return DetectorChoice(entry.name, chosen, f"{entry.name}, {words}")
            failures.append((entry.name, failure))
    words = "none of those installed works" if failures else "no other is installed"
    return DetectorChoice(ALWAYS, replace(settings, name=ALWAYS), f"{ALWAYS}, because {words}")


def installed_files(entry: DetectorFile) -> Iterator[Path]:
    """The files of `entry` in all folders, whole or not."""
    for folder in folders():
        path = folder / entry.file
        try:
            path.stat()
        except OSError:  # not there, or the folder is closed to this user
            continue
        yield path


def why_not(entry: DetectorFile, path: Path, settings: DetectorSettings) -> str:
    """Why the file at `path` cannot be used, in words; "" if it can."""
    fix = f"install it again with: fer-edge detectors install {entry.name}"
    try:
        with path.open("rb") as file:
            content = file.read(entry.bytes + 1)
    except OSError as cause:
        return f"detector {entry.name}: {path}: {cause.strerror}; {fix}"
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        return f"detector {entry.name}: {path}: damaged, its sha256 is not that of {entry.file}; {fix}"
    try:
        lookup(DETECTORS, entry.detector, "detector")(settings, FaceVerifier(), True)
    except Exception as cause:  # noqa: BLE001 - whatever fails in it or in its runtime, another one works
        return one_line(f"detector {entry.name}", cause)
    return ""
