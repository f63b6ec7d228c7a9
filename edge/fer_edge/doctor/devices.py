"""Whether the user that fer-edge runs as may use the devices it needs, and whether pins and displays answer."""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fer_edge.doctor import pins
from fer_edge.doctor.finding import Context, Finding
from fer_edge.service.program import as_root
from fer_edge.settings import Settings

# kind of device -> patterns below /dev
DEVICE_PATTERNS = {
    "camera": ("video*", "media*", "dma_heap/*"),
    "pins": ("gpiochip*",),
    "I2C": ("i2c-*",),
    "SPI": ("spidev*",),
}
ENABLE_COMMANDS = {
    "pins": "sudo apt install python3-gpiozero python3-lgpio",
    "I2C": "sudo raspi-config nonint do_i2c 0",
    "SPI": "sudo raspi-config nonint do_spi 0",
}
_I2C_SLAVE = 0x0703  # linux/i2c-dev.h


class User(NamedTuple):
    """The user that opens a device."""

    name: str
    uid: int
    groups: frozenset[int]


def check(context: Context) -> Iterator[Finding]:
    """Access rights, pins and the display. Of all devices only the display is read, one byte."""
    user = find_user(context.user)
    required = required_devices(context.settings)
    for kind, patterns in DEVICE_PATTERNS.items():
        paths = sorted(path for pattern in patterns for path in (context.root / "dev").glob(pattern))
        if paths:
            yield access(kind, paths, user)
        elif kind in required:
            words = f"no such device below /dev, but [{required[kind]}] needs one"
            yield Finding(kind, "failure", words, ENABLE_COMMANDS[kind])
    if "pins" in required:
        yield from pins.check(context)
    if required.get("I2C") == "oled":
        yield _display(context)


def required_devices(settings: Settings) -> dict[str, str]:
    """Kind of device -> the sink that needs it."""
    kinds = {}
    if "led" in settings.run.sinks and settings.led.chip == "gpio":
        kinds["pins"] = "led"
    if "oled" in settings.run.sinks and not settings.oled.device.startswith("dummy"):
        kinds["I2C" if settings.oled.interface == "i2c" else "SPI"] = "oled"
    return kinds


def find_user(name: str) -> User:
    """The user called `name`; "": the one that runs this process."""
    try:
        entry = pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
    except KeyError:
        return User(name or str(os.geteuid()), os.geteuid(), frozenset(os.getgroups()))
    groups = {entry.pw_gid} | {group.gr_gid for group in grp.getgrall() if entry.pw_name in group.gr_mem}
    return User(entry.pw_name, entry.pw_uid, frozenset(groups if name else groups | set(os.getgroups())))


def access(kind: str, paths: list[Path], user: User) -> Finding:
    """Whether `user` may read and write all of `paths`; the cure adds the user to their groups."""
    denied = []
    for path in paths:
        status = path.stat()
        if not may_use(status.st_mode, status.st_uid, status.st_gid, user):
            denied.append((path, status.st_gid))
    if not denied:
        return Finding(kind, "ok", f"{user.name} may use {_listed(paths)}")
    groups = ",".join(sorted({_group(gid) for _, gid in denied if gid}))
    words = f"{user.name} may not use {_listed([path for path, _ in denied])}"
    cure = f"sudo usermod -aG {groups} {user.name}" if groups else "sudo udevadm trigger"
    return Finding(kind, "failure", words, cure)


def may_use(mode: int, owner: int, group: int, user: User) -> bool:
    """Whether a file's permissions let `user` read and write it."""
    if user.uid == 0:
        return True
    if user.uid == owner:
        return mode & 0o600 == 0o600
    if group in user.groups:
        return mode & 0o060 == 0o060
    return mode & 0o006 == 0o006


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _listed(paths: list[Path]) -> str:
    names = [path.name for path in paths]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _display(context: Context) -> Finding:
    """Read one byte from the display's address; what it shows stays unchanged."""
    address = context.settings.oled.i2c_address
    bus = context.root / f"dev/i2c-{context.settings.oled.i2c_port}"
    if bus.exists() and not os.access(bus, os.R_OK | os.W_OK):
        words = f"not checked: you have no permission to use {bus.name}"
        return Finding("display", "warning", words, as_root("doctor"))
    if responds(bus, address):
        return Finding("display", "ok", f"answers at 0x{address:02X} on {bus.name}")
    words = f"no answer at 0x{address:02X} on {bus.name}; check its four wires, and oled.i2c_address"
    return Finding("display", "failure", words, f"sudo i2cdetect -y {context.settings.oled.i2c_port}")


def responds(bus: Path, address: int) -> bool:
    """Whether a device at `address` on the I2C `bus` acknowledges a read; it does even if another program drives it."""
    try:
        descriptor = os.open(bus, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.ioctl(descriptor, _I2C_SLAVE, address)
        return len(os.read(descriptor, 1)) == 1
    except OSError:
        return False
    finally:
        os.close(descriptor)
