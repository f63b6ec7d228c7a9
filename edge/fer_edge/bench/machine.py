"""The machine under the benchmark: what it is, how hot and fast it runs, and whether it was held back.

On a Raspberry Pi the firmware says so (raspberrypi.com/documentation/computers/os.html, `get_throttled`). What a
machine does not tell is None. All is read below `root`, so that tests can make a Pi of files.
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

THROTTLE_FLAGS = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}  # bits: right now
SINCE_BOOT_SHIFT = 16  # so many bits further up: the same at some time since the start
PACKAGES = ("ai-edge-litert", "tflite-runtime", "opencv-python-headless", "opencv-python", "numpy")


@dataclass(frozen=True)
class Machine:
    """What does not change while the benchmark runs."""

    board: str  # "Raspberry Pi 5 Model B Rev 1.0", or the processor's name
    processor: str  # as costs on cards name it
    cores: int  # that this process may use
    system: str  # "Debian GNU/Linux 12 (bookworm)"
    python: str
    packages: dict[str, str]  # name -> version, those of PACKAGES that are installed


@dataclass(frozen=True)
class MachineState:
    """What does change."""

    celsius: float | None
    mhz: float | None  # of the first core
    throttled: int | None  # the firmware's flags, see THROTTLE_FLAGS
    busy: float | None  # processor seconds spent by all programs since the start of the machine
    ours: float  # processor seconds spent by this one and its children
    at: float  # seconds, on a clock that never runs back


def describe(root: Path = ROOT) -> Machine:
    """The machine that this runs on."""
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
    """What `vcgencmd get_throttled` says, such as "throttled=0x50005"; nothing where there is no firmware to ask."""
    try:
        command = ["vcgencmd", "get_throttled"]
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def sample(root: Path = ROOT, ask: Callable[[], str] = ask_firmware) -> MachineState:
    """How the machine is now."""
    kilohertz = _number(_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"))
    # The kernel's file is for systems without the tool; reading it may clear the flags of the past.
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
    """Processor cores that other programs kept busy between two states, on average."""
    if before.busy is None or after.busy is None or after.at <= before.at:
        return None
    foreign = after.busy - before.busy - (after.ours - before.ours)
    return max(foreign / (after.at - before.at), 0.0)


def held_back(states: Iterable[MachineState]) -> list[str]:
    """What held the machine back while the `states` were sampled, in words; empty where nothing did.

    A flag of the past counts where the first state lacks it: it then rose meanwhile.
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
    """What stands behind `key` and `separator` on the first line that has both; nothing where no line has."""
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
