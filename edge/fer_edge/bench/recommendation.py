"""Which model to use on this machine, and why, in one line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from fer_edge.bench.results import ModelResult
from fer_edge.errors import counted

SIMILAR_COST_RATIO = 1.1  # costs that differ by less count as equal: accuracy, threads and file size then decide
MAX_ACCURACY_LOSS = 0.01  # share of right answers; no speed is worth more


class Recommendation(NamedTuple):
    """A row, and the line that says why it is recommended."""

    row: ModelResult
    words: str


def recommend(rows: Sequence[ModelResult]) -> Recommendation:
    """The cheapest of `rows` (one at least) whose accuracy is within MAX_ACCURACY_LOSS of the best."""
    best = max((row.accuracy for row in rows if row.accuracy is not None), default=0.0)
    # A card without a figure promises nothing, so it is chosen only if no card has one.
    accurate = [row for row in rows if (row.accuracy or 0.0) > best - MAX_ACCURACY_LOSS]
    limit = SIMILAR_COST_RATIO * min(map(_cost, accurate))
    cheap = [row for row in accurate if _cost(row) <= limit]
    chosen = min(cheap, key=lambda row: (-(row.accuracy or 0.0), row.threads, row.bytes, row.median))
    return Recommendation(chosen, f"use {_name(chosen)} here: {_why(chosen, rows)}")


def _cost(row: ModelResult) -> float:
    """Between latency and processor time: twice the threads must make it more than 1.4 times as fast.

    One thread is fast enough for a camera, and the cores it leaves are free for the detector, or stay cool.
    """
    return row.median * math.sqrt(row.threads)


def _name(row: ModelResult) -> str:
    return f"{row.name} with {row.runtime} and {counted(row.threads, 'thread')}"


def _why(chosen: ModelResult, rows: Sequence[ModelResult]) -> str:
    """How much faster it is, and what that costs in accuracy.

    It is compared with float32 in the same interpreter with as many threads, else with the next fastest.
    """
    rest = [row for row in rows if row is not chosen]
    if not rest:
        return "nothing else was measured"
    setup = (chosen.model, chosen.runtime, chosen.threads)
    same_setup = [row for row in rest if (row.model, row.runtime, row.threads) == setup]
    float32 = [row for row in same_setup if row.variant == "float32"]
    other = (float32 or sorted(same_setup or rest, key=lambda row: row.median))[0]
    name = other.variant if other in same_setup else _name(other)
    return f"{_speed(other.median / chosen.median, name)}, {_accuracy(chosen, other)}"


def _speed(factor: float, other: str) -> str:
    if factor >= SIMILAR_COST_RATIO:
        return f"{factor:.1f} times as fast as {other}"
    if factor > 1 / SIMILAR_COST_RATIO:
        return f"as fast as {other}"
    return f"{1 / factor:.1f} times as slow as {other}"


def _accuracy(chosen: ModelResult, other: ModelResult) -> str:
    if chosen.accuracy is None or other.accuracy is None:
        return "accuracy unknown, since a card does not state it"
    points = 100 * (chosen.accuracy - other.accuracy)
    if abs(points) < 0.05:
        return f"at no cost in accuracy ({chosen.accuracy:.1%} on {chosen.split})"
    change = f"at a cost of {-points:.1f} points of accuracy" if points < 0 else "and more accurate"
    return f"{change} ({chosen.accuracy:.1%} instead of {other.accuracy:.1%} on {chosen.split})"
