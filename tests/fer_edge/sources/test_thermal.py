"""A hot processor gets fewer frames step by step, a cooler one more, and people are told, but not each time."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from fer_edge.sources.thermal import CHECK_INTERVAL_S, LOG_INTERVAL_S, MIN_FPS, STEADY_CHECKS, ThermalLimit, celsius


class Processor:
    """Runs as many frames as it may, at a temperature that the test sets."""

    def __init__(self, hot: float = 75.0) -> None:
        self.celsius: float | None = 50.0
        self.now = 0.0
        self.heat = ThermalLimit(hot, lambda: self.celsius)

    def run(
        self, fps: float = 20.0, seconds: float = CHECK_INTERVAL_S + 1, each: Callable[[float], None] = lambda _: None
    ) -> float:
        """For so long; the limit then. `each` frame takes so many seconds."""
        until = self.now + seconds
        limit = self.heat.limit(self.now)
        while self.now < until:
            step = 1 / min(fps, limit or fps)
            self.now += step
            each(step)
            limit = self.heat.limit(self.now)
        return limit


def test_hot_takes_frames_away_until_it_is_not_and_cool_gives_them_back(capsys: pytest.CaptureFixture[str]) -> None:
    processor = Processor()
    assert processor.run() == 0
    processor.celsius = 75.0
    limits = [processor.run() for _ in range(3)]
    assert limits == [pytest.approx(20 * 0.7**k, rel=0.1) for k in (1, 2, 3)]
    processor.celsius = 72.0  # neither hot nor cool
    assert processor.run() == limits[-1]
    processor.celsius = 70.0
    assert processor.run() == pytest.approx(limits[-1] / 0.7)
    while processor.run():
        pass
    assert capsys.readouterr().err.splitlines() == [
        "fer-edge: warning: hot: 75 °C; fewer frames a second until it is cooler; give it air, or a heat sink",
        "fer-edge: note: cool again: as many frames a second as before",
    ]


def test_while_it_gets_cooler_no_more_is_taken_away() -> None:
    processor = Processor()
    processor.celsius = 85.0
    first = processor.run()
    for processor.celsius in (83.0, 80.0, 76.0):
        assert processor.run() == first


def test_frames_come_back_step_by_step() -> None:
    """As many as were taken away: all at once would make it hot at once."""
    processor = Processor()
    processor.run()
    processor.celsius = 75.0
    for _ in range(3):
        processor.run()
    processor.celsius = 70.0
    assert [processor.run() for _ in range(3)] == [pytest.approx(9.8, rel=0.1), pytest.approx(14, rel=0.1), 0]


def test_it_is_said_once_an_hour(capsys: pytest.CaptureFixture[str]) -> None:
    """A processor at its limit goes to and fro; what was not said to be hot is not said to be cool again."""
    processor = Processor()
    processor.run()
    said = []
    for _ in range(int(1.5 * LOG_INTERVAL_S / (2 * CHECK_INTERVAL_S))):
        for processor.celsius in (80.0, 60.0):
            processor.run(seconds=CHECK_INTERVAL_S)
            said += [(processor.now, line.split()[2]) for line in capsys.readouterr().err.splitlines()]
    assert [word for _, word in said] == ["hot:", "cool", "hot:", "cool"]
    assert LOG_INTERVAL_S <= said[2][0] - said[0][0] <= LOG_INTERVAL_S + 2 * CHECK_INTERVAL_S


def test_a_steady_warmth_gets_more_again() -> None:
    """Between cool and hot, more is tried after so many looks, and not before."""
    processor = Processor()
    processor.run()
    processor.celsius = 75.0
    limit = [processor.run() for _ in range(2)][-1]
    processor.celsius = 72.0
    limits = [processor.run(seconds=CHECK_INTERVAL_S) for _ in range(STEADY_CHECKS + 2)]
    assert limits[: STEADY_CHECKS - 1] == [limit] * (STEADY_CHECKS - 1)
    assert limits[-1] > limit


def test_what_comes_is_what_is_cut() -> None:
    """Where fewer frames come than are allowed, to cut what is allowed would change nothing."""
    processor = Processor()
    processor.run()
    processor.celsius = 75.0
    assert processor.run(20.0) == pytest.approx(14, rel=0.1)
    processor.celsius = 72.0
    processor.run(5.0)
    processor.celsius = 76.0
    assert processor.run(5.0) == pytest.approx(3.5, rel=0.1)


@pytest.mark.parametrize(("text", "degrees"), [("48312\n", 48.312), ("-2000\n", -2.0), ("", None), (None, None)])
def test_degrees_are_the_kernels(tmp_path: Path, text: str | None, degrees: float | None) -> None:
    """The kernel tells thousandths of a degree; a computer without a sensor has no such file."""
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    if text is not None:
        (zone / "temp").write_text(text)
    assert celsius(tmp_path) == degrees


def test_it_never_stops_altogether() -> None:
    processor = Processor()
    processor.celsius = 99.0
    assert [processor.run(2.0) for _ in range(9)][-1] == MIN_FPS


def test_a_rate_of_a_few_seconds_a_frame_is_left_alone_and_not_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    processor = Processor()
    processor.celsius = 99.0
    processor.run(0.5, 10 * CHECK_INTERVAL_S)
    assert not capsys.readouterr().err


def test_a_pause_is_not_taken_for_a_low_rate() -> None:
    processor = Processor()
    processor.run()
    processor.now += 600.0
    processor.celsius = 80.0
    assert processor.run(seconds=CHECK_INTERVAL_S / 2) == 0
    assert processor.run() == pytest.approx(14, rel=0.1)


@pytest.mark.parametrize("celsius", [None, 99.0])
def test_where_nobody_knows_or_asks_nothing_is_held_back(celsius: float | None) -> None:
    processor = Processor(hot=0.0 if celsius else 75.0)
    processor.celsius = celsius
    assert processor.run() == 0


@pytest.mark.parametrize(("ambient", "full"), [(35.0, 80.0), (68.0, 85.0)])
def test_a_processor_that_takes_minutes_to_warm_up_settles_near_the_limit(
    ambient: float, full: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of first order, two minutes; at 25 frames a second it would end at `full` degrees."""
    processor, degrees, rates, hottest = Processor(), ambient, [], 0.0

    def warm(seconds: float) -> None:
        nonlocal degrees, hottest
        end = ambient + (full - ambient) / seconds / 25
        degrees += (end - degrees) * (1 - math.exp(-seconds / 120))
        processor.celsius = degrees
        hottest = max(hottest, degrees)

    for _ in range(240):  # two hours
        rates.append(processor.run(25.0, CHECK_INTERVAL_S, warm) or 25.0)
    assert hottest < 80.5
    assert sum(rates[60:]) / len(rates[60:]) > 25 * 0.8 * (75 - ambient) / (full - ambient)
    assert len(capsys.readouterr().err.splitlines()) <= 2 * (2 * 3600 / LOG_INTERVAL_S)
