"""The processor's temperature, and whether the firmware throttled it."""

from __future__ import annotations

from collections.abc import Iterator

from fer_edge.bench.machine import SINCE_BOOT_SHIFT, THROTTLE_FLAGS, MachineState, describe, sample
from fer_edge.doctor.finding import Context, Finding
from fer_edge.errors import counted

WARM_CELSIUS, HOT_CELSIUS = 70.0, 80.0  # a Raspberry Pi throttles from 80 on


def check(context: Context) -> Iterator[Finding]:
    """The same values as `fer-edge bench` shows."""
    machine = describe(context.root)
    yield Finding("machine", "ok", f"{machine.board}, {counted(machine.cores, 'core')}, {machine.system}")
    state = sample(context.root, lambda: context.ask("vcgencmd", "get_throttled"))
    yield temperature(state)
    if state.throttled is not None:
        yield throttling(state.throttled)


def temperature(state: MachineState) -> Finding:
    """Whether the processor is too hot."""
    if state.celsius is None:
        return Finding("temperature", "ok", "not known: this machine has no readable sensor")
    words = f"{state.celsius:.0f} °C"
    if state.celsius >= HOT_CELSIUS:
        return Finding("temperature", "failure", f"{words}: throttled; add a heat sink, or lower source.fps")
    if state.celsius >= WARM_CELSIUS:
        return Finding("temperature", "warning", f"{words}: warm; improve its cooling before a hot day")
    return Finding("temperature", "ok", words)


def throttling(flags: int) -> Finding:
    """What the firmware's `flags` mean: the lower bits are for now, the upper ones for any time since the boot."""
    now = [words for bit, words in THROTTLE_FLAGS.items() if flags >> bit & 1]
    past = [words for bit, words in THROTTLE_FLAGS.items() if flags >> (bit + SINCE_BOOT_SHIFT) & 1]
    weak = any("under-voltage" in words for words in (*now, *past))
    fix = "use the Raspberry Pi's own power supply" if weak else "improve its cooling"
    if now:
        return Finding("power", "failure", f"throttled now: {', '.join(now)}; {fix}", "vcgencmd get_throttled")
    if past:
        words = f"was throttled since the boot: {', '.join(past)}; {fix}"
        return Finding("power", "warning", words, "vcgencmd get_throttled")
    return Finding("power", "ok", "never throttled since the boot")
