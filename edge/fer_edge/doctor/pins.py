"""Whether the pins of the lights and the button exist and are free. Only the kernel is asked; no pin is driven."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from fer_edge.doctor.finding import Context, Finding
from fer_edge.service.program import as_root
from fer_edge.settings import LedSettings

# linux/gpio.h: struct gpiochip_info and struct gpio_v2_line_info, and the ioctl requests that fill them in.
CHIP_INFO = struct.Struct("32s32sI")
LINE_INFO = struct.Struct("32s32sIIQ160s16x")
GET_CHIPINFO, GET_LINEINFO = 0x8044B401, 0xC100B405
FLAG_USED = 1 << 0  # GPIO_V2_LINE_FLAG_USED
OWN_CONSUMERS = ("lg", "gpiozero")  # consumer names of the libraries with which fer-edge drives pins

Ioctl = Callable[[int, int, bytearray], object]  # fcntl.ioctl


class Line(NamedTuple):
    """What the kernel knows about one pin."""

    used: bool  # by a program, or by the kernel itself
    consumer: str  # the name that the user of the pin gave itself; "" for some of the kernel's own


def check(context: Context, ioctl: Ioctl = fcntl.ioctl) -> Iterator[Finding]:
    """A finding for the chip, and one for all pins."""
    chips = sorted((context.root / "dev").glob("gpiochip*"))
    if not chips:
        return  # reported by `devices` already
    try:
        header = next((chip for chip in chips if label(chip, ioctl).startswith("pinctrl-")), None)
        lines = {number: line(header, number, ioctl) for number in used_pins(context.settings.led)} if header else {}
    except OSError as cause:
        words = f"not checked ({cause.strerror})"
        yield Finding("pin chip", "warning", words, as_root("doctor") if cause.errno == errno.EACCES else "")
        return
    if header is None:
        words = f"none of {', '.join(chip.name for chip in chips)} is a Raspberry Pi's 40-pin header"
        yield Finding("pin chip", "failure", words, "gpiodetect")
        return
    yield Finding("pin chip", "ok", f"{header.name} ({label(header, ioctl)})")
    service_runs = context.ask("systemctl", "is-active", "fer-edge").strip() == "active"  # and drives these pins
    yield _lines(header, lines, used_pins(context.settings.led), service_runs)


def used_pins(settings: LedSettings) -> dict[int, str]:
    """Number of a pin -> what it is for: a colour, an emotion or "button"."""
    pins = {number: colour for colour, number in settings.pins.items()}
    return pins | ({settings.button: "button"} if settings.button >= 0 else {})


def label(chip: Path, ioctl: Ioctl = fcntl.ioctl) -> str:
    """The chip's label, such as "pinctrl-bcm2711". Raises OSError."""
    return _text(CHIP_INFO.unpack(_query(chip, GET_CHIPINFO, bytearray(CHIP_INFO.size), ioctl))[1])


def line(chip: Path, number: int, ioctl: Ioctl = fcntl.ioctl) -> Line | None:
    """What the kernel knows about pin `number`; None if the chip has no such pin. Raises OSError."""
    request = bytearray(LINE_INFO.pack(b"", b"", number, 0, 0, b""))
    try:
        answer = _query(chip, GET_LINEINFO, request, ioctl)
    except OSError as cause:
        if cause.errno == errno.EINVAL:
            return None
        raise
    _, consumer, _, _, flags, _ = LINE_INFO.unpack(answer)
    return Line(bool(flags & FLAG_USED), _text(consumer))


def _lines(chip: Path, lines: dict[int, Line | None], pins: dict[int, str], service_runs: bool) -> Finding:
    missing = [number for number, state in lines.items() if state is None]
    if missing:
        return Finding(
            "pins in use", "failure", f"{chip.name} has no {_listed(missing, pins)}", f"gpioinfo {chip.name}"
        )
    used = {number: state.consumer for number, state in lines.items() if state is not None and state.used}
    if not used:
        return Finding("pins in use", "ok", f"free: {_listed(list(pins), pins)}")
    words = "; ".join(f"GPIO{number} ({pins[number]}) is used by {by or 'the kernel'}" for number, by in used.items())
    if service_runs and all(by.startswith(OWN_CONSUMERS) for by in used.values()):
        return Finding("pins in use", "ok", f"{words}, probably the fer-edge service")
    words += "; stop that program, or set other pins in [led]"
    return Finding("pins in use", "failure", words, f"gpioinfo {chip.name}")


def _listed(numbers: list[int], pins: dict[int, str]) -> str:
    return ", ".join(f"GPIO{number} ({pins[number]})" for number in numbers)


def _query(chip: Path, request: int, memory: bytearray, ioctl: Ioctl) -> bytearray:
    """`memory`, filled in by the kernel. Raises OSError."""
    descriptor = os.open(chip, os.O_RDONLY | os.O_CLOEXEC)
    try:
        ioctl(descriptor, request, memory)
    finally:
        os.close(descriptor)
    return memory


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", errors="replace")
