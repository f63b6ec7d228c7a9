"""A camera's own controls, over an ioctl that answers as the driver of a USB camera does."""

from __future__ import annotations

import errno
import fcntl
import struct
from pathlib import Path
from typing import Any

import pytest
from fer_edge.errors import SourceError
from fer_edge.sources.v4l2_controls import list_controls, set_controls

MENUS = {0x980918: {0: "Disabled", 1: "50 Hz", 2: "60 Hz"}, 0x9A0901: {1: "Manual Mode", 3: "Aperture Priority Mode"}}
# id, kind (1 integer, 2 boolean, 3 menu, 6 class), name, low, high, flags
CONTROLS = [
    (0x980001, 6, "User Controls", 0, 0, 4),
    (0x980900, 1, "Brightness", -64, 64, 0),
    (0x980901, 1, "Off", 0, 1, 1),
    (0x98090C, 2, "White Balance, Automatic", 0, 1, 0),
    (0x980918, 3, "Power Line Frequency", 0, 2, 0),
    (0x9A0901, 3, "Auto Exposure", 0, 3, 0),
    (0x9A0902, 1, "Exposure Time, Absolute", 1, 5000, 16),
]


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What was set: (control, value)."""
    values: list[tuple[int, int]] = []

    def ioctl(descriptor: int, request: int, argument: bytes) -> bytes:
        if request == 0xC0445624:  # VIDIOC_QUERYCTRL
            assert len(argument) == 68
            (asked,) = struct.unpack_from("=I", argument)
            assert asked & 0x80000000
            for number, kind, name, low, high, flags in CONTROLS:
                if number > asked & 0x7FFFFFFF:
                    return struct.pack("=II32siiiiI8x", number, kind, name.encode(), low, high, 1, 0, flags)
        elif request == 0xC02C5625:  # VIDIOC_QUERYMENU
            assert len(argument) == 44
            number, index = struct.unpack_from("=II", argument)
            if index in MENUS[number]:
                return struct.pack("=II32sI", number, index, MENUS[number][index].encode(), 0)
        elif request == 0xC008561C:  # VIDIOC_S_CTRL
            number, value = struct.unpack("=Ii", argument)
            if number == 0x9A0902 and (0x9A0901, 1) not in values:
                raise OSError(errno.EACCES, "Permission denied")
            values.append((number, value))
            return argument
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    return values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    node = tmp_path / "video0"
    node.touch()
    return node


def test_listed_as_v4l2_ctl_does(path: Path, done: list[tuple[int, int]]) -> None:
    assert [str(control) for control in list_controls(path)] == [
        "brightness (-64 to 64)",
        "white_balance_automatic (0 to 1)",
        "power_line_frequency (0: Disabled, 1: 50 Hz, 2: 60 Hz)",
        "auto_exposure (1: Manual Mode, 3: Aperture Priority Mode)",
        "exposure_time_absolute (1 to 5000)",
    ]


def test_set_in_the_order_that_works(path: Path, done: list[tuple[int, int]]) -> None:
    """The exposure can be set only after its automatic is off, wherever it stands in the settings."""
    wanted = {
        "exposure_time_absolute": 150,
        "auto_exposure": 1,
        "power_line_frequency": "50 hz",
        "white_balance_automatic": False,
    }
    set_controls(path, wanted, "camera:0")
    assert done == [(0x98090C, 0), (0x980918, 1), (0x9A0901, 1), (0x9A0902, 150)]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"gamma": 3}, "source.v4l2.gamma: camera:0 has no such control; it has brightness, white_balance_automatic, "),
        ({"brightness": 65}, "source.v4l2.brightness = 65: is not in brightness (-64 to 64)"),
        ({"brightness": 0.5}, "source.v4l2.brightness = 0.5: is not in"),
        ({"auto_exposure": 2}, "source.v4l2.auto_exposure = 2: is not in auto_exposure (1: Manual Mode, 3: "),
        (
            {"power_line_frequency": "55 Hz"},
            "source.v4l2.power_line_frequency = '55 Hz': must be one of Disabled, ",
        ),
        ({"exposure_time_absolute": 9}, "source.v4l2.exposure_time_absolute = 9: the camera refuses it (Permission"),
    ],
)
def test_refused(path: Path, done: list[tuple[int, int]], wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError) as caught:
        set_controls(path, wanted, "camera:0")
    assert str(caught.value).startswith(message)
    assert done == []


def test_camera_without_controls(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> bytes:
        raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    monkeypatch.setattr(fcntl, "ioctl", none)
    assert list_controls(path) == []
    with pytest.raises(SourceError, match="it has none"):
        set_controls(path, {"gain": 1}, "camera:0")
    set_controls(path / "gone", {}, "camera:0")
    with pytest.raises(SourceError, match="check the camera"):
        set_controls(path / "gone", {"gain": 1}, "camera:0")
