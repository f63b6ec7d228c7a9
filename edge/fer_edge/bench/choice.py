"""Which model to use on this machine, and why, in one line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from fer_edge.bench.results import Row

EVEN = 1.1  # what differs by less is even: then accuracy, fewer threads and a smaller file decide
WORTH = 0.01  # accuracy that no speed is worth


class Choice(NamedTuple):
    """A row, and the line that says why."""

    row: Row
    words: str


def choose(rows: Sequence[Row]) -> Choice:
    """The one of `rows` (one at least) with the least price that loses less than WORTH of the best accuracy."""
    best = max((row.accuracy for row in rows if row.accuracy is not None), default=0.0)
    # A card without a figure promises nothing, so it is taken only where no card has one.
    good = [row for row in rows if (row.accuracy or 0.0) > best - WORTH]
    limit = EVEN * min(map(_price, good))
    even = [row for row in good if _price(row) <= limit]
    chosen = min(even, key=lambda row: (-(row.accuracy or 0.0), row.threads, row.bytes, row.median))
    return Choice(chosen, f"use {_name(chosen)} here: {_why(chosen, rows)}")


def _price(row: Row) -> float:
    """Between latency and processor time: twice the threads must be worth more than 1.4 times the speed.

    A camera gives time enough for a face, and what one thread leaves is the detector's, or heat saved.
    """
    return row.median * math.sqrt(row.threads)


def _name(row: Row) -> str:
    return f"{row.name} with {row.runtime} and {row.threads} thread{'s' if row.threads > 1 else ''}"


def _why(chosen: Row, rows: Sequence[Row]) -> str:
    """By what factor it is faster, and at what cost in accuracy.

    Measured against float32 with as many threads in the same interpreter, else against the next best.
    """
    rest = [row for row in rows if row is not chosen]
    if not rest:
        return "it is all that was measured"
    alike = (chosen.model, chosen.runtime, chosen.threads)
    same = [row for row in rest if (row.model, row.runtime, row.threads) == alike]
    plain = [row for row in same if row.variant == "float32"]
    other = (plain or sorted(same or rest, key=lambda row: row.median))[0]
    told = other.variant if other in same else _name(other)
    return f"{_speed(other.median / chosen.median, told)}, {_accuracy(chosen, other)}"


def _speed(factor: float, other: str) -> str:
    if factor >= EVEN:
        return f"{factor:.1f} times as fast as {other}"
    if factor > 1 / EVEN:
        return f"as fast as {other}"
    return f"{1 / factor:.1f} times as slow as {other}"


def _accuracy(chosen: Row, other: Row) -> str:
    if chosen.accuracy is None or other.accuracy is None:
        return "accuracy unknown, since a card does not say it"
    points = 100 * (chosen.accuracy - other.accuracy)
    if abs(points) < 0.05:
        return f"at no cost in accuracy ({chosen.accuracy:.1%} on {chosen.split})"
    gist = f"at a cost of {-points:.1f} points of accuracy" if points < 0 else "and more accurate"
    return f"{gist} ({chosen.accuracy:.1%} instead of {other.accuracy:.1%} on {chosen.split})"
