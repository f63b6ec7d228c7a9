"""Displays that luma drives, imported late, and its errors as messages."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Iterator
from typing import Any

from fer_edge.errors import FerEdgeError, SettingsError, SinkError, first_line
from fer_edge.extras import install_command
from fer_edge.settings import OledSettings

# name -> module, class in luma
DRIVERS = {
    "ssd1306": ("luma.oled.device", "ssd1306"),
    "ssd1309": ("luma.oled.device", "ssd1309"),
    "sh1106": ("luma.oled.device", "sh1106"),
    "ssd1331": ("luma.oled.device", "ssd1331"),
    "ssd1351": ("luma.oled.device", "ssd1351"),
    "st7735": ("luma.lcd.device", "st7735"),
    "st7789": ("luma.lcd.device", "st7789"),
    "ili9341": ("luma.lcd.device", "ili9341"),
}
LCDS = ("st7735", "st7789", "ili9341")  # with a backlight, whose pin luma switches
SPI_ONLY = ("ssd1331", "ssd1351", *LCDS)


def open_device(settings: OledSettings) -> Any:
    """The display that the settings name, as a luma device. Raises SettingsError, SinkError."""
    with translated(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # RPi.GPIO's, about pins that another program left as outputs
        size = {key: value for key in ("width", "height") if (value := getattr(settings, key))}
        if settings.device in ("dummy", "dummy-colour"):
            from luma.core.device import dummy

            return dummy(mode="RGB" if settings.device == "dummy-colour" else "1", rotate=settings.rotate, **size)
        if settings.device in SPI_ONLY and settings.interface == "i2c":
            raise SettingsError(f"oled.interface = 'i2c': a {settings.device} has SPI only; set it to \"spi\"")
        module, name = DRIVERS[settings.device]
        driver = getattr(importlib.import_module(module), name)
        light = {"gpio_LIGHT": settings.gpio_light} if settings.device in LCDS else {}
        line = _line(settings)
        try:
            return driver(line, rotate=settings.rotate, **size, **light)
        except BaseException:
            line.cleanup()  # each try of a display that does not answer would keep a file open
            raise


def release(device: Any) -> None:
    """Turn `device` off and close its interface, even if it no longer answers. Raises what luma raises."""
    try:
        device.cleanup()
    finally:
        line = getattr(device, "_serial_interface", None)
        if line is not None:
            with contextlib.suppress(Exception):  # closed already, or not answering either
                line.cleanup()


def _line(settings: OledSettings) -> Any:
    from luma.core.interface import serial

    if settings.interface == "i2c":
        return serial.i2c(port=settings.i2c_port, address=settings.i2c_address)
    return serial.spi(
        port=settings.spi_port,
        device=settings.spi_device,
        gpio_DC=settings.gpio_dc,
        gpio_RST=settings.gpio_reset,
        bus_speed_hz=8_000_000,
    )


@contextlib.contextmanager
def translated(settings: OledSettings) -> Iterator[None]:
    """Turns errors of luma and of the system into SettingsError and SinkError."""
    try:
        yield
    except FerEdgeError:
        raise
    except ModuleNotFoundError as cause:
        raise SettingsError(f"oled: {cause.name} is not installed; {_package(cause.name or '')}") from cause
    except Exception as cause:  # luma has its own tree, its drivers others, and all raise OSError too
        raise SinkError(f"oled: {_explain(first_line(cause), settings)}") from cause


def _package(module: str) -> str:
    if module.startswith("RPi"):
        return "install it with: pip install rpi-lgpio"
    command = install_command("oled") if module.startswith("luma") else f"pip install {module.partition('.')[0]}"
    return f"install it with: {command}"


def _explain(words: str, settings: OledSettings) -> str:
    address = f"0x{settings.i2c_address:02X}"
    if settings.interface == "i2c":
        if "permission" in words:
            return f"{words}; be in the group i2c: sudo usermod -aG i2c $USER, and log in again"
        if "not found on address" in words or "Errno 121" in words:
            return (
                f"no display answers at {address} on bus {settings.i2c_port} ({words}); check its wires, "
                f"and oled.i2c_address with: i2cdetect -y {settings.i2c_port}"
            )
        if "not found" in words:
            cure = "switch it on with: sudo raspi-config nonint do_i2c 0"
            return f"there is no I2C bus {settings.i2c_port} ({words}); {cure}"
        return f"{words}; check the display's wires, and oled.width and height"
    if "device not found" in words:
        return (
            f"there is no SPI bus {settings.spi_port}.{settings.spi_device} ({words}); "
            "switch it on with: sudo raspi-config nonint do_spi 0"
        )
    if "GPIO access" in words:
        cure = 'on a Raspberry Pi: pip install rpi-lgpio; to try it without one: oled.device = "dummy"'
        return f"the pins cannot be reached ({words}); {cure}"
    if "ermission" in words:
        return f"{words}; be in the groups spi and gpio: sudo usermod -aG spi,gpio $USER, and log in again"
    return f"{words}; check the display's wires, oled.gpio_dc, oled.gpio_reset, and oled.width and height"
