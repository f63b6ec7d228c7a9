"""A hot processor gets fewer frames step by step, a cooler one more, and people are told once of each."""

from __future__ import annotations

import pytest

from edge.heat import EVERY, SLOWEST, Heat


class Processor:
    """Runs as many frames as it may, at a temperature that the test sets."""

    def __init__(self, hot: float = 75.0) -> None:
        self.celsius: float | None = 50.0
        self.now = 0.0
        self.heat = Heat(hot, lambda: self.celsius)

    def run(self, fps: float = 20.0) -> float:
        """Until after the next look; the limit then."""
        until = self.now + EVERY + 1
        limit = self.heat.limit(self.now)
        while self.now < until:
            self.now += 1 / min(fps, limit or fps)
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
        "fer-edge: error: hot: 75 °C; fewer frames a second until it is cooler; give it air, or a heat sink",
        "fer-edge: note: cool again: as many frames a second as before",
    ]


def test_it_never_stops_altogether() -> None:
    processor = Processor()
    processor.celsius = 99.0
    assert [processor.run(2.0) for _ in range(9)][-1] == SLOWEST


@pytest.mark.parametrize("celsius", [None, 99.0])
def test_where_nobody_knows_or_asks_nothing_is_held_back(celsius: float | None) -> None:
    processor = Processor(hot=0.0 if celsius else 75.0)
    processor.celsius = celsius
    assert processor.run() == 0
