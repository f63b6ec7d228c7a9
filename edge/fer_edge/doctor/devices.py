"""Whether the user that fer-edge runs as may use the devices that are there, and whether pins and displays answer."""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fer_edge.doctor import pins
from fer_edge.doctor.finding import Finding, Place
from fer_edge.settings import Settings

# what it is for -> patterns below /dev
KINDS = {
    "camera": ("video*", "media*", "dma_heap/*"),
    "pins": ("gpiochip*",),
    "I2C": ("i2c-*",),
    "SPI": ("spidev*",),
}
ON = {
    "pins": "sudo apt install python3-gpiozero python3-lgpio",
    "I2C": "sudo raspi-config nonint do_i2c 0",
    "SPI": "sudo raspi-config nonint do_spi 0",
}
_I2C_SLAVE = 0x0703  # linux/i2c-dev.h


class Person(NamedTuple):
    """Who opens a device."""

    name: str
    uid: int
    groups: frozenset[int]


def look(place: Place) -> Iterator[Finding]:
    """Asks no device anything but a display, which it asks for one byte."""
    person = who(place.user)
    wanted = needed(place.settings)
    for kind, patterns in KINDS.items():
        paths = sorted(path for pattern in patterns for path in (place.root / "dev").glob(pattern))
        if paths:
            yield rights(kind, paths, person)
        elif kind in wanted:
            yield Finding(kind, "failure", f"no device below /dev, and [{wanted[kind]}] needs one", ON[kind])
    if "pins" in wanted:
        yield from pins.look(place)
    if wanted.get("I2C") == "oled":
        yield _display(place)


def needed(settings: Settings) -> dict[str, str]:
    """Kind of device -> the sink that needs it."""
    kinds = {}
    if "led" in settings.run.sinks and settings.led.chip == "gpio":
        kinds["pins"] = "led"
    if "oled" in settings.run.sinks and not settings.oled.device.startswith("dummy"):
        kinds["I2C" if settings.oled.interface == "i2c" else "SPI"] = "oled"
    return kinds


def who(name: str) -> Person:
    """The user called `name`, or the one who asks."""
    try:
        entry = pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
    except KeyError:
        return Person(name or str(os.geteuid()), os.geteuid(), frozenset(os.getgroups()))
    groups = {entry.pw_gid} | {group.gr_gid for group in grp.getgrall() if entry.pw_name in group.gr_mem}
    return Person(entry.pw_name, entry.pw_uid, frozenset(groups if name else groups | set(os.getgroups())))


def rights(kind: str, paths: list[Path], person: Person) -> Finding:
    """Whether `person` may read and write all of `paths`; the cure names their groups."""
    closed = []
    for path in paths:
        state = path.stat()
        if not may_use(state.st_mode, state.st_uid, state.st_gid, person):
            closed.append((path, state.st_gid))
    if not closed:
        return Finding(kind, "ok", f"{person.name} may use {_listed(paths)}")
    groups = ",".join(sorted({_group(gid) for _, gid in closed if gid}))
    words = f"{person.name} may not use {_listed([path for path, _ in closed])}"
    cure = f"sudo usermod -aG {groups} {person.name}" if groups else "sudo udevadm trigger"
    return Finding(kind, "failure", words, cure)


def may_use(mode: int, owner: int, group: int, person: Person) -> bool:
    """Whether a file's rights let `person` read and write it."""
    if person.uid == 0:
        return True
    if person.uid == owner:
        return mode & 0o600 == 0o600
    if group in person.groups:
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


def _display(place: Place) -> Finding:
    """Reads one byte from where the display should be; its picture stays as it is."""
    address = place.settings.oled.i2c_address
    bus = place.root / f"dev/i2c-{place.settings.oled.i2c_port}"
    if bus.exists() and not os.access(bus, os.R_OK | os.W_OK):
        return Finding("display", "warning", f"not asked: {bus.name} is closed to you", "sudo fer-edge doctor")
    if answers(bus, address):
        return Finding("display", "ok", f"answers at 0x{address:02X} on {bus.name}")
    words = f"none answers at 0x{address:02X} on {bus.name}; check its four wires, and oled.i2c_address"
    return Finding("display", "failure", words, f"sudo i2cdetect -y {place.settings.oled.i2c_port}")


def answers(bus: Path, address: int) -> bool:
    """Whether something at `address` on the I2C `bus` takes a read; one that another program drives does too."""
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
