"""Pins that are free, taken, or not there are told apart, from what a Raspberry Pi's kernel answers."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fer_edge.doctor import pins
from fer_edge.doctor.finding import Finding, Place
from fer_edge.doctor.pins import CHIP, CHIPINFO, LINE, LINEINFO, USED, Line

LED = {"led": {"pins": {"red": 17, "green": 27, "blue": 22}, "button": 5}}


class Kernel:
    """Answers as the kernel of a Pi 4 with these pins in use."""

    def __init__(self, used: dict[int, bytes], labels: dict[str, bytes] | None = None, lines: int = 58) -> None:
        self._used, self._lines = used, lines
        self._labels = labels or {"gpiochip0": b"pinctrl-bcm2711", "gpiochip1": b"raspberrypi-exp-gpio"}

    def __call__(self, descriptor: int, request: int, memory: bytearray) -> None:
        chip = Path(f"/proc/self/fd/{descriptor}").readlink().name
        if request == CHIPINFO:
            memory[:] = CHIP.pack(chip.encode(), self._labels[chip], self._lines)
            return
        assert request == LINEINFO
        number = LINE.unpack(memory)[2]
        if number >= self._lines:
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


def test_the_requests_are_the_kernels() -> None:
    """asm-generic/ioctl.h: what is read and written, the size of the structure, the subsystem, the number in it."""
    numbers = [2 << 30 | CHIP.size << 16 | 0xB4 << 8 | 0x01, 3 << 30 | LINE.size << 16 | 0xB4 << 8 | 0x05]
    assert numbers == [CHIPINFO, LINEINFO]
    assert (CHIP.size, LINE.size) == (68, 256)


def test_free_pins(board: Callable[..., Place]) -> None:
    chip, lines = found(board(), Kernel({}))
    assert (chip.level, chip.says) == ("ok", "gpiochip0 (pinctrl-bcm2711)")
    assert lines.level == "ok"
    assert lines.says == "free: GPIO17 (red), GPIO27 (green), GPIO22 (blue), GPIO5 (button)"


@pytest.mark.parametrize(
    ("active", "by", "level"),
    [
        ("inactive", b"lg", "failure"),
        ("active", b"lg", "ok"),
        ("active", b"onewire", "failure"),
        ("active", b"", "failure"),
    ],
)
def test_a_pin_that_somebody_has(board: Callable[..., Place], active: str, by: bytes, level: str) -> None:
    _, lines = found(board(active), Kernel({27: by, 22: b"lg", 4: b"elsewhere"}))
    assert lines.level == level
    assert f"GPIO27 (green) is used by {by.decode() or 'the kernel'}; GPIO22 (blue) is used by lg" in lines.says
    assert "elsewhere" not in lines.says


def test_a_board_with_other_pins(board: Callable[..., Place]) -> None:
    (chip,) = found(board(), Kernel({}, {"gpiochip0": b"gpio-mockup", "gpiochip1": b"INT33FC"}))
    assert chip.level == "failure"
    assert "none of gpiochip0, gpiochip1" in chip.says


def test_a_pin_that_is_not_there(board: Callable[..., Place]) -> None:
    _, lines = found(board(), Kernel({}, lines=20))
    assert lines.level == "failure"
    assert lines.says == "gpiochip0 has no GPIO27 (green), GPIO22 (blue)"
    assert pins.line(board().root / "dev/gpiochip0", 3, Kernel({3: b"i2c"})) == Line(True, "i2c")


@pytest.mark.parametrize(("number", "cure"), [(errno.EACCES, "sudo fer-edge doctor"), (errno.ENOTTY, "")])
def test_a_chip_that_does_not_answer_is_said_to(board: Callable[..., Place], number: int, cure: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    (chip,) = pins.look(board(), refuse)
    assert (chip.level, chip.cure) == ("warning", cure)
    assert os.strerror(number) in chip.says


def test_what_is_no_chip_is_no_crash(board: Callable[..., Place]) -> None:
    """A file takes no such request; asked for real."""
    (chip,) = pins.look(board())
    assert chip.level == "warning"
