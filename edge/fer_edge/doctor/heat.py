"""How hot the processor is, and whether the machine was held back."""

from __future__ import annotations

from collections.abc import Iterator

from fer_edge.bench.machine import HELD_BACK, SINCE_BOOT, State, describe, sample
from fer_edge.doctor.finding import Finding, Place

WARM, HOT = 70.0, 80.0  # degrees Celsius; a Raspberry Pi slows down from 80 on


def look(place: Place) -> Iterator[Finding]:
    """As `fer-edge bench` reads them."""
    machine = describe(place.root)
    yield Finding("machine", "ok", f"{machine.board}, {machine.cores} cores, {machine.system}")
    state = sample(place.root, lambda: place.ask("vcgencmd", "get_throttled"))
    yield temperature(state)
    if state.throttled is not None:
        yield held_back(state.throttled)


def temperature(state: State) -> Finding:
    """Of the processor."""
    if state.celsius is None:
        return Finding("temperature", "ok", "this machine does not tell")
    words = f"{state.celsius:.0f} °C"
    if state.celsius >= HOT:
        return Finding("temperature", "failure", f"{words}: it slows itself down; add a heat sink, or lower source.fps")
    if state.celsius >= WARM:
        return Finding("temperature", "warning", f"{words}: warm; give it air before summer does")
    return Finding("temperature", "ok", words)


def held_back(flags: int) -> Finding:
    """The firmware's flags: the lower bits are of now, the upper ones of some time since the start."""
    now = [words for bit, words in HELD_BACK.items() if flags >> bit & 1]
    past = [words for bit, words in HELD_BACK.items() if flags >> (bit + SINCE_BOOT) & 1]
    cure = "use the Raspberry Pi's own power supply" if any("under-voltage" in w for w in (*now, *past)) else "cool it"
    if now:
        return Finding("power", "failure", f"held back now: {', '.join(now)}; {cure}", "vcgencmd get_throttled")
    if past:
        return Finding("power", "warning", f"was held back: {', '.join(past)}; {cure}", "vcgencmd get_throttled")
    return Finding("power", "ok", "never held back since the start")
