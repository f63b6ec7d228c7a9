"""Whether the pins that lights and button are on are there, and free. The kernel is asked; no pin is touched."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from fer_edge.doctor.finding import Finding, Place
from fer_edge.settings import LedSettings

# linux/gpio.h: struct gpiochip_info and struct gpio_v2_line_info, and the requests that fill them in.
CHIP = struct.Struct("32s32sI")
LINE = struct.Struct("32s32sIIQ160s16x")
CHIPINFO, LINEINFO = 0x8044B401, 0xC100B405
USED = 1 << 0  # GPIO_V2_LINE_FLAG_USED
OURS = ("lg", "gpiozero")  # how the libraries that fer-edge drives pins with call themselves there

Ask = Callable[[int, int, bytearray], object]  # fcntl.ioctl


class Line(NamedTuple):
    """What the kernel knows of one pin."""

    used: bool  # by a program, or by the kernel itself
    by: str  # whom, as they call themselves


def look(place: Place, ask: Ask = fcntl.ioctl) -> Iterator[Finding]:
    """A line for the chip, and one for all pins."""
    chips = sorted((place.root / "dev").glob("gpiochip*"))
    if not chips:
        return  # told already
    try:
        header = next((chip for chip in chips if name(chip, ask).startswith("pinctrl-")), None)
        lines = {number: line(header, number, ask) for number in wanted(place.settings.led)} if header else {}
    except OSError as cause:
        words = f"not asked ({cause.strerror})"
        yield Finding("pin chip", "warning", words, "sudo fer-edge doctor" if cause.errno == errno.EACCES else "")
        return
    if header is None:
        words = f"none of {', '.join(chip.name for chip in chips)} is a Raspberry Pi's 40 pins"
        yield Finding("pin chip", "failure", words, "gpiodetect")
        return
    yield Finding("pin chip", "ok", f"{header.name} ({name(header, ask)})")
    ours = place.ask("systemctl", "is-active", "fer-edge").strip() == "active"  # which drives them, by its settings
    yield _lines(header, lines, wanted(place.settings.led), ours)


def wanted(settings: LedSettings) -> dict[int, str]:
    """Number of a pin -> what it is for."""
    pins = {number: colour for colour, number in settings.pins.items()}
    return pins | ({settings.button: "button"} if settings.button >= 0 else {})


def name(chip: Path, ask: Ask = fcntl.ioctl) -> str:
    """The chip's label, such as "pinctrl-bcm2711". Raises OSError."""
    return _text(CHIP.unpack(_asked(chip, CHIPINFO, bytearray(CHIP.size), ask))[1])


def line(chip: Path, number: int, ask: Ask = fcntl.ioctl) -> Line | None:
    """What is known of pin `number`; None where the chip has none of that number. Raises OSError."""
    question = bytearray(LINE.pack(b"", b"", number, 0, 0, b""))
    try:
        answer = _asked(chip, LINEINFO, question, ask)
    except OSError as cause:
        if cause.errno == errno.EINVAL:
            return None
        raise
    _, consumer, _, _, flags, _ = LINE.unpack(answer)
    return Line(bool(flags & USED), _text(consumer))


def _lines(chip: Path, lines: dict[int, Line | None], pins: dict[int, str], ours: bool) -> Finding:
    missing = [number for number, state in lines.items() if state is None]
    if missing:
        return Finding(
            "pins in use", "failure", f"{chip.name} has no {_listed(missing, pins)}", f"gpioinfo {chip.name}"
        )
    taken = {number: state.by for number, state in lines.items() if state is not None and state.used}
    if not taken:
        return Finding("pins in use", "ok", f"free: {_listed(list(pins), pins)}")
    words = "; ".join(f"GPIO{number} ({pins[number]}) is used by {by or 'the kernel'}" for number, by in taken.items())
    if ours and all(by.startswith(OURS) for by in taken.values()):
        return Finding("pins in use", "ok", f"{words}, which is fer-edge if no other program uses them")
    return Finding("pins in use", "failure", f"{words}; end that, or set other pins in [led]", f"gpioinfo {chip.name}")


def _listed(numbers: list[int], pins: dict[int, str]) -> str:
    return ", ".join(f"GPIO{number} ({pins[number]})" for number in numbers)


def _asked(chip: Path, request: int, memory: bytearray, ask: Ask) -> bytearray:
    """`memory` as the kernel filled it in. Raises OSError."""
    descriptor = os.open(chip, os.O_RDONLY | os.O_CLOEXEC)
    try:
        ask(descriptor, request, memory)
    finally:
        os.close(descriptor)
    return memory


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", errors="replace")
