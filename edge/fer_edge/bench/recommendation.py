"""Which model to use on this machine, and why, in one line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from fer_edge.bench.results import ModelResult
from fer_edge.errors import counted

SIMILAR_COST_RATIO = 1.1  # costs that differ by less count as equal: accuracy, threads and file size then decide
NOISY_SPREAD = 0.25  # of a row's turns, a share of their median, from which it may not tell rows apart
MAX_ACCURACY_LOSS = 0.01  # share of right answers; no speed is worth more


class Recommendation(NamedTuple):
    """A row, and the line that says why it is recommended; None, and why none is."""

    row: ModelResult | None
    words: str


def recommend(rows: Sequence[ModelResult]) -> Recommendation:
    """The cheapest of `rows` (one at least) whose accuracy is within MAX_ACCURACY_LOSS of the best."""
    best = max((row.accuracy for row in rows if row.accuracy is not None), default=0.0)
    # A card without a figure promises nothing, so it is chosen only if no card has one.
    accurate = [row for row in rows if (row.accuracy or 0.0) > best - MAX_ACCURACY_LOSS]
    limit = SIMILAR_COST_RATIO * min(map(_cost, accurate))
    cheap = [row for row in accurate if _cost(row) <= limit]
    chosen = min(cheap, key=lambda row: (-(row.accuracy or 0.0), row.threads, row.bytes, row.median))
    if noise := _noise(chosen, accurate):
        return Recommendation(None, f"no advice: {noise}; stop other programs, and measure again, for more --seconds")
    return Recommendation(chosen, f"use {_name(chosen)} here: {_why(chosen, rows)}")


def _cost(row: ModelResult) -> float:
    """Between latency and processor time: twice the threads must make it more than 1.4 times as fast.

    One thread is fast enough for a camera, and the cores it leaves are free for the detector, or stay cool.
    """
    return row.median * math.sqrt(row.threads)


def _noise(chosen: ModelResult, rows: Sequence[ModelResult]) -> str:
    """Why `chosen` cannot be told from others of `rows` by these figures, in words; "" if it can."""
    top = _cost(chosen) * (1 + chosen.spread / 2)
    for row in rows:
        spread = max(row.spread, chosen.spread)
        if row is not chosen and spread > NOISY_SPREAD and _cost(row) * (1 - row.spread / 2) < top:
            either = f"{_name(chosen)}, or {_name(row)}"
            return f"these figures are noise, with spreads of up to {spread:.0%}: it may be {either}"
    return ""


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
    both = f"({chosen.accuracy:.1%} instead of {other.accuracy:.1%} on {chosen.split})"
    error = 100 * max(chosen.accuracy_error, other.accuracy_error)
    if abs(points) <= error:
        return f"as accurate, within {error:.1f} points of error {both}"
    return f"at a cost of {-points:.1f} points of accuracy {both}" if points < 0 else f"and more accurate {both}"
