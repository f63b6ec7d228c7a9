"""The benchmark's text: aligned tables, and warnings in capitals."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from fer_edge.bench import report
from fer_edge.bench.results import ModelResult, Results


def test_tables_are_aligned() -> None:
    """A table has aligned columns, as text and as Markdown."""
    cells = [("a", "1.5"), ("long name", "22.25")]
    assert report.table(("model", "ms"), cells, markdown=False).splitlines() == [
        "model         ms",
        "a            1.5",
        "long name  22.25",
    ]
    assert report.table(("model", "ms"), cells, markdown=True).splitlines() == [
        "| model     |    ms |",
        "| --------- | ----: |",
        "| a         |   1.5 |",
        "| long name | 22.25 |",
    ]


def test_row_shows_all_figures(make_row: Callable[..., ModelResult]) -> None:
    """Every figure of a row is shown."""
    text = report.of_rows([make_row("int8"), make_row("float32", accuracy=None)], markdown=False)
    int8, float32 = (line.split() for line in text.splitlines()[2:4])
    assert " ".join(int8) == "mini-int8 ai-edge-litert 1 1.000 1.200 1.500 2% 952 100 80 63.0%"
    assert float32[-1] == "-"
    assert "on PublicTest" in text


def test_row_shows_what_was_learned_from(make_row: Callable[..., ModelResult]) -> None:
    """In a last column, if a card says it."""
    text = report.of_rows([make_row("int8", learned_from="votes"), make_row("float32")], markdown=False)
    header, int8, float32 = text.splitlines()[1:4]
    assert header.endswith("accuracy  learned from")
    assert int8.endswith("  votes")
    assert float32.endswith("  -")
    assert "learned from" not in report.of_rows([make_row("int8")], markdown=False)


def test_the_loop_and_the_tutorials(make_results: Callable[..., Results]) -> None:
    text = report.of_loop(make_results().loop, markdown=False)
    for words in (
        "640 x 480",
        "120.0 frames a second",
        "10.0 frames a second",
        "8.0% of one core",
        "by haar",
        "10.0 times",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= report.TERMINAL_WIDTH + 10


def test_the_choice_is_the_last_line(make_results: Callable[..., Results]) -> None:
    text = report.of_end(make_results(), ["bench.json"], markdown=False)
    assert text.splitlines() == ["after: 61.0 °C, 2400 MHz, not throttled", "written: bench.json", "use mini-int8"]


def test_throttled_machine_is_a_warning(make_results: Callable[..., Results]) -> None:
    """A machine that was throttled or busy is a warning in capitals."""
    text = report.of_end(make_results(held_back=("under-voltage", "throttled"), others=1.26), [], markdown=True)
    assert "WARNING: THE MACHINE WAS THROTTLED (under-voltage, throttled)" in text
    assert "WARNING: OTHER PROGRAMS KEPT 1.3 OF 4 CORES BUSY" in text
    assert text.splitlines()[-1] == "use mini-int8"


def test_state_is_described(make_results: Callable[..., Results]) -> None:
    """The state of a Pi is described in words."""
    state = dataclasses.replace(make_results().before, throttled=0xD0005)
    assert report.of_state("before", state) == (
        "before: 48.5 °C, 2400 MHz, under-voltage, throttled, "
        "since boot: under-voltage, throttled, soft temperature limit"
    )
