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
    rows = [make_row("int8"), make_row("float32", accuracy=None)]
    text = report.of_rows(rows, markdown=True)
    int8, float32 = (line.replace("|", "").split() for line in text.splitlines()[4:6])
    assert " ".join(int8) == "mini-int8 ai-edge-litert 1 1.000 1.200 1.500 2% 952 100 80 63.0%"
    assert float32[-1] == "-"
    assert "on PublicTest" in text
    lines = [" ".join(line.split()) for line in report.of_rows(rows, markdown=False).splitlines()]
    assert "mini-int8 1 1.00 1.20 1.50 2% 952" in lines
    assert "mini-int8 100 80 63.0%" in lines
    assert "mini-float32 100 80 -" in lines


def test_tables_fit_terminals(make_row: Callable[..., ModelResult]) -> None:
    """80 columns, also with several interpreters and with long names, which then have a line of their own."""
    named = [
        make_row(name=f"{name}-{n}", runtime=runtime, learned_from="votes", median=0.0123456)
        for name in ("mini_xception_fer2013-float32", "a_network_with_a_name_that_is_far_too_long_for_it")
        for runtime in ("ai-edge-litert", "tflite-runtime")
        for n in (1, 2)
    ]
    text = report.of_rows(named, markdown=False)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("\nms, ") == 2


def test_row_shows_what_was_learned_from(make_row: Callable[..., ModelResult]) -> None:
    """In a last column, if a card says it."""
    text = report.of_rows([make_row("int8", learned_from="votes"), make_row("float32")], markdown=False)
    header, int8, float32 = text.partition("\n\n")[2].splitlines()[:3]
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
        assert words in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_the_choice_is_the_last_line(make_results: Callable[..., Results]) -> None:
    text = report.of_end(make_results(), ["bench.json"], markdown=False)
    assert text.splitlines() == ["after: 61.0 °C, 2400 MHz, not throttled", "written: bench.json", "use mini-int8"]
    long = dataclasses.replace(make_results(), verdict="use mini-int8 " * 10)
    assert report.of_end(long, [], markdown=False).splitlines()[-1] == long.verdict
    assert max(map(len, report.of_end(long, [], markdown=False, wrapped=True).splitlines())) <= 80


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
