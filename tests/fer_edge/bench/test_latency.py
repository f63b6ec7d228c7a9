"""Latencies are timed alternately, without the warm-up, and summarised; the clock is the test's own."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import pytest
from fer_edge.bench.latency import MAX_TURN_READS, MIN_ROUNDS, UNTIMED_READS, measure, summarise

MS = 1_000_000  # nanoseconds


class World:
    """A clock that moves when a face is read, and a list of who read it."""

    def __init__(self) -> None:
        self.now = 0
        self.reads: list[str] = []

    def reader(self, name: str, nanoseconds: int) -> Callable[[], None]:
        def read() -> None:
            self.now += nanoseconds
            self.reads.append(name)

        return read


def test_each_is_timed_on_its_own() -> None:
    world = World()
    fast, slow = measure([world.reader("a", MS), world.reader("b", 3 * MS)], 2.0, lambda: world.now)
    assert (fast.median, fast.p95, fast.p99, fast.mean) == pytest.approx((0.001,) * 4)
    assert slow.median == pytest.approx(0.003)
    assert fast.spread == slow.spread == 0.0
    assert fast.reads == slow.reads


def test_turns_alternate_after_warm_up() -> None:
    """Models are timed alternately after the warm-up; the first predictions of a turn do not count."""
    world = World()
    fast, _ = measure([world.reader("a", MS), world.reader("b", MS)], 0.1, lambda: world.now)
    warm_up = 2 * 100  # 0.1 s of 1 ms each
    turns = world.reads[warm_up:]
    length = UNTIMED_READS + MAX_TURN_READS
    names = [turns[start] for start in range(0, len(turns), length)]
    assert all(set(turns[start : start + length]) == {turns[start]} for start in range(0, len(turns), length))
    rounds = [set(names[start : start + 2]) for start in range(0, len(names), 2)]
    assert rounds == [{"a", "b"}] * len(rounds)
    assert fast.reads == len(rounds) * MAX_TURN_READS


def test_slow_model_has_short_turns() -> None:
    """A slow model has short turns, but one in every round."""
    world = World()
    (slow,) = measure([world.reader("a", 400 * MS)], 0.1, lambda: world.now)
    assert slow.reads == MIN_ROUNDS
    assert slow.median == pytest.approx(0.4)


def test_percentiles_and_spread() -> None:
    turns = [array("q", range(1, 51)), array("q", range(51, 101)), array("q", [50] * 100)]
    found = summarise(turns)
    assert found.reads == 200
    assert found.median == pytest.approx(50e-9)
    assert found.p95 == pytest.approx(90e-9)
    assert found.p99 == pytest.approx(98e-9)
    assert found.spread == pytest.approx((75.5 - 25.5) / 50)  # of three medians the quartiles are the outer two
