"""The machine under the benchmark: its hardware and software, its temperature and clock, and whether it throttled.

A Raspberry Pi's firmware reports throttling (raspberrypi.com/documentation/computers/os.html, `get_throttled`). A value
that a machine does not report is None. All files are read below `root`, so that tests can simulate a Pi.
"""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fer_edge.classifiers.cards import processor
from fer_edge.sources.thermal import ROOT, celsius

THROTTLE_FLAGS = {
    0: "under-voltage",
    1: "clock capped",
    2: "throttled",
    3: "soft temperature limit",
}  # bit -> what is true now
SINCE_BOOT_SHIFT = 16  # this many bits higher: what was true at some time since the boot
PACKAGES = ("ai-edge-litert", "tflite-runtime", "opencv-python-headless", "opencv-python", "numpy")


@dataclass(frozen=True)
class Machine:
    """What does not change while the benchmark runs."""

    board: str  # "Raspberry Pi 5 Model B Rev 1.0", or the processor's name
    processor: str  # as the costs on cards name it, see `fer_edge.classifiers.cards.processor`
    cores: int  # that this process may use
    system: str  # "Debian GNU/Linux 12 (bookworm)"
    python: str
    packages: dict[str, str]  # name -> version, those of PACKAGES that are installed


@dataclass(frozen=True)
class MachineState:
    """What changes while the benchmark runs."""

    celsius: float | None
    mhz: float | None  # of the first core
    throttled: int | None  # the firmware's flags, see THROTTLE_FLAGS
    busy: float | None  # processor seconds spent by all programs since the boot
    ours: float  # processor seconds spent by this process and its children
    at: float  # seconds on a monotonic clock


def describe(root: Path = ROOT) -> Machine:
    """The machine that this process runs on."""
    board = _text(root / "proc/device-tree/model").strip("\0\n ")
    name = _field(_text(root / "proc/cpuinfo"), "model name", ":")
    system = _field(_text(root / "etc/os-release"), "PRETTY_NAME", "=").strip('"')
    return Machine(
        board=board or name or platform.machine(),
        processor=processor(root / "proc/cpuinfo"),
        cores=len(os.sched_getaffinity(0)),
        system=system or platform.system(),
        python=platform.python_version(),
        packages={name: found for name in PACKAGES if (found := _version(name))},
    )


def ask_firmware() -> str:
    """The output of `vcgencmd get_throttled`, such as "throttled=0x50005"; "" on other machines than a Pi."""
    try:
        command = ["vcgencmd", "get_throttled"]
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def sample(root: Path = ROOT, ask: Callable[[], str] = ask_firmware) -> MachineState:
    """The machine's state now; `ask` gives the output of `vcgencmd get_throttled`."""
    kilohertz = _number(_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"))
    # The kernel's file is for systems without vcgencmd; reading it may clear the flags since the boot.
    flags = ask().partition("=")[2] or _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    # proc(5): user nice system idle iowait irq softirq steal; all but idle and iowait are work.
    ticks = [_number(word) or 0.0 for word in _field(_text(root / "proc/stat"), "cpu", " ").split()]
    work = sum(ticks[:3] + ticks[5:8]) / os.sysconf("SC_CLK_TCK") if len(ticks) >= 8 else None
    spent = os.times()
    return MachineState(
        celsius=celsius(root),
        mhz=None if kilohertz is None else kilohertz / 1000,
        throttled=_flags(flags),
        busy=work,
        ours=spent.user + spent.system + spent.children_user + spent.children_system,
        at=time.monotonic(),
    )


def others(before: MachineState, after: MachineState) -> float | None:
    """Processor cores that other programs kept busy between the two states, on average; None if not known."""
    if before.busy is None or after.busy is None or after.at <= before.at:
        return None
    seconds = after.busy - before.busy - (after.ours - before.ours)
    return max(seconds / (after.at - before.at), 0.0)


def throttle_reasons(states: Iterable[MachineState]) -> list[str]:
    """Why the machine throttled while the `states` were sampled, in words; empty if it did not.

    A since-boot flag counts only if the first state lacks it, so it was set meanwhile.
    """
    flags = [state.throttled for state in states if state.throttled is not None]
    if not flags:
        return []
    seen = 0
    for now in flags:
        seen |= now & 0xF | ((now & ~flags[0]) >> SINCE_BOOT_SHIFT)
    return [words for bit, words in THROTTLE_FLAGS.items() if seen >> bit & 1]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _field(text: str, key: str, separator: str) -> str:
    """The text behind `key` and `separator` on the first line that has both; "" if none has."""
    for line in text.splitlines():
        name, found, value = line.partition(separator)
        if found and name.strip() == key:
            return value.strip()
    return ""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _flags(text: str) -> int | None:
    try:
        return int(text.strip(), 16)  # takes "0x50005" and "50005"
    except ValueError:
        return None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
