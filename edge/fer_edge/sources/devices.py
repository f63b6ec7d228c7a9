"""Which /dev/video* are cameras: most nodes on a Raspberry Pi are codecs, image processors and metadata."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from pathlib import Path
from typing import NamedTuple

from fer_edge.errors import SourceError

DEV = Path("/dev")
PROC = Path("/proc")

# From linux/videodev2.h: struct v4l2_capability and its flags.
_QUERYCAP = 0x80685600
_CAPABILITY = struct.Struct("=16s32s32sIII12x")
_VIDEO_CAPTURE = 0x00000001
_STREAMING = 0x04000000
_DEVICE_CAPS = 0x80000000

# These claim to capture but give nothing without libcamera: the Pi's codecs, image processors and CSI receivers.
_NON_CAMERA_DRIVERS = ("bcm2835-codec", "bcm2835-isp", "unicam", "rp1-cfe", "pispbe", "rpivid", "rpi-hevc-dec")


_ENUM_FMT = 0xC0405602
_FORMAT = struct.Struct("=III32s4s16x")
_CAPTURE_BUFFER = 1
MAX_FORMATS = 64


class Device(NamedTuple):
    """One /dev/videoN: `problem` is None for a usable camera, else why it cannot be used."""

    number: int
    path: Path
    card: str  # the name that its driver reports; "" if it could not be queried
    problem: str | None
    driver: str = ""
    bus: str = ""  # where it is plugged in: nodes of one camera have the same

    def __str__(self) -> str:
        return f"{self.path} {self.card!r}" if self.card else str(self.path)


def query(path: Path) -> bytes:
    """The driver's struct v4l2_capability for `path`. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        return fcntl.ioctl(descriptor, _QUERYCAP, bytes(_CAPABILITY.size))
    finally:
        os.close(descriptor)


def probe(number: int) -> Device:
    """What /dev/video`number` is. Never raises."""
    path = DEV / f"video{number}"
    try:
        answer = query(path)
    except FileNotFoundError:
        return Device(number, path, "", "it does not exist")
    except PermissionError:
        problem = "permission denied; add yourself to its group with: sudo usermod -aG video $USER, and log in again"
        return Device(number, path, "", problem)
    except OSError as cause:
        return Device(number, path, "", f"it is not a V4L2 device ({cause.strerror})")
    *fields, _, capabilities, device_caps = _CAPABILITY.unpack(answer)
    driver, card, bus = (field.split(b"\0")[0].decode(errors="replace") for field in fields)
    caps = device_caps if capabilities & _DEVICE_CAPS else capabilities
    reason = None
    if not (caps & _VIDEO_CAPTURE and caps & _STREAMING):
        reason = "it does not capture video"
    elif driver.startswith(_NON_CAMERA_DRIVERS):
        reason = f"it belongs to the Raspberry Pi's {driver}; use that camera with: --source picamera"
    return Device(number, path, card, reason, driver, bus)


def formats(path: Path) -> list[str]:
    """What the camera at `path` gives, as FourCC, such as ["MJPG", "YUYV"]; [] if it does not say. Never raises."""
    found: list[str] = []
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return found
    try:
        for number in range(MAX_FORMATS):
            answer = fcntl.ioctl(descriptor, _ENUM_FMT, _FORMAT.pack(number, _CAPTURE_BUFFER, 0, b"", b""))
            found.append(_FORMAT.unpack(answer)[4].decode("ascii", "replace").strip())
    except OSError:  # EINVAL: that was the last one
        pass
    finally:
        os.close(descriptor)
    return found


def number_of(name: str) -> int:
    """The N of /dev/videoN now, for a number, or for a name below /dev/v4l, which stays when N changes.

    Raises SourceError if that camera is not there.
    """
    if name.isdecimal():
        return int(name)
    target = Path(name).resolve()
    if found := re.fullmatch(r"video(\d+)", target.name):
        return int(found[1])
    folder = Path(name).parent
    others = sorted(str(path) for path in folder.glob("*")) if folder.is_dir() else []
    fix = f"use one of: {', '.join(others)}" if others else "plug the camera in"
    raise SourceError(f"{name}: no such camera; {fix}")


def links(device: Device) -> list[str]:
    """The names below /dev/v4l that lead to it, those by its maker's name first."""
    names = [name for kind in ("by-id", "by-path") for name in sorted((DEV / "v4l" / kind).glob("*"))]
    return [str(name) for name in names if name.resolve() == device.path.resolve()]


def list_devices() -> list[Device]:
    """Every /dev/videoN, by number."""
    numbers = [int(path.name[5:]) for path in DEV.glob("video*") if re.fullmatch(r"video\d+", path.name)]
    return [probe(number) for number in sorted(numbers)]


def processes_using(path: Path) -> list[str]:
    """The other processes that have `path` open, as ``name (pid N)``; those of other users may be missing."""
    found = []
    for process in PROC.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(descriptor.readlink() == path for descriptor in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} (pid {process.name})")
        except OSError:  # it has ended, or belongs to another user
            continue
    return found
