"""Which /dev/video* are cameras: most nodes on a Raspberry Pi are codecs, image processors and metadata."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from pathlib import Path
from typing import NamedTuple

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


class Device(NamedTuple):
    """One /dev/videoN: `problem` is None for a usable camera, else why it cannot be used."""

    number: int
    path: Path
    card: str  # the name that its driver reports; "" if it could not be queried
    problem: str | None

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
    driver_field, card_field, _, _, capabilities, device_caps = _CAPABILITY.unpack(answer)
    driver, card = (field.split(b"\0")[0].decode(errors="replace") for field in (driver_field, card_field))
    caps = device_caps if capabilities & _DEVICE_CAPS else capabilities
    reason = None
    if not (caps & _VIDEO_CAPTURE and caps & _STREAMING):
        reason = "it does not capture video"
    elif driver.startswith(_NON_CAMERA_DRIVERS):
        reason = f"it belongs to the Raspberry Pi's {driver}; use that camera with: --source picamera"
    return Device(number, path, card, reason)


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
