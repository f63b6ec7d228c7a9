"""The last line: the model to use here, by what factor, at what cost in accuracy."""

from __future__ import annotations

from collections.abc import Callable

from fer_edge.bench.recommendation import recommend
from fer_edge.bench.results import ModelResult


def test_the_fastest_and_what_it_costs(make_row: Callable[..., ModelResult]) -> None:
    rows = [make_row("float32", median=0.002, accuracy=0.638), make_row("int8", accuracy=0.634)]
    assert recommend(rows).row is rows[1]
    assert recommend(rows).words == (
        "use mini-int8 with ai-edge-litert and 1 thread here: 2.0 times as fast as float32, "
        "at a cost of 0.4 points of accuracy (63.4% instead of 63.8% on PublicTest)"
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
