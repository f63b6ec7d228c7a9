"""The V4L2 source over a stand-in for cv2.VideoCapture."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge.errors import SourceError, SourceLost
from fer_edge.sources import devices
from fer_edge.sources.devices import Device
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.v4l2 import V4l2Camera

PATIENT = SourceOptions(size=(320, 240), fps=15, timeout=10.0)


class Capture:
    """Gives `pictures`, of which the first `damaged` cannot be decoded, then whatever `after` does, then the end."""

    def __init__(
        self, pictures: int = 3, opens: bool = True, after: Callable[[], Any] | None = None, damaged: int = 0
    ) -> None:
        self.opens = opens
        self.damaged = damaged
        self.left = pictures
        self.after = after
        self.asked: list[tuple[int, float]] = []
        self.released = threading.Event()
        self.taken = threading.Semaphore(1)

    def __call__(self, number: int, backend: int) -> Capture:
        assert (number, backend) == (0, cv2.CAP_V4L2)
        return self

    def isOpened(self) -> bool:  # noqa: N802
        return self.opens

    def set(self, key: int, value: float) -> bool:
        self.asked.append((key, value))
        return True

    def grab(self) -> bool:
        # One picture at a time, so that the test sees each of them and not only the newest.
        if not self.left:
            if self.after:
                self.after()
            return False
        assert self.taken.acquire(timeout=10)
        self.left -= 1
        return True

    def retrieve(self) -> tuple[bool, Any]:
        if self.damaged:
            self.damaged -= 1
            self.taken.release()
            return False, None
        return True, np.full((240, 320, 3), 10 * self.left, np.uint8)

    def release(self) -> None:
        self.released.set()


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    """/dev/video0 is there, and good."""
    path = tmp_path / "video0"
    path.touch()
    device = Device(0, path, "HD Webcam", None)
    monkeypatch.setattr(devices, "probe", lambda number: device)
    monkeypatch.setattr(devices, "list_devices", lambda: [device])
    monkeypatch.setattr(devices, "processes_using", lambda path: [])
    return device


def test_frames_come_until_the_camera_stops(camera: Device) -> None:
    capture = Capture(3)
    frames = []
    with closing(V4l2Camera("0", PATIENT, capture)) as source:
        assert not source.still
        pictures = iter(source)
        for _ in range(3):
            frames.append(next(pictures))
            capture.taken.release()
        with pytest.raises(SourceLost) as caught:
            next(pictures)
    assert str(caught.value) == (
        f"camera:0: {camera} stopped giving pictures after 3 frames; check its cable and power"
    )
    assert [(frame.number, int(frame.grey[0, 0]), frame.source) for frame in frames] == [
        (0, 20, "camera:0"),
        (1, 10, "camera:0"),
        (2, 0, "camera:0"),
    ]
    assert frames[0].colour is not None
    assert frames[0].grey.shape == (240, 320)
    assert frames[0].time <= frames[1].time <= frames[2].time
    assert frames[0].taken.tzinfo is not None
    assert capture.released.is_set()


def test_wishes_are_put_to_the_camera(camera: Device) -> None:
    capture = Capture(0)
    V4l2Camera("0", PATIENT, capture).close()
    assert capture.asked == [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
        (cv2.CAP_PROP_FRAME_WIDTH, 320),
        (cv2.CAP_PROP_FRAME_HEIGHT, 240),
        (cv2.CAP_PROP_FPS, 15),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]


def test_only_a_format_that_is_there(camera: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera without JPEG is not asked for it: OpenCV would set it up twice."""
    monkeypatch.setattr(devices, "formats", lambda path: ["YUYV"])
    capture = Capture(0)
    V4l2Camera("0", PATIENT, capture).close()
    assert capture.asked[0] == (cv2.CAP_PROP_FRAME_WIDTH, 320)


def test_name_that_stays(camera: Device, tmp_path: Path) -> None:
    link = tmp_path / "usb-Cam"
    link.symlink_to(camera.path)
    with closing(V4l2Camera(str(link), PATIENT, Capture(1))) as source:
        assert next(iter(source)).source == str(link)


def test_mounted_upside_down(camera: Device) -> None:
    class Gradient(Capture):
        def retrieve(self) -> tuple[bool, Any]:
            return True, np.dstack([np.arange(240, dtype=np.uint8).repeat(320).reshape(240, 320)] * 3)

    with closing(V4l2Camera("0", SourceOptions(rotate=180, timeout=10.0), Gradient(1))) as source:
        frame = next(iter(source))
    assert (frame.grey[0, 0], frame.grey[-1, 0]) == (239, 0)
    assert frame.colour is not None
    assert (frame.colour[0, 0, 0], frame.colour[-1, 0, 0]) == (239, 0)


def test_a_silent_camera_is_lost(camera: Device) -> None:
    hang = threading.Event()
    capture = Capture(1, after=hang.wait)
    source = V4l2Camera("0", SourceOptions(timeout=0.05), capture)
    frames = iter(source)
    next(frames)
    with pytest.raises(SourceLost, match=r"gave no picture for 0\.05 s after 1 frame"):
        next(frames)
    hang.set()
    source.close()
    assert capture.released.is_set()


def test_damaged_pictures_are_skipped(camera: Device) -> None:
    with closing(V4l2Camera("0", PATIENT, Capture(4, damaged=3))) as source:
        frame = next(iter(source))
    assert (frame.number, frame.grey[0, 0], frame.damaged) == (0, 0, 3)


def test_damaged_pictures_are_counted_once(camera: Device) -> None:
    capture = Capture(8, damaged=3)
    with closing(V4l2Camera("0", PATIENT, capture)) as source:
        frames = iter(source)
        first = next(frames)
        capture.taken.release()
        assert (first.damaged, next(frames).damaged) == (3, 0)


def test_only_damaged_pictures_end_it(camera: Device) -> None:
    """Nothing but damaged pictures means that the camera is lost."""
    with (
        closing(V4l2Camera("0", PATIENT, Capture(100, damaged=100))) as source,
        pytest.raises(SourceError, match="stopped giving pictures"),
    ):
        next(iter(source))


def test_unplugged(camera: Device) -> None:
    with closing(V4l2Camera("0", PATIENT, Capture(1, after=camera.path.unlink))) as source:
        frames = iter(source)
        next(frames)
        with pytest.raises(SourceLost, match="is gone after 1 frame; plug it in again"):
            next(frames)


def test_busy_names_who_holds_it(camera: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = Capture(opens=False)
    with pytest.raises(SourceError, match="in use by another program"):
        V4l2Camera("0", PATIENT, capture)
    assert capture.released.is_set()
    monkeypatch.setattr(devices, "processes_using", lambda path: ["cheese (pid 41)"])
    with pytest.raises(SourceError, match=r"it is in use by cheese \(pid 41\); stop that program first"):
        V4l2Camera("0", PATIENT, capture)
    # Some drivers let a second program open the camera, and refuse it the pictures.
    with closing(V4l2Camera("0", PATIENT, Capture(0))) as source:
        with pytest.raises(SourceError, match="stopped giving pictures: it is in use by cheese") as caught:
            next(iter(source))
        assert not isinstance(caught.value, SourceLost)


def test_absent_names_the_others(camera: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Device(5, Path("/dev/video5"), "", "it does not exist")
    monkeypatch.setattr(devices, "probe", lambda number: absent)
    with pytest.raises(SourceError) as caught:
        V4l2Camera("5", PATIENT)
    assert str(caught.value) == (f"camera:5: /dev/video5: it does not exist; use one of: camera:0 ({camera})")
    monkeypatch.setattr(devices, "list_devices", list)
    with pytest.raises(SourceError, match="no other camera is attached; plug one in"):
        V4l2Camera("5", PATIENT)


def test_close_twice_ends_the_frames(camera: Device) -> None:
    capture = Capture(2)
    source = V4l2Camera("0", PATIENT, capture)
    frames = iter(source)
    next(frames)
    capture.taken.release()
    source.close()
    source.close()
    assert list(frames) == []
