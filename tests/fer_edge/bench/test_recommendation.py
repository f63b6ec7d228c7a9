"""The last line: the model to use here, by what factor, at what cost in accuracy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fer_edge.bench.recommendation import recommend
from fer_edge.bench.results import ModelResult


def test_the_fastest_and_what_it_costs(make_row: Callable[..., ModelResult]) -> None:
    rows = [make_row("float32", median=0.002, accuracy=0.638), make_row("int8", accuracy=0.634)]
    assert recommend(rows).row is rows[1]
    assert recommend(rows).words == (
        "use mini-int8 with ai-edge-litert and 1 thread here: 2.0 times as fast as float32, "
        "as accurate, within 1.0 points of error (63.4% instead of 63.8% on PublicTest)"
    )


def test_no_speed_is_worth_a_point(make_row: Callable[..., ModelResult]) -> None:
    rows = [make_row("float32", median=0.01, accuracy=0.64), make_row("int8", accuracy=0.60)]
    chosen = recommend(rows)
    assert chosen.row is rows[0]
    assert "10.0 times as slow as int8, and more accurate (64.0% instead of 60.0% on PublicTest)" in chosen.words


def test_ties_go_to_accuracy(make_row: Callable[..., ModelResult]) -> None:
    """If speeds are similar, accuracy decides, then the file size."""
    rows = [
        make_row("float32", median=0.00105, accuracy=0.64, bytes=240_000),
        make_row("float16", median=0.00108, accuracy=0.64, bytes=140_000),
        make_row("int8", median=0.001, accuracy=0.63),
    ]
    chosen = recommend([*rows[:2], rows[2]])
    assert chosen.row is rows[1]
    assert "as fast as float32, at no cost in accuracy (64.0% on PublicTest)" in chosen.words


def test_more_threads_must_be_worth_it(make_row: Callable[..., ModelResult]) -> None:
    one = make_row("int8", median=0.001)
    assert recommend([one, make_row("int8", median=0.0008, threads=2)]).row is one
    two = make_row("int8", median=0.0005, threads=2)
    chosen = recommend([one, two])
    assert chosen.row is two
    assert "2 threads here: 2.0 times as fast as mini-int8 with ai-edge-litert and 1 thread" in chosen.words


def test_one_row_and_no_accuracy(make_row: Callable[..., ModelResult]) -> None:
    assert recommend([make_row()]).words.endswith("nothing else was measured")
    rows = [make_row("float32", median=0.002, accuracy=None), make_row("int8", accuracy=None)]
    assert "2.0 times as fast as float32, accuracy unknown" in recommend(rows).words
    known = make_row("float32", median=0.002)
    assert recommend([known, make_row("int8", accuracy=None)]).row is known


def test_points_within_the_error_are_none(make_row: Callable[..., ModelResult]) -> None:
    """On 3,372 faces a figure of 84 % is good to 1.2 points: a fifth of a point is no difference."""
    better = [make_row("float32", median=0.001, accuracy=0.839, faces=3372), make_row(accuracy=0.837, faces=3372)]
    words = recommend([replace(better[0], median=0.0009), better[1]]).words
    assert "as accurate, within 1.2 points of error (83.9% instead of 83.7% on PublicTest)" in words
    many = [replace(row, faces=10**6) for row in (replace(better[0], median=0.0009), better[1])]
    assert "and more accurate (83.9%" in recommend(many).words
    worse = [make_row("float32", median=0.002, accuracy=0.839, faces=10**6), make_row(accuracy=0.837, faces=10**6)]
    assert "at a cost of 0.2 points of accuracy (83.7%" in recommend(worse).words


def test_noise_gives_no_advice(make_row: Callable[..., ModelResult]) -> None:
    """Where turns differ by more than the models do; a clear difference stays one, and one row needs none."""
    rows = [make_row("float32", median=0.0013, spread=0.4), make_row(spread=0.3)]
    found = recommend(rows)
    assert found.row is None
    assert found.words.startswith("no advice: these figures are noise, with spreads of up to 40%")
    assert recommend([replace(row, spread=0.05) for row in rows]).row is not None
    assert recommend([replace(rows[0], median=0.01), rows[1]]).row is rows[1]
    assert recommend([make_row(spread=2.0)]).row is not None
