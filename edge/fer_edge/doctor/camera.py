"""The camera: there, free, giving pictures, and those bright and sharp enough to find a face in."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import cv2
import numpy as np

from fer_edge.doctor.finding import Finding, Place, of_error
from fer_edge.errors import SourceError
from fer_edge.settings import SourceSettings
from fer_edge.sources import Choice, SourceOptions, choose, open_choice
from fer_edge.types import Pixels

FRAMES = 15  # looked at; the first ones are dark while the exposure settles
DARK, GLARING = 40, 215  # mean brightness, 0 to 255
DIM = 70  # from here down models read worse
BLURRED = 15.0  # variance of the Laplacian of the picture at 320 pixels' width


def look(place: Place) -> Iterator[Finding]:
    """Opens the camera that the settings name, unless the service has it."""
    settings = place.settings.source
    try:
        choice = choose(settings.name)
    except SourceError as error:
        yield of_error("camera", error)
        return
    if choice.kind == "demo":
        yield _none(settings.name, choice.why)
        return
    if not choice.source_class.live:
        yield Finding("camera", "ok", f"none is asked for: {choice.why}")
        return
    yield Finding("camera", "ok", choice.why)
    if place.ask("systemctl", "is-active", "fer-edge").strip() == "active":
        yield Finding("pictures", "ok", "fer-edge itself has the camera; to look at them: sudo systemctl stop fer-edge")
        return
    yield from _pictures(settings, choice)


def _none(name: str, why: str) -> Finding:
    if name == "demo":
        return Finding("camera", "ok", "none is asked for: source.name is demo")
    words = f"none found, so the demo would be read ({why.partition('because ')[2]})"
    return Finding("camera", "warning", words, "rpicam-hello --list-cameras")


def _pictures(settings: SourceSettings, choice: Choice) -> Iterator[Finding]:
    options = SourceOptions((settings.width, settings.height), settings.fps, settings.timeout_seconds)
    try:
        with closing(open_choice(choice, options)) as source:
            begun = time.monotonic()
            greys = [frame.grey for frame in itertools.islice(source, FRAMES)]
            seconds = time.monotonic() - begun
    except SourceError as error:
        finding = of_error("pictures", error)
        yield replace(finding, cure=holder_cure(str(error)) or finding.cure)
        return
    yield Finding("pictures", "ok", f"{len(greys)} in {seconds:.1f} s, {greys[-1].shape[1]} x {greys[-1].shape[0]}")
    yield from quality(greys)


def holder_cure(message: str) -> str:
    """The command that shows or ends who holds the camera."""
    if found := re.search(r"in use by .*\(pid (\d+)\)", message):
        return f"sudo kill {found[1]}"
    return "sudo fuser -v /dev/video* /dev/media*" if "in use" in message else ""


def quality(greys: Sequence[Pixels]) -> Iterator[Finding]:
    """What pictures (height, width) uint8, oldest first, are like; only numbers leave this function."""
    last = greys[-1]
    bright = float(last.mean())
    words = f"mean {bright:.0f} of 255"
    if bright < DARK:
        yield Finding("brightness", "failure", f"{words}: too dark to find faces; take off the lens cap, or add light")
    elif bright < DIM:
        yield Finding("brightness", "warning", f"{words}: dim; expressions are read worse, so add light")
    elif bright > GLARING:
        yield Finding("brightness", "warning", f"{words}: glaring; turn the camera away from the window or lamp")
    else:
        yield Finding("brightness", "ok", words)
    sharp = sharpness(last)
    if sharp < BLURRED:
        yield Finding("sharpness", "warning", f"{sharp:.0f}: blurred, or a bare wall; clean and focus the lens")
    else:
        yield Finding("sharpness", "ok", f"{sharp:.0f} (blurred below {BLURRED:.0f})")
    if len(greys) > 1 and all(np.array_equal(last, grey) for grey in greys):
        frozen = "every picture is the same to the last bit: the camera or its driver is frozen"
        yield Finding("movement", "failure", frozen, "sudo reboot")


def sharpness(grey: Pixels) -> float:
    """Variance of the Laplacian, on a picture of 320 pixels' width so that cameras compare."""
    height = max(round(grey.shape[0] * 320 / grey.shape[1]), 1)
    small = cv2.resize(grey, (320, height), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_64F).var())
