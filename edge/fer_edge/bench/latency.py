"""How long one face takes to read, for several models that take turns.

Turns are short and come in a new order each round, so a clock that drifts, a processor that throttles or a program that
starts meanwhile hits all alike; how far the turns of one model lie apart is shown beside its median.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WARM_UP = 0.1  # seconds of reads before the first round, for each model
COLD = 2  # reads at the start of a turn that do not count: the others had the caches
TURN = 20  # reads that count in a turn, at most,
TURN_SECONDS = 0.1  # and how long a turn may take before it ends sooner
ROUNDS = 3  # at least, however little time there is


@dataclass(frozen=True)
class Latency:
    """Durations of one read, in seconds."""

    reads: int  # that counted
    median: float
    p95: float
    p99: float
    mean: float
    spread: float  # the middle half of the turns' medians lies so far apart, as a share of the median


def measure(
    readers: Sequence[Callable[[], object]],
    seconds: float,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> list[Latency]:
    """Time the `readers`, each of which reads one face when called, for `seconds` altogether and ROUNDS at least."""
    for read in readers:
        begun = clock()
        while clock() - begun < WARM_UP * 1e9:
            read()
    turns: list[list[array[int]]] = [[] for _ in readers]
    order, shuffle = list(range(len(readers))), random.Random(0).shuffle  # the same order in each run
    begun, rounds = clock(), 0
    while rounds < ROUNDS or clock() - begun < seconds * 1e9:
        shuffle(order)
        for number in order:
            turns[number].append(_turn(readers[number], clock))
        rounds += 1
    return [summarise(found) for found in turns]


def _turn(read: Callable[[], object], clock: Callable[[], int]) -> array[int]:
    """Nanoseconds of each read that counts."""
    for _ in range(COLD):
        read()
    took = array("q")
    first = before = clock()
    while len(took) < TURN and before - first < TURN_SECONDS * 1e9:
        read()
        now = clock()
        took.append(now - before)
        before = now
    return took


def summarise(turns: list[array[int]]) -> Latency:
    """What the turns of one model say; nanoseconds in, seconds out. Two turns at least."""
    took = sorted(duration for turn in turns for duration in turn)
    median = statistics.median(took)
    lower, _, upper = statistics.quantiles((statistics.median(turn) for turn in turns), n=4)

    def percentile(share: float) -> float:
        return took[min(math.ceil(share * len(took)), len(took)) - 1] / 1e9

    return Latency(
        reads=len(took),
        median=median / 1e9,
        p95=percentile(0.95),
        p99=percentile(0.99),
        mean=statistics.fmean(took) / 1e9,
        spread=(upper - lower) / median if median else 0.0,
    )
