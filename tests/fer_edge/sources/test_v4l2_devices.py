"""The list of /dev/video*, against a folder of files that play the devices."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

import pytest
from fer_edge.errors import SourceError
from fer_edge.sources import devices

CAPTURE, STREAMING, META, M2M = 0x1, 0x04000000, 0x00800000, 0x4000


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty /dev; each file put there answers VIDIOC_QUERYCAP with its content."""
    folder = tmp_path / "dev"
    folder.mkdir()

    def ioctl(descriptor: int, request: int, argument: bytes) -> bytes:
        if request == 0xC0405602:  # VIDIOC_ENUM_FMT
            assert len(argument) == 64
            (number,) = struct.unpack_from("=I", argument)
            if number >= 2:
                raise OSError(errno.EINVAL, "Invalid argument")
            return struct.pack("=III32s4s16x", number, 1, 0, b"name", (b"MJPG", b"YUYV")[number])
        assert request == 0x80685600
        assert len(argument) == 104
        answer = os.read(descriptor, 200)
        if not answer:
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")
        return answer

    monkeypatch.setattr(devices, "DEV", folder)
    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    return folder


def put(dev: Path, number: int, driver: str, card: str, caps: int, every: int | None = None) -> None:
    """`caps` are those of the node, `every` those of the whole device."""
    capabilities = 0x80000000 | (caps if every is None else every)
    answer = struct.pack("=16s32s32sIII12x", driver.encode(), card.encode(), b"usb-1", 0, capabilities, caps)
    (dev / f"video{number}").write_bytes(answer)


def test_only_capture_nodes_are_cameras(dev: Path) -> None:
    put(dev, 10, "bcm2835-codec", "bcm2835-codec-decode", M2M | STREAMING)
    put(dev, 0, "uvcvideo", "HD Webcam", CAPTURE | STREAMING)
    put(dev, 1, "uvcvideo", "HD Webcam", META | STREAMING, every=CAPTURE | META | STREAMING)
    put(dev, 14, "bcm2835-isp", "bcm2835-isp", CAPTURE | STREAMING)
    put(dev, 4, "unicam", "unicam", CAPTURE | STREAMING)
    put(dev, 5, "rp1-cfe", "rp1-cfe", CAPTURE | STREAMING)
    (dev / "video-other").touch()
    found = devices.list_devices()
    assert [device.number for device in found] == [0, 1, 4, 5, 10, 14]
    assert [device.number for device in found if not device.problem] == [0]
    assert str(found[0]) == f"{dev / 'video0'} 'HD Webcam'"
    assert found[1].problem == "it does not capture video"
    assert found[2].problem == "it belongs to the Raspberry Pi's unicam; use that camera with: --source picamera"


def test_old_drivers_tell_their_capabilities_elsewhere(dev: Path) -> None:
    answer = struct.pack("=16s32s32sIII12x", b"old", b"Old Cam", b"usb-1", 0, CAPTURE | STREAMING, 0)
    (dev / "video0").write_bytes(answer)
    assert devices.probe(0).problem is None


def test_what_cannot_be_asked(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.list_devices() == []
    assert devices.probe(7).problem == "it does not exist"
    (dev / "video0").touch()
    assert devices.probe(0).problem == "it is not a V4L2 device (Inappropriate ioctl for device)"

    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(devices, "query", refuse)
    problem = devices.probe(0).problem
    assert problem is not None
    assert "permission denied" in problem
    assert "usermod -aG video" in problem


def test_formats(dev: Path) -> None:
    put(dev, 0, "uvcvideo", "HD Webcam", CAPTURE | STREAMING)
    assert devices.formats(dev / "video0") == ["MJPG", "YUYV"]
    assert devices.formats(dev / "video7") == []


def test_name_that_stays(dev: Path) -> None:
    """A name below /dev/v4l leads to the number that the camera has now."""
    put(dev, 3, "uvcvideo", "HD Webcam", CAPTURE | STREAMING)
    for kind, name in (("by-path", "pci-0"), ("by-id", "usb-Cam")):
        (dev / "v4l" / kind).mkdir(parents=True)
        (dev / "v4l" / kind / name).symlink_to("../../video3")
    name = dev / "v4l" / "by-id" / "usb-Cam"
    assert devices.number_of(str(name)) == 3
    assert devices.links(devices.probe(3)) == [str(name), str(dev / "v4l" / "by-path" / "pci-0")]
    name.unlink()
    name.symlink_to("../../video5")
    assert devices.number_of(str(name)) == 5
    with pytest.raises(SourceError, match=f"no such camera; use one of: {name}"):
        devices.number_of(str(name.with_name("usb-Other")))
    with pytest.raises(SourceError, match="no such camera; plug the camera in"):
        devices.number_of(str(dev / "v4l" / "none" / "usb-Other"))


def test_holders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "PROC", tmp_path)
    for process, name, target in (
        (41, "cheese", "/dev/video0"),
        (42, "bash", "/dev/null"),
        (os.getpid(), "us", "/dev/video0"),
    ):
        (tmp_path / str(process) / "fd").mkdir(parents=True)
        (tmp_path / str(process) / "comm").write_text(name + "\n")
        (tmp_path / str(process) / "fd" / "3").symlink_to(target)
    (tmp_path / "43").mkdir()  # went away while we looked
    assert devices.processes_using(Path("/dev/video0")) == ["cheese (pid 41)"]
