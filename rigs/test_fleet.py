"""The fleet's rig says when this machine cannot keep its pace, and which it could keep."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import fleet
import pytest


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = SimpleNamespace(now=100.0)
    monkeypatch.setattr(fleet.time, "monotonic", lambda: made.now)
    return made


def pace(behind: float, given: int, heard: int) -> Any:
    """Of a thousand devices that give a message a second."""
    devices: Any = SimpleNamespace(behind=behind, given=given)
    subscriber: Any = SimpleNamespace(heard=heard)
    return fleet.Pace(devices, subscriber, 1000, 1.0)


def test_small_delay_keeps_pace(clock: SimpleNamespace) -> None:
    kept = pace(0.5, 10_000, 9_000)
    clock.now += 10.0
    kept.check()
    assert kept.keeps


@pytest.mark.parametrize(("behind", "given"), [(5.0, 5_000), (0.0, 10_000)])
def test_too_slow_names_the_rate_it_carries(clock: SimpleNamespace, behind: float, given: int) -> None:
    """Whether the devices are late, or what they gave does not come."""
    lost = pace(behind, given, 5_000)
    clock.now += 10.0
    assert not lost.keeps
    with pytest.raises(fleet.TooSlowError, match=r"carries 500 messages a second, and not 1000.* --interval 2\.6"):
        lost.check()
