"""The latency of one prediction, measured for several models alternately.

The models take short turns, in a new order each round, so a processor that throttles or a program that starts meanwhile
affects all of them equally. The spread of one model's turns is reported beside its median.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WARM_UP_S = 0.1  # of predictions before the first round, for each model
UNTIMED_READS = 2  # predictions at the start of a turn that do not count: the caches hold the other models' data
MAX_TURN_READS = 20  # timed predictions in a turn
MAX_TURN_S = 0.1  # a turn ends sooner if it takes longer
MIN_ROUNDS = 3  # however short the time is


@dataclass(frozen=True)
class Latency:
    """Durations of one prediction, in seconds."""

    reads: int  # predictions that were timed
    median: float
    p95: float
    p99: float
    mean: float
    spread: float  # interquartile range of the turns' medians, as a share of the median


def measure(
    predictors: Sequence[Callable[[], object]],
    seconds: float,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> list[Latency]:
    """Time the `predictors`, functions that classify one face, for `seconds` in all and MIN_ROUNDS at least.

    `clock` gives nanoseconds.
    """
    for predict in predictors:
        start = clock()
        while clock() - start < WARM_UP_S * 1e9:
            predict()
    turns: list[list[array[int]]] = [[] for _ in predictors]
    order, shuffle = list(range(len(predictors))), random.Random(0).shuffle  # the same order in each run
    start, rounds = clock(), 0
    while rounds < MIN_ROUNDS or clock() - start < seconds * 1e9:
        shuffle(order)
        for number in order:
            turns[number].append(_turn(predictors[number], clock))
        rounds += 1
    return [summarise(found) for found in turns]


def _turn(predict: Callable[[], object], clock: Callable[[], int]) -> array[int]:
    """Nanoseconds of each timed prediction."""
    for _ in range(UNTIMED_READS):
        predict()
    durations = array("q")
    first = before = clock()
    while len(durations) < MAX_TURN_READS and before - first < MAX_TURN_S * 1e9:
        predict()
        now = clock()
        durations.append(now - before)
        before = now
    return durations


def summarise(turns: list[array[int]]) -> Latency:
    """The statistics of one model's `turns`, two at least; nanoseconds in, seconds out."""
    durations = sorted(duration for turn in turns for duration in turn)
    median = statistics.median(durations)
    lower, _, upper = statistics.quantiles((statistics.median(turn) for turn in turns), n=4)

    def percentile(share: float) -> float:
        return durations[min(math.ceil(share * len(durations)), len(durations)) - 1] / 1e9

    return Latency(
        reads=len(durations),
        median=median / 1e9,
        p95=percentile(0.95),
        p99=percentile(0.99),
        mean=statistics.fmean(durations) / 1e9,
        spread=(upper - lower) / median if median else 0.0,
    )
