"""Cameras that are missing, taken, silent, dark, blurred or frozen; and pictures that are fine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge.demo import PORTRAIT as PORTRAIT_FILE
from fer_edge.doctor import camera
from fer_edge.doctor.finding import Context, Finding
from fer_edge.errors import SourceError
from fer_edge.sources import Choice
from fer_edge.types import Frame, Pixels

PORTRAIT = cv2.imread(str(PORTRAIT_FILE), cv2.IMREAD_GRAYSCALE)
Make = Callable[..., Context]


def noisy(grey: Pixels) -> list[Pixels]:
    """Pictures of a sensor: each a little different."""
    other = grey.copy()
    other[0, 0] ^= 1
    return [other, grey]


def levels(findings: Iterator[Finding]) -> dict[str, str]:
    return {finding.name: finding.level for finding in findings}


@pytest.mark.parametrize(
    ("picture", "brightness", "sharpness"),
    [
        (PORTRAIT, "ok", "ok"),
        (PORTRAIT // 2, "warning", "ok"),
        (PORTRAIT // 8, "failure", "ok"),
        (255 - PORTRAIT // 20, "warning", "warning"),
        (cv2.GaussianBlur(PORTRAIT, (0, 0), 12), "ok", "warning"),
    ],
)
def test_brightness_and_sharpness(picture: Pixels, brightness: str, sharpness: str) -> None:
    found = levels(camera.quality(noisy(picture.astype(np.uint8))))
    assert found["brightness"] == brightness
    if brightness != "failure":
        assert found["sharpness"] == sharpness
    assert "movement" not in found


def test_identical_pictures_are_a_failure() -> None:
    """A camera that gives identical pictures is frozen."""
    assert levels(camera.quality([PORTRAIT, PORTRAIT.copy()]))["movement"] == "failure"


class Fake:
    """A camera with these pictures, or an error."""

    def __init__(
        self, make_frame: Callable[..., Frame], pictures: list[Pixels], error: Exception | None = None
    ) -> None:
        self._make, self._pictures, self._error, self.closed = make_frame, pictures, error, False

    def __iter__(self) -> Iterator[Frame]:
        for number, grey in enumerate(self._pictures):
            yield self._make(number, grey)
        if self._error:
            raise self._error

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def attach(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    def give(source: Any) -> None:
        monkeypatch.setattr(camera, "choose", lambda name: Choice("camera", "0", "camera:0, as asked for"))
        monkeypatch.setattr(camera, "open_choice", lambda choice, options: source)

    return give


def test_a_camera_that_works(attach: Callable[[Any], None], make_frame: Any, make_context: Make) -> None:
    source = Fake(make_frame, noisy(PORTRAIT))
    attach(source)
    found = levels(camera.check(make_context()))
    assert found == {"camera": "ok", "pictures": "ok", "brightness": "ok", "sharpness": "ok"}
    assert source.closed


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        ("camera:0: does not start: it is in use by motion (pid 123); stop that program first", "sudo kill 123"),
        ("picamera: the camera is in use by another program", "sudo fuser -v /dev/video* /dev/media*"),
        ("camera:0: gave no picture for 5 s", ""),
        (
            "picamera: picamera2 is not installed; install it with: sudo apt install python3-picamera2, and make ...",
            "sudo apt install python3-picamera2",
        ),
        (
            "camera:0: denied; add yourself to its group with: sudo usermod -aG video $USER, and log in again",
            "sudo usermod -aG video $USER",
        ),
    ],
)
def test_a_camera_that_does_not(
    words: str, cure: str, attach: Callable[[Any], None], make_frame: Any, make_context: Make
) -> None:
    attach(Fake(make_frame, [], SourceError(words)))
    finding = list(camera.check(make_context()))[-1]
    assert (finding.name, finding.level, finding.says, finding.cure) == ("pictures", "failure", words, cure)


def test_the_service_keeps_its_camera(attach: Callable[[Any], None], make_context: Make) -> None:
    attach(None)
    finding = list(camera.check(make_context({"systemctl": "active\n"})))[-1]
    assert (finding.name, finding.level) == ("pictures", "ok")


def test_command_that_the_machine_has(monkeypatch: pytest.MonkeyPatch, make_context: Make) -> None:
    """Only where rpicam-hello is installed is it what to try; elsewhere the words say what to do."""
    monkeypatch.setattr(camera, "choose", lambda name: Choice("demo", "demo", "demo, because no camera: none"))
    (pi,) = camera.check(make_context({"rpicam-hello": "rpicam-apps build: v1.5\n"}))
    (other,) = camera.check(make_context())
    assert pi.cure == "rpicam-hello --list-cameras"
    assert (other.cure, other.says.endswith("; attach one, or name a source in the settings")) == ("", True)


def test_missing_camera_is_a_warning(monkeypatch: pytest.MonkeyPatch, make_context: Make) -> None:
    """No camera is a warning; the demo as source needs none."""
    monkeypatch.setattr(camera, "choose", lambda name: Choice("demo", "demo", "demo, because no camera: none"))
    assert levels(camera.check(make_context())) == {"camera": "warning"}
    assert levels(camera.check(make_context(source={"name": "demo"}))) == {"camera": "ok"}
    monkeypatch.undo()
    assert levels(camera.check(make_context(source={"name": "camera:987"})))["camera"] == "ok"
    assert levels(camera.check(make_context(source={"name": "camera:987"})))["pictures"] == "failure"
    assert levels(camera.check(make_context(source={"name": "/none.mp4"}))) == {"camera": "failure"}
