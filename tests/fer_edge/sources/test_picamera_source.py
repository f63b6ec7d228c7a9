"""The Raspberry Pi camera over a fake picamera2 with the real one's calls (0.3.x: picamera2.py, job.py, request.py)."""

from __future__ import annotations

import itertools
import sys
import types
from concurrent.futures import Future
from contextlib import closing
from typing import Any, ClassVar

import numpy as np
import pytest
from fer_edge.errors import SourceError, SourceLost
from fer_edge.sources import picamera
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.picamera import PiCamera

PI_CAMERA = {"Model": "imx708", "Location": 2, "Rotation": 180, "Id": "/base/axi/rp1/i2c@88000/imx708@1a", "Num": 0}
USB_CAMERA = {"Model": "HD Webcam", "Id": "/base/axi/rp1/usb@200000-1:1.0-046d:0825", "Num": 1}
OPTIONS = SourceOptions(size=(60, 40), timeout=10.0)


class Job:
    """picamera2.job.Job, as its user sees it."""

    def __init__(self, result: Any) -> None:
        self._future: Future[Any] = Future()
        if isinstance(result, Exception):
            self._future.set_exception(result)
        elif result is not None:
            self._future.set_result(result)

    def get_result(self, timeout: float | None = None) -> Any:
        return self._future.result(timeout=timeout)


class Picamera2:
    """One camera; the fixture and the tests set the class attributes."""

    cameras: ClassVar[list[dict[str, Any]]]
    failure: ClassVar[BaseException | None]
    format: ClassVar[str]
    stride: ClassVar[int]
    frames: ClassVar[list[Any]]
    log: ClassVar[list[Any]]

    sensor_resolution = (4608, 2592)
    camera_controls: ClassVar = {"FrameDurationLimits": (100, 1_000_000, None)}

    @classmethod
    def global_camera_info(cls) -> list[dict[str, Any]]:
        return cls.cameras

    def __init__(self, camera_num: int = 0) -> None:
        if self.failure:
            raise RuntimeError("Camera __init__ sequence did not complete.") from self.failure
        self._config: dict[str, Any] = {}

    def create_preview_configuration(self, **wishes: Any) -> dict[str, Any]:
        self.log.append(wishes)
        return wishes

    def configure(self, configuration: dict[str, Any]) -> None:
        lores = configuration["lores"] | {"format": self.format, "stride": self.stride}
        self._config = configuration | {"lores": lores}

    def camera_configuration(self) -> dict[str, Any]:
        return self._config

    def start(self) -> None:
        self.log.append("start")

    def capture_buffers(self, names: list[str], wait: bool | None = None) -> Job:
        assert names == ["lores"]
        assert wait is False
        return Job(self.frames.pop(0) if self.frames else None)

    def cancel_all_and_flush(self) -> None:
        self.log.append("flush")

    def close(self) -> None:
        self.log.append("close")


def buffer(stride: int, value: int, chroma_rows: int = 20, height: int = 40, width: int = 60) -> np.ndarray[Any, Any]:
    """A picture as it lies in memory: `value` where the brightness is, 7 in the padding, 99 in the colours."""
    rows = np.full((height, stride), 7, np.uint8)
    rows[:, :width] = value
    return np.concatenate([rows.ravel(), np.full(stride * chroma_rows, 99, np.uint8)])


@pytest.fixture
def pi(monkeypatch: pytest.MonkeyPatch) -> type[Picamera2]:
    """A Raspberry Pi with picamera2 and one camera."""

    class Installed(Picamera2):
        cameras: ClassVar = [PI_CAMERA]
        failure = None
        format = "YUV420"
        stride = 64
        frames: ClassVar = []
        log: ClassVar = []

    module = types.ModuleType("picamera2")
    module.Picamera2 = Installed  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return Installed


@pytest.mark.parametrize(("layout", "stride"), [("YUV420", 64), ("YUV420", 60), ("NV12", 128)])
def test_frames_are_the_luma_plane(pi: type[Picamera2], layout: str, stride: int) -> None:
    pi.format, pi.stride = layout, stride
    stamps = [
        {"SensorTimestamp": 5_000_000_000},
        {"SensorTimestamp": 5_033_000_000},
        {"SensorTimestamp": 4_000_000_000},
    ]
    pi.frames = [([buffer(stride, 10 * k)], stamp) for k, stamp in enumerate(stamps)]
    with closing(PiCamera("picamera", OPTIONS)) as source:
        frames = list(itertools.islice(source, 3))
    assert not source.still
    assert [frame.grey.shape for frame in frames] == [(40, 60)] * 3
    assert [(frame.grey == 10 * k).all() for k, frame in enumerate(frames)] == [True] * 3
    assert [frame.time for frame in frames] == [5.0, 5.033, 5.033]  # never back
    assert [frame.number for frame in frames] == [0, 1, 2]
    assert frames[0].source == "picamera"
    assert frames[0].colour is None
    assert frames[0].taken.tzinfo is not None


@pytest.mark.parametrize(("layout", "expected"), [("RGB888", 29), ("BGR888", 76), ("XRGB8888", 29), ("XBGR8888", 76)])
def test_packed_colours_become_grey(pi: type[Picamera2], layout: str, expected: int) -> None:
    """The first byte is blue (weight 0.114) or red (0.299); the frame stays grey, since nothing asks for colours."""
    size = 4 if layout.startswith("X") else 3
    pi.format, pi.stride = layout, 256
    rows = np.full((40, 256), 7, np.uint8)
    rows[:, : 60 * size] = np.tile([255, 0, 0, 0][:size], 60)
    pi.frames = [([rows.ravel()], {})]
    with closing(PiCamera("picamera", OPTIONS)) as source:
        frame = next(iter(source))
    assert frame.grey.shape == (40, 60)
    assert (frame.grey == expected).all()
    assert frame.colour is None


def test_a_picture_that_is_cut_off(pi: type[Picamera2]) -> None:
    """At first it is an error, later a loss: then the camera is opened again."""
    pi.frames = [([buffer(64, 1)[:2559]], {}), ([buffer(64, 1)], {}), ([buffer(64, 1)[:0]], {})]
    words = r"gave invalid picture data \({} bytes in rows of 64 cannot hold 60 x 40 pixels in YUV420\)"
    with closing(PiCamera("picamera", OPTIONS)) as source:
        with pytest.raises(SourceError, match=words.format(2559)) as caught:
            next(iter(source))
        assert not isinstance(caught.value, SourceLost)
        frames = iter(source)
        next(frames)
        with pytest.raises(SourceLost, match=words.format(0)):
            next(frames)


def test_a_camera_without_timestamps_gets_ours(pi: type[Picamera2]) -> None:
    pi.frames = [([buffer(64, 1)], {})]
    with closing(PiCamera("picamera", OPTIONS)) as source:
        assert next(iter(source)).time > 0


def test_configuration(pi: type[Picamera2]) -> None:
    PiCamera("picamera", OPTIONS).close()
    PiCamera("picamera", SourceOptions(size=(60, 40), fps=10)).close()
    stream = {"size": (60, 40), "format": "YUV420"}
    expected = {"main": stream, "lores": stream, "raw": {"size": (2304, 1296)}}
    assert pi.log[0] == expected | {"controls": {"FrameDurationLimits": (33_333, 83_333)}}
    assert pi.log[1:4] == ["start", "flush", "close"]
    assert pi.log[4] == expected | {"controls": {"FrameDurationLimits": (83_333, 83_333)}}


def test_close_twice_ends_the_frames(pi: type[Picamera2]) -> None:
    pi.frames = [([buffer(64, 1)], {})] * 2
    source = PiCamera("picamera", OPTIONS)
    frames = iter(source)
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []
    assert pi.log.count("close") == 1


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("Failed to acquire camera: Device or resource busy"),
        RuntimeError("camera.acquire() returned unexpected code: -16"),
    ],
)
def test_busy(pi: type[Picamera2], failure: Exception) -> None:
    pi.failure = failure
    with pytest.raises(SourceError, match="the camera is in use by another program; stop it first") as caught:
        PiCamera("picamera", OPTIONS)
    assert not isinstance(caught.value, SourceLost)


def test_broken(pi: type[Picamera2]) -> None:
    pi.failure = IndexError("list index out of range")
    with pytest.raises(SourceError, match=r"the camera does not start \(list index out of range\); check the ribbon"):
        PiCamera("picamera", OPTIONS)


def test_no_camera_attached(pi: type[Picamera2]) -> None:
    pi.cameras = []
    with pytest.raises(SourceError, match="no camera is attached; check the ribbon cable"):
        PiCamera("picamera", OPTIONS)


def test_a_format_without_luma_is_refused(pi: type[Picamera2]) -> None:
    pi.format = "MJPEG"
    with pytest.raises(SourceError, match="gives MJPEG, not one of YUV420"):
        PiCamera("picamera", OPTIONS)
    assert pi.log[-1] == "close"


def test_stalled(pi: type[Picamera2]) -> None:
    pi.frames = [([buffer(64, 1)], {})]
    with closing(PiCamera("picamera", SourceOptions(size=(60, 40), timeout=0.01))) as source:
        frames = iter(source)
        next(frames)
        with pytest.raises(SourceLost, match=r"gave no picture for 0\.01 s, after 1 frame; check the ribbon cable"):
            next(frames)
    assert pi.log[-2:] == ["flush", "close"]
    with (
        closing(PiCamera("picamera", SourceOptions(size=(60, 40), timeout=0.01))) as source,
        pytest.raises(SourceError, match="after 0 frames") as caught,
    ):
        next(iter(source))
    assert not isinstance(caught.value, SourceLost)


def test_failing_in_the_middle(pi: type[Picamera2]) -> None:
    pi.frames = [RuntimeError("Stream 'lores' is not defined")]
    with (
        closing(PiCamera("picamera", OPTIONS)) as source,
        pytest.raises(SourceLost, match=r"stopped after 0 frames: .*'lores' is not defined"),
    ):
        next(iter(source))


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(SourceError, match="sudo apt install python3-picamera2"):
        PiCamera("picamera", OPTIONS)
    model, reason = picamera.find()
    assert model is None
    assert "picamera2" in reason


def test_find(pi: type[Picamera2], monkeypatch: pytest.MonkeyPatch) -> None:
    assert picamera.find() == ("imx708", "")
    pi.cameras = [USB_CAMERA]
    assert picamera.find() == (None, "libcamera lists none")

    def broken() -> list[dict[str, Any]]:
        raise RuntimeError("no permission\nmore")

    monkeypatch.setattr(pi, "global_camera_info", broken)
    assert picamera.find() == (None, "libcamera cannot list cameras (no permission)")
