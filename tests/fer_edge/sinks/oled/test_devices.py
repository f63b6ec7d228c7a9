"""Displays are opened as they are wired, and what is missing is said with the cure."""

from __future__ import annotations

import errno
import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from fer_edge.errors import SettingsError, SinkError
from fer_edge.settings import OLED_DEVICES, OledSettings
from fer_edge.sinks.oled.devices import DRIVERS, open_device, release, translated
from luma.core.interface import serial


@pytest.fixture
def wires(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What the bus is opened with."""
    asked: dict[str, dict[str, Any]] = {}

    def opened(kind: str) -> Any:
        def make(**how: Any) -> Any:
            asked[kind] = how
            return Mock(spec=["command", "data", "cleanup", "_bus"])

        return make

    for kind in ("i2c", "spi"):
        monkeypatch.setattr(serial, kind, opened(kind))
    return asked


def test_every_driver_is_allowed() -> None:
    """Settings allow every driver and the fakes."""
    assert set(OLED_DEVICES) == {*DRIVERS, "dummy", "dummy-colour"}


@pytest.mark.parametrize("name", ["ssd1306", "ssd1309", "sh1106"])
def test_an_oled_on_i2c(name: str, wires: dict[str, dict[str, Any]]) -> None:
    device = open_device(OledSettings(device=name, i2c_port=3, i2c_address=0x3D))
    assert wires == {"i2c": {"port": 3, "address": 0x3D}}
    assert (device.width, device.height, device.mode) == (128, 64, "1")


def test_own_size_and_rotation(wires: dict[str, dict[str, Any]]) -> None:
    """A size and a turn of one's own."""
    device = open_device(OledSettings(width=128, height=32, rotate=1))
    assert (device.width, device.height) == (32, 128)


@pytest.mark.parametrize(("name", "size"), [("ssd1351", (128, 128)), ("ssd1331", (96, 64)), ("sh1106", (128, 64))])
def test_an_oled_on_spi(name: str, size: tuple[int, int], wires: dict[str, dict[str, Any]]) -> None:
    device = open_device(OledSettings(device=name, interface="spi", gpio_dc=5, gpio_reset=6, spi_device=1))
    assert device.size == size
    assert wires["spi"] == {"port": 0, "device": 1, "gpio_DC": 5, "gpio_RST": 6, "bus_speed_hz": 8_000_000}


@pytest.mark.parametrize(("name", "size"), [("st7789", (240, 240)), ("st7735", (160, 128)), ("ili9341", (320, 240))])
def test_an_lcd_with_its_light(
    name: str, size: tuple[int, int], wires: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = Mock(BCM=11, OUT=0)
    monkeypatch.setitem(sys.modules, "RPi", SimpleNamespace(GPIO=pins))
    monkeypatch.setitem(sys.modules, "RPi.GPIO", pins)
    device = open_device(OledSettings(device=name, interface="spi", gpio_light=13))
    assert device.size == size
    assert device.mode == "RGB"
    assert 13 in [argument for call in pins.setup.call_args_list for argument in call.args]


def test_spi_only_display_refuses_i2c() -> None:
    """What speaks spi alone is not looked for on i2c."""
    with pytest.raises(SettingsError, match=r"oled\.interface = 'i2c': a st7789 has SPI only; set it to \"spi\""):
        open_device(OledSettings(device="st7789"))


def test_a_bus_that_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SinkError, match=r"there is no I2C bus 98 .*sudo raspi-config nonint do_i2c 0"):
        open_device(OledSettings(i2c_port=98))


def failing(cause: Exception, **settings: Any) -> str:
    with pytest.raises((SinkError, SettingsError)) as caught, translated(OledSettings(**settings)):
        raise cause
    return str(caught.value)


def test_errors_have_a_fix() -> None:
    """What goes wrong is reported with the fix."""
    from luma.core import error

    answer = failing(error.DeviceNotFoundError("I2C device not found on address: 0x3C"))
    assert "no display answers at 0x3C on bus 1" in answer
    assert "i2cdetect -y 1" in answer
    assert "0x3C on bus 1" in failing(OSError(errno.EREMOTEIO, "Remote I/O error"))
    assert "usermod -aG i2c" in failing(error.DevicePermissionError("I2C device permission denied: /dev/i2c-1"))
    assert "do_spi 0" in failing(error.DeviceNotFoundError("SPI device not found"), interface="spi")
    assert "rpi-lgpio" in failing(error.UnsupportedPlatform("GPIO access not available"), interface="spi")
    assert "usermod -aG spi,gpio" in failing(PermissionError(13, "Permission denied"), interface="spi")
    assert "check the display's wires" in failing(ValueError("strange"), interface="spi")


def test_missing_library_has_a_fix() -> None:
    """What is not installed is reported with the fix."""
    assert failing(ModuleNotFoundError(name="luma.oled")).endswith("pip install 'fer-edge[oled]'")
    assert failing(ModuleNotFoundError(name="RPi")).endswith("pip install rpi-lgpio")
    assert failing(ModuleNotFoundError(name="spidev")).endswith("pip install spidev")


def test_silent_display_leaks_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A display that does not answer keeps nothing open."""
    line = Mock(spec=["command", "data", "cleanup", "_bus"])
    line.command.side_effect = OSError(errno.EREMOTEIO, "Remote I/O error")
    monkeypatch.setattr(serial, "i2c", lambda **_: line)
    with pytest.raises(SinkError):
        open_device(OledSettings())
    line.cleanup.assert_called_once()


def test_unplugged_display_is_released() -> None:
    """One that was pulled out is released too."""
    line, device = Mock(spec=["cleanup"]), Mock(spec=["cleanup", "_serial_interface"])
    device.cleanup.side_effect = OSError(errno.EREMOTEIO, "Remote I/O error")
    device._serial_interface = line
    with pytest.raises(OSError, match="Remote"):
        release(device)
    line.cleanup.assert_called_once()
