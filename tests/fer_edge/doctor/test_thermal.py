"""Temperature and the firmware's flags, in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fer_edge.doctor import thermal
from fer_edge.doctor.finding import Context


@pytest.mark.parametrize(("milli", "level"), [(55_000, "ok"), (72_000, "warning"), (84_000, "failure")])
def test_heat(milli: int, level: str, make_context: Callable[..., Context]) -> None:
    context = make_context({"vcgencmd": "throttled=0x0\n"})
    folder = context.root / "sys/class/thermal/thermal_zone0"
    folder.mkdir(parents=True)
    (folder / "temp").write_text(f"{milli}\n")
    _, temperature, power = thermal.check(context)
    assert (temperature.name, temperature.level) == ("temperature", level)
    assert (power.name, power.level) == ("power", "ok")


@pytest.mark.parametrize(
    ("flags", "level", "words"),
    [
        (0, "ok", "never"),
        (
            0x50000,
            "warning",
            "was throttled since the boot: under-voltage, throttled; use the Raspberry Pi's own",
        ),
        (0x50005, "failure", "throttled now: under-voltage, throttled"),
        (0x80008, "failure", "soft temperature limit; improve its cooling"),
    ],
)
def test_flags(flags: int, level: str, words: str) -> None:
    finding = thermal.throttling(flags)
    assert finding.level == level
    assert words in finding.says


def test_a_machine_that_tells_nothing(make_context: Callable[..., Context]) -> None:
    assert [finding.level for finding in thermal.check(make_context())] == ["ok", "ok"]
