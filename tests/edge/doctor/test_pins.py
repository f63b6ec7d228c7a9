"""Pins that are free, taken, or not there are told apart, from what a Raspberry Pi's kernel answers."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.doctor import pins
from edge.doctor.finding import Finding, Place
from edge.doctor.pins import CHIP, CHIPINFO, LINE, LINEINFO, USED, Line

LED = {"led": {"pins": {"red": 17, "green": 27, "blue": 22}, "button": 5}}


class Kernel:
    """Answers as the kernel of a Pi 4 with these pins in use."""

    def __init__(self, used: dict[int, bytes], labels: dict[str, bytes] | None = None) -> None:
        self._used = used
        self._labels = labels or {"gpiochip0": b"pinctrl-bcm2711", "gpiochip1": b"raspberrypi-exp-gpio"}

    def __call__(self, descriptor: int, request: int, memory: bytearray) -> None:
        chip = Path(f"/proc/self/fd/{descriptor}").readlink().name
        if request == CHIPINFO:
            memory[:] = CHIP.pack(chip.encode(), self._labels[chip], 58)
            return
        assert request == LINEINFO
        number = LINE.unpack(memory)[2]
        if number >= 58:
            raise OSError(errno.EINVAL, "Invalid argument")
        flags = USED if number in self._used else 0
        memory[:] = LINE.pack(f"GPIO{number}".encode(), self._used.get(number, b""), number, 0, flags, b"")


@pytest.fixture
def board(make_place: Callable[..., Place]) -> Callable[..., Place]:
    """A Raspberry Pi's two chips, and what systemd says of the service."""

    def make(active: str = "inactive", **tables: object) -> Place:
        place = make_place({"systemctl": active}, **(LED | tables))
        (place.root / "dev").mkdir(parents=True, exist_ok=True)
        for number in (0, 1):
            (place.root / f"dev/gpiochip{number}").touch()
        return place

    return make


def found(place: Place, kernel: Kernel) -> list[Finding]:
    return list(pins.look(place, kernel))


def test_the_structures_have_the_kernels_sizes() -> None:
    """The size is part of each request's number (asm-generic/ioctl.h)."""
    assert CHIP.size == CHIPINFO >> 16 & 0x3FFF
    assert LINE.size == LINEINFO >> 16 & 0x3FFF


def test_free_pins(board: Callable[..., Place]) -> None:
    chip, lines = found(board(), Kernel({}))
    assert (chip.level, chip.says) == ("ok", "gpiochip0 (pinctrl-bcm2711)")
    assert lines.level == "ok"
    assert lines.says == "free: GPIO17 (red), GPIO27 (green), GPIO22 (blue), GPIO5 (button)"


@pytest.mark.parametrize(("active", "level"), [("inactive", "failure"), ("active", "ok")])
def test_a_pin_that_somebody_has(board: Callable[..., Place], active: str, level: str) -> None:
    _, lines = found(board(active), Kernel({27: b"onewire", 22: b"", 4: b"elsewhere"}))
    assert lines.level == level
    assert "GPIO27 (green) is used by onewire; GPIO22 (blue) is used by the kernel" in lines.says
    assert "elsewhere" not in lines.says


def test_a_board_with_other_pins(board: Callable[..., Place]) -> None:
    (chip,) = found(board(), Kernel({}, {"gpiochip0": b"gpio-mockup", "gpiochip1": b"INT33FC"}))
    assert chip.level == "failure"
    assert "none of gpiochip0, gpiochip1" in chip.says


def test_a_number_that_the_chip_does_not_have(board: Callable[..., Place]) -> None:
    chip = board().root / "dev/gpiochip0"
    kernel = Kernel({3: b"i2c"})
    assert pins.line(chip, 58, kernel) is None
    assert pins.line(chip, 3, kernel) == Line(True, "i2c")


def test_what_is_no_chip_is_no_crash(board: Callable[..., Place]) -> None:
    """A file takes no such request; asked for real."""
    assert pins.name(board().root / "dev/gpiochip0") == ""
    assert pins.name(board().root / "dev/gpiochip9") == ""
