"""The Raspberry Pi camera over a fake picamera2 with the real one's calls (0.3.x: picamera2.py, job.py, request.py)."""

from __future__ import annotations

import itertools
import sys
import types
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from pathlib import Path
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
    sensor_transform: ClassVar[Any] = None  # what the sensor can do; None: whatever is asked for

    sensor_resolution = (4608, 2592)
    camera_controls: ClassVar = {"FrameDurationLimits": (100, 1_000_000, None)}

    @classmethod
    def global_camera_info(cls) -> list[dict[str, Any]]:
        return cls.cameras

    def __init__(self, camera_num: int = 0, tuning: Any = None) -> None:
        self.log.append(("open", camera_num, tuning))
        if self.failure:
            raise RuntimeError("Camera __init__ sequence did not complete.") from self.failure
        self._config: dict[str, Any] = {}

    def create_preview_configuration(self, **wishes: Any) -> dict[str, Any]:
        self.log.append(wishes)
        return wishes

    def configure(self, configuration: dict[str, Any]) -> None:
        lores = configuration["lores"] | {"format": self.format, "stride": self.stride}
        transform = self.sensor_transform or configuration.get("transform")
        self._config = configuration | {"lores": lores, "transform": transform}

    def camera_configuration(self) -> dict[str, Any]:
        return self._config

    def start(self) -> None:
        self.log.append("start")

    def capture_buffers(self, names: list[str], wait: bool | None = None) -> Job:
        assert names == ["lores"]
        assert wait is False
        return Job(self.frames.pop(0) if self.frames else None)

    @staticmethod
    def load_tuning_file(name: str) -> dict[str, Any]:
        if name != "imx708_noir.json":
            raise RuntimeError("Tuning file not found")
        return {"noir": True}

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
    libcamera = types.ModuleType("libcamera")
    libcamera.Transform = types.SimpleNamespace  # type: ignore[attr-defined]
    modes = {"Auto": 0, "Incandescent": 1, "Indoor": 4}
    libcamera.controls = types.SimpleNamespace(  # type: ignore[attr-defined]
        AwbModeEnum=types.SimpleNamespace(__members__=modes),
        draft=types.SimpleNamespace(NoiseReductionModeEnum=types.SimpleNamespace(__members__={"Off": 0, "Fast": 1})),
    )
    monkeypatch.setitem(sys.modules, "libcamera", libcamera)
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


@pytest.mark.parametrize("rotate", [0, 90])
def test_colours_are_made_when_asked(pi: type[Picamera2], rotate: int) -> None:
    """From the frame's own buffer, turned as the grey picture is; without colours it is grey."""
    pi.format, pi.stride = "YUV420", 64
    red = np.concatenate(
        [np.full(40 * 64, 76, np.uint8), np.full(20 * 32, 85, np.uint8), np.full(20 * 32, 255, np.uint8)]
    )
    pi.frames = [([red], {}), ([red[: 40 * 64]], {})]
    with closing(PiCamera("picamera", replace(OPTIONS, rotate=rotate))) as source:
        frames = list(itertools.islice(source, 2))
    assert frames[0].picture.shape == (*frames[0].grey.shape, 3)
    assert np.abs(frames[0].picture.astype(int) - (0, 0, 254)).max() <= 3
    assert frames[1].picture is frames[1].grey


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
    assert pi.log[0] == ("open", 0, None)
    assert pi.log[1] == expected | {"controls": {"FrameDurationLimits": (33_333, 83_333)}}
    assert pi.log[2:5] == ["start", "flush", "close"]
    assert pi.log[6] == expected | {"controls": {"FrameDurationLimits": (83_333, 83_333)}}


def picture_of(pi: type[Picamera2], **options: Any) -> np.ndarray[Any, Any]:
    """The picture that comes of one whose left half is 10, its right half 20, its lower half 100 more."""
    rows = np.full((60, 64), 7, np.uint8)
    rows[:, :30], rows[:, 30:60] = 10, 20
    rows[20:] += 100
    pi.frames = [([rows.ravel()], {})]
    with closing(PiCamera("picamera", SourceOptions(size=(60, 40), timeout=10.0, **options))) as source:
        return next(iter(source)).grey


@pytest.mark.parametrize(
    ("rotate", "flip", "transform"),
    [(180, False, (1, 1)), (0, True, (1, 0)), (180, True, (0, 1))],
)
def test_sensor_turns_at_no_cost(pi: type[Picamera2], rotate: int, flip: bool, transform: tuple[int, int]) -> None:
    """The sensor is asked to, and what it does is not done again."""
    grey = picture_of(pi, rotate=rotate, flip=flip)
    asked = pi.log[1]["transform"]
    assert (asked.hflip, asked.vflip) == transform
    assert (grey[0, 0], grey[0, -1], grey[-1, 0]) == (10, 20, 110)


@pytest.mark.parametrize(
    ("rotate", "flip", "corners"),
    [(180, False, (120, 110, 20)), (0, True, (20, 10, 120)), (180, True, (110, 120, 10))],
)
def test_what_the_sensor_cannot_is_done_here(
    pi: type[Picamera2], rotate: int, flip: bool, corners: tuple[int, int, int]
) -> None:
    pi.sensor_transform = types.SimpleNamespace(hflip=0, vflip=0)
    grey = picture_of(pi, rotate=rotate, flip=flip)
    assert (grey[0, 0], grey[0, -1], grey[-1, 0]) == corners


def test_quarter_turns_are_done_here(pi: type[Picamera2]) -> None:
    grey = picture_of(pi, rotate=90)
    assert "transform" not in pi.log[1]
    assert grey.shape == (60, 40)
    assert (grey[0, 0], grey[0, -1], grey[-1, 0]) == (110, 10, 120)


def test_autofocus_follows_unless_told(pi: type[Picamera2]) -> None:
    pi.camera_controls = {"AfMode": (0, 2, 0), "AwbMode": (0, 7, 0), "NoiseReductionMode": (0, 4, 0)}
    PiCamera("picamera", OPTIONS).close()
    assert pi.log[1]["controls"] == {"AfMode": 2}
    pi.log.clear()
    wanted = {"AfMode": 0, "AwbMode": "indoor", "NoiseReductionMode": "Fast"}
    PiCamera("picamera", SourceOptions(controls=wanted)).close()
    assert pi.log[1]["controls"] == {"AfMode": 0, "AwbMode": 4, "NoiseReductionMode": 1}


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({"ExposureValu": 1}, "source.controls.ExposureValu = 1: this camera has no such control; it has AwbMode, "),
        ({"ExposureValue": 9.0}, "source.controls.ExposureValue = 9.0: must be from -8.0 to 8.0"),
        ({"AwbMode": "Sunset"}, "source.controls.AwbMode = 'Sunset': must be one of Auto, Incandescent, Indoor"),
        ({"ExposureValue": "high"}, "source.controls.ExposureValue = 'high': must be a number"),
    ],
)
def test_unknown_controls_are_refused(pi: type[Picamera2], controls: dict[str, Any], message: str) -> None:
    pi.camera_controls = {"AwbMode": (0, 7, 0), "ExposureValue": (-8.0, 8.0, 0.0)}
    with pytest.raises(SourceError) as caught:
        PiCamera("picamera", SourceOptions(controls=controls))
    assert str(caught.value).startswith(message)
    assert pi.log[-1] == "close"


def test_tuning_file(pi: type[Picamera2], tmp_path: Path) -> None:
    PiCamera("picamera", SourceOptions(tuning_file="imx708_noir.json")).close()
    assert pi.log[0] == ("open", 0, {"noir": True})
    own = tmp_path / "own.json"
    own.write_text("{}")
    PiCamera("picamera", SourceOptions(tuning_file=str(own))).close()
    assert [entry for entry in pi.log if isinstance(entry, tuple)] == [
        ("open", 0, {"noir": True}),
        ("open", 0, str(own)),
    ]
    for name in ("imx999.json", str(tmp_path / "none.json")):
        with pytest.raises(SourceError, match=r"source.tuning_file = .*list the camera's own with: ls"):
            PiCamera("picamera", SourceOptions(tuning_file=name))


@pytest.mark.parametrize(
    ("target", "number"),
    [
        ("picamera", 0),
        ("picamera:0", 0),
        ("picamera:1", 1),
        ("picamera:imx219", 1),
        ("picamera:IMX708", 0),
        ("picamera:imx708_wide", 0),
        ("picamera:/base/imx219@10", 1),
    ],
)
def test_one_of_several_cameras(pi: type[Picamera2], target: str, number: int) -> None:
    pi.cameras = [PI_CAMERA | {"Model": "imx708_wide"}, {"Model": "imx219", "Id": "/base/imx219@10"}, USB_CAMERA]
    with closing(PiCamera(target, OPTIONS)) as source:
        assert source.name == target
    assert pi.log[0] == ("open", number, None)


def test_camera_that_is_not_there(pi: type[Picamera2]) -> None:
    pi.cameras = [PI_CAMERA, PI_CAMERA | {"Id": "/base/other"}]
    known = r"use one of: picamera:0 \(imx708\), picamera:1 \(imx708\)"
    with pytest.raises(SourceError, match=f"picamera:2: there is no such camera; {known}"):
        PiCamera("picamera:2", OPTIONS)
    with pytest.raises(SourceError, match=f"no camera has that sensor; {known}"):
        PiCamera("picamera:imx219", OPTIONS)
    with pytest.raises(SourceError, match=f"several cameras have that sensor; {known}"):
        PiCamera("picamera:imx708", OPTIONS)


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
