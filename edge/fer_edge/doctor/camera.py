"""The camera: found, free, giving pictures, and pictures bright and sharp enough to find a face in."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import cv2
import numpy as np

from fer_edge.doctor.finding import Context, Finding, of_error
from fer_edge.errors import SourceError
from fer_edge.settings import SourceSettings
from fer_edge.sources import Choice, choose, open_choice
from fer_edge.sources.options import source_options
from fer_edge.types import Pixels

CHECKED_FRAMES = 15  # the first ones are dark while the exposure settles
# Mean grey level, 0 to 255. Below MIN no face is found; below DIM predictions get worse.
MIN_BRIGHTNESS, DIM_BRIGHTNESS, MAX_BRIGHTNESS = 40, 70, 215
SHARPNESS_WIDTH_PX = 320  # pictures are compared at this width
MIN_SHARPNESS = 15.0  # variance of the Laplacian at that width


def check(context: Context) -> Iterator[Finding]:
    """Open the camera that the settings name, unless the service is using it."""
    settings = context.settings.source
    try:
        choice = choose(settings.name)
    except SourceError as error:
        yield of_error("camera", error)
        return
    if choice.kind == "demo":
        yield _no_camera(context, choice.why)
        return
    if not choice.source_class.live:
        yield Finding("camera", "ok", f"not needed: {choice.why}")
        return
    yield Finding("camera", "ok", choice.why)
    if context.ask("systemctl", "is-active", "fer-edge").strip() == "active":
        words = "not checked: the fer-edge service is using the camera; stop it first: sudo systemctl stop fer-edge"
        yield Finding("pictures", "ok", words)
        return
    yield from _pictures(settings, choice)


def _no_camera(context: Context, why: str) -> Finding:
    if context.settings.source.name == "demo":
        return Finding("camera", "ok", "not needed: source.name is demo")
    words = f"none found, so `auto` would show the demo ({why.partition('because ')[2]})"
    cure = "rpicam-hello --list-cameras"
    if not context.ask("rpicam-hello", "--version"):  # on other machines than a Raspberry Pi
        words, cure = f"{words}; attach one, or name a source in the settings", ""
    return Finding("camera", "warning", words, cure)


def _pictures(settings: SourceSettings, choice: Choice) -> Iterator[Finding]:
    try:
        with closing(open_choice(choice, source_options(settings))) as source:
            start = time.monotonic()
            greys = [frame.grey for frame in itertools.islice(source, CHECKED_FRAMES)]
            seconds = time.monotonic() - start
    except SourceError as error:
        finding = of_error("pictures", error)
        yield replace(finding, cure=holder_cure(str(error)) or finding.cure)
        return
    yield Finding("pictures", "ok", f"{len(greys)} in {seconds:.1f} s, {greys[-1].shape[1]} x {greys[-1].shape[0]}")
    yield from quality(greys)


def holder_cure(message: str) -> str:
    """The command that shows or ends the program that uses the camera; "" if `message` names none."""
    if found := re.search(r"in use by .*\(pid (\d+)\)", message):
        return f"sudo kill {found[1]}"
    return "sudo fuser -v /dev/video* /dev/media*" if "in use" in message else ""


def quality(greys: Sequence[Pixels]) -> Iterator[Finding]:
    """Brightness, sharpness and movement of pictures (height, width) uint8, oldest first; only numbers are reported."""
    last = greys[-1]
    yield _brightness(float(last.mean()))
    yield _sharpness(sharpness(last))
    if len(greys) > 1 and all(np.array_equal(last, grey) for grey in greys):
        words = "every picture is identical to the last bit: the camera or its driver is frozen"
        yield Finding("movement", "failure", words, "sudo reboot")


def _brightness(mean: float) -> Finding:
    words = f"mean {mean:.0f} of 255"
    if mean < MIN_BRIGHTNESS:
        return Finding("brightness", "failure", f"{words}: too dark to find faces; take off the lens cap or add light")
    if mean < DIM_BRIGHTNESS:
        return Finding("brightness", "warning", f"{words}: dim, which makes predictions worse; add light")
    if mean > MAX_BRIGHTNESS:
        words += ": overexposed; turn the camera away from the window or lamp"
        return Finding("brightness", "warning", words)
    return Finding("brightness", "ok", words)


def _sharpness(value: float) -> Finding:
    if value < MIN_SHARPNESS:
        words = f"{value:.0f}: blurred, or the camera sees a bare wall; clean and focus the lens"
        return Finding("sharpness", "warning", words)
    return Finding("sharpness", "ok", f"{value:.0f} (blurred below {MIN_SHARPNESS:.0f})")


def sharpness(grey: Pixels) -> float:
    """Variance of the Laplacian of `grey`, resized to one width so that cameras can be compared."""
    height = max(round(grey.shape[0] * SHARPNESS_WIDTH_PX / grey.shape[1]), 1)
    small = cv2.resize(grey, (SHARPNESS_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_64F).var())
