"""Free, used and missing pins are distinguished by what a Raspberry Pi's kernel answers."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fer_edge.doctor import pins
from fer_edge.doctor.finding import Context, Finding
from fer_edge.doctor.pins import CHIP_INFO, FLAG_USED, GET_CHIPINFO, GET_LINEINFO, LINE_INFO, Line
from fer_edge.service.program import as_root

LED = {"led": {"pins": {"red": 17, "green": 27, "blue": 22}, "button": 5}}


class Kernel:
    """Answers as the kernel of a Pi 4 with these pins in use."""

    def __init__(self, used: dict[int, bytes], labels: dict[str, bytes] | None = None, lines: int = 58) -> None:
        self._used, self._lines = used, lines
        self._labels = labels or {"gpiochip0": b"pinctrl-bcm2711", "gpiochip1": b"raspberrypi-exp-gpio"}

    def __call__(self, descriptor: int, request: int, memory: bytearray) -> None:
        chip = Path(f"/proc/self/fd/{descriptor}").readlink().name
        if request == GET_CHIPINFO:
            memory[:] = CHIP_INFO.pack(chip.encode(), self._labels[chip], self._lines)
            return
        assert request == GET_LINEINFO
        number = LINE_INFO.unpack(memory)[2]
        if number >= self._lines:
            raise OSError(errno.EINVAL, "Invalid argument")
        flags = FLAG_USED if number in self._used else 0
        memory[:] = LINE_INFO.pack(f"GPIO{number}".encode(), self._used.get(number, b""), number, 0, flags, b"")


@pytest.fixture
def board(make_context: Callable[..., Context]) -> Callable[..., Context]:
    """A Raspberry Pi's two chips, and what systemd says of the service."""

    def make(active: str = "inactive", **tables: object) -> Context:
        context = make_context({"systemctl": active}, **(LED | tables))
        (context.root / "dev").mkdir(parents=True, exist_ok=True)
        for number in (0, 1):
            (context.root / f"dev/gpiochip{number}").touch()
        return context

    return make


def found(context: Context, kernel: Kernel) -> list[Finding]:
    return list(pins.check(context, kernel))


def test_the_requests_are_the_kernels() -> None:
    """asm-generic/ioctl.h: what is read and written, the size of the structure, the subsystem, the number in it."""
    numbers = [2 << 30 | CHIP_INFO.size << 16 | 0xB4 << 8 | 0x01, 3 << 30 | LINE_INFO.size << 16 | 0xB4 << 8 | 0x05]
    assert numbers == [GET_CHIPINFO, GET_LINEINFO]
    assert (CHIP_INFO.size, LINE_INFO.size) == (68, 256)


def test_free_pins(board: Callable[..., Context]) -> None:
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
def test_a_pin_that_somebody_has(board: Callable[..., Context], active: str, by: bytes, level: str) -> None:
    _, lines = found(board(active), Kernel({27: by, 22: b"lg", 4: b"elsewhere"}))
    assert lines.level == level
    assert f"GPIO27 (green) is used by {by.decode() or 'the kernel'}; GPIO22 (blue) is used by lg" in lines.says
    assert "elsewhere" not in lines.says


def test_a_board_with_other_pins(board: Callable[..., Context]) -> None:
    (chip,) = found(board(), Kernel({}, {"gpiochip0": b"gpio-mockup", "gpiochip1": b"INT33FC"}))
    assert chip.level == "failure"
    assert "none of gpiochip0, gpiochip1" in chip.says


def test_a_pin_that_is_not_there(board: Callable[..., Context]) -> None:
    _, lines = found(board(), Kernel({}, lines=20))
    assert lines.level == "failure"
    assert lines.says == "gpiochip0 has no GPIO27 (green), GPIO22 (blue)"
    assert pins.line(board().root / "dev/gpiochip0", 3, Kernel({3: b"i2c"})) == Line(True, "i2c")


@pytest.mark.parametrize(("number", "cure"), [(errno.EACCES, as_root("doctor")), (errno.ENOTTY, "")])
def test_silent_chip_is_a_warning(board: Callable[..., Context], number: int, cure: str) -> None:
    """A chip that does not answer is a warning."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    (chip,) = pins.check(board(), refuse)
    assert (chip.level, chip.cure) == ("warning", cure)
    assert os.strerror(number) in chip.says


def test_ordinary_file_is_a_warning(board: Callable[..., Context]) -> None:
    """A file that is not a chip refuses the request of the real kernel; that is a warning."""
    (chip,) = pins.check(board())
    assert chip.level == "warning"
