"""A Pi 3's pins, lit by the service at boot and read from outside: QEMU tells the BCM2837's level register.

First the demo clip with the real detector and model, then a video of seven grey levels, which the fake classifier takes
for the seven emotions. The path is the device's own: gpiozero, lgpio, /dev/gpiochip0, the kernel's pinctrl-bcm2835.
A light is on or off here (`led.follow = false`); dimmed ones are made of pulses, whose lengths mean nothing emulated.
"""

from __future__ import annotations

import shutil
import time
import tomllib
from itertools import groupby

from debian import RigError, say
from device_image import BUILD, GUEST, Made
from device_machine import Machine, Monitor

LEVELS = 0x3F200034  # GPLEV0: bit N is what pin N carries
BOOT = 600.0  # seconds until the first line, on a busy machine
SETTLED = 0.5  # seconds around a change of the label in which either is right
BOARD = ["-M", "raspi3b", "-serial", "null", "-serial", "stdio"]
RUNS = {"pins.toml": 600, "sweep.toml": 130}  # settings -> lines to wait for


def read_back(made: Made) -> list[str]:
    """Both runs; what is not as promised. Raises RigError."""
    return [words for settings, lines in RUNS.items() for words in watch(made, settings, lines)]


def watch(made: Made, settings: str, lines: int) -> list[str]:
    """Boot, and compare pins and labels until so many lines were written. Raises RigError."""
    image, address = BUILD / "pi3.img", BUILD / "pi3.socket"
    shutil.copyfile(made.image, image)
    address.unlink(missing_ok=True)
    board = [*BOARD, "-dtb", str(made.pi3), "-drive", f"file={image},format=raw,if=sd"]
    board += ["-qmp", f"unix:{address},server=on,wait=off"]
    words = "console=ttyS1,115200 root=/dev/mmcblk0 rootwait modprobe.blacklist=vchiq"
    machine = Machine(made, board, words, {"FER_CONFIG": settings, "FER_ROTATE": "10"})
    samples: list[tuple[float, float, int]] = []  # moments before and after reading, level of all pins
    try:
        monitor = Monitor(address)
        booted = machine.until("fer-edge logs by itself", BOOT, lambda: machine.texts("L"))
        say(f"Pi 3, {settings}: first line {booted:.0f} s after the power")
        end = time.monotonic() + BOOT
        while len(machine.texts("L")) < lines:
            before = time.monotonic()
            samples.append((before, time.monotonic(), monitor.word(LEVELS)))
            if before > end:
                raise RigError(f"device: NOT within {BOOT:g} s: {lines} lines, {len(machine.texts('L'))} are there")
            time.sleep(0.05)
        monitor.close()
    except OSError as cause:
        raise RigError("\n".join([*machine.console[-20:], f"device: the emulator is gone ({cause})"])) from None
    finally:
        machine.kill()
        image.unlink()
    labels = [(told.moment, told.text.split()[2]) for told in machine.told if told.kind == "L"]
    return compare(settings, labels, samples)


def compare(settings: str, labels: list[tuple[float, str]], samples: list[tuple[float, float, int]]) -> list[str]:
    """Say how pins and labels agree; what is not as promised."""
    pins: dict[str, int] = tomllib.loads((GUEST / settings).read_text())["led"]["pins"]
    every = sum(1 << pin for pin in pins.values())
    right: dict[str, int] = {}
    wrong: list[str] = []
    for before, after, word in samples:
        if before - SETTLED < labels[0][0]:  # the lights of the start
            continue
        around = {label for moment, label in labels if before - SETTLED <= moment <= after + SETTLED}
        around |= set([label for moment, label in labels if moment <= before - SETTLED][-1:])
        if len(around) == 1:
            (label,) = around
            on = sorted(name for name, pin in pins.items() if word >> pin & 1)
            if word & every == (1 << pins[label] if label in pins else 0):
                right[label] = right.get(label, 0) + 1
            else:
                wrong.append(f"pins: {' and '.join(on) or 'none'} on while the log says {label}")
    shown = ", ".join(f"{label} {count}" for label, count in sorted(right.items()))
    changes = len([label for label, _ in groupby(label for _, label in labels)]) - 1
    print(f"{settings}: {changes} changes of the label; readings where pins and log agree: {shown}", flush=True)
    print(f"{settings}: readings where they do not: {len(wrong)}", flush=True)
    if settings == "sweep.toml" and not set(pins) <= set(right):
        wrong.append(f"pins: {', '.join(sorted(set(pins) - set(right)))}: never seen on")
    return sorted(set(wrong))
