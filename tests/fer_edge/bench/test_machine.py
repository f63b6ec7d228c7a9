"""A Raspberry Pi made of files: what it is, how it fares, and whether it was held back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from fer_edge.bench.machine import MachineState, ask_firmware, describe, others, sample, throttle_reasons


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    for name, text in {
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
        "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd asimddp\n",
        "proc/stat": "cpu  100 200 300 4000 500 60 70 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n",
        "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "2400000\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def state(throttled: int | None) -> MachineState:
    return MachineState(None, None, throttled, None, 0.0, 0.0)


def test_pi_has_its_board_name(pi: Path) -> None:
    """A Pi's name comes from its device tree."""
    found = describe(pi)
    assert found.board == "Raspberry Pi 5 Model B Rev 1.0"
    assert found.system == "Debian GNU/Linux 12 (bookworm)"
    assert found.cores >= 1
    assert "numpy" in found.packages


def test_pc_has_its_processor_name(pi: Path) -> None:
    """Another machine is named after its processor."""
    (pi / "proc/device-tree/model").unlink()
    (pi / "proc/cpuinfo").write_text("processor\t: 0\nmodel name\t: AMD EPYC\n")
    assert describe(pi).board == "AMD EPYC"


def test_temperature_clock_and_flags(pi: Path) -> None:
    found = sample(pi, lambda: "throttled=0xe0008\n")
    assert (found.celsius, found.mhz, found.throttled) == (48.312, 2400.0, 0xE0008)
    assert found.busy is not None
    assert found.busy * 100 == pytest.approx(100 + 200 + 300 + 60 + 70 + 8)  # not idle, not waiting


def test_flags_fall_back_to_kernel(pi: Path) -> None:
    """Without vcgencmd the flags come from the kernel's file."""
    assert sample(pi, lambda: "").throttled == 0x50005


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    found = sample(tmp_path, lambda: "VCHI initialization failed\n")
    assert (found.celsius, found.mhz, found.throttled, found.busy) == (None, None, None, None)
    assert describe(tmp_path).board
    assert throttle_reasons([found, found]) == []
    assert others(found, found) is None


def test_no_firmware_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert ask_firmware() == ""


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([0, 0, 0], []),
        ([0, 0x4, 0], ["throttled"]),  # seen in the act
        ([0, 0x20000, 0x20000], ["clock capped"]),  # it was, between two samples
        ([0x50000, 0x50000], []),  # before we came
        ([0x50000, 0x50005], ["under-voltage", "throttled"]),
        ([0, 0x80008], ["soft temperature limit"]),
    ],
)
def test_what_held_it_back_meanwhile(flags: list[int], words: list[str]) -> None:
    assert throttle_reasons(map(state, flags)) == words


def test_what_others_kept_busy() -> None:
    before = MachineState(None, None, None, busy=100.0, ours=1.0, at=50.0)
    after = dataclasses.replace(before, busy=130.0, ours=11.0, at=60.0)
    assert others(before, after) == pytest.approx(2.0)
    assert others(before, dataclasses.replace(after, busy=105.0)) == 0.0  # clocks differ by a tick
