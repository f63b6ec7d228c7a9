"""`--compare`: ratios to an older benchmark, what else changed, and what became worse."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from fer_edge.bench.compare import compare
from fer_edge.bench.results import ModelResult, Results, StageResult, read, write


def test_ratios_and_what_rose(make_results: Callable[..., Results], make_row: Callable[..., ModelResult]) -> None:
    old = make_results()
    loop = dataclasses.replace(old.loop, cpu=0.016, pace_share=0.08)
    new = make_results(rows=(make_row("int8", median=0.0015, p95=0.0012), old.rows[1]), loop=loop)
    text = compare(new, old, markdown=False)
    assert "compared with 2026-01-01T12:00:00+00:00, fer-edge 0.1.0" in text
    (line,) = (line for line in text.splitlines() if line.startswith("mini-int8  "))
    assert line.split() == ["mini-int8", "ai-edge-litert", "1", "1.50", "1.00", "1.00", "1.00"]
    assert text.splitlines()[-1] == "up by more than 10%: mini-int8 ai-edge-litert 1 1.50; CPU a frame 2.00"


def test_nothing_rose(make_results: Callable[..., Results]) -> None:
    text = compare(make_results(), make_results(), markdown=False)
    assert text.endswith("up by more than 10%: nothing")
    assert "different" not in text


def test_unmatched_rows_are_named(make_results: Callable[..., Results], make_row: Callable[..., ModelResult]) -> None:
    """Rows that only one of the files has are named."""
    old = make_results()
    new = make_results(rows=(old.rows[0], make_row("float16", threads=4)))
    text = compare(new, old, markdown=False)
    assert "only in the old results: mini-float32 ai-edge-litert 1" in text
    assert "only in the new results: mini-float16 ai-edge-litert 4" in text
    assert "mini-float32  " not in text


def test_what_else_changed_is_said(make_results: Callable[..., Results], make_row: Callable[..., ModelResult]) -> None:
    old = make_results()
    machine = dataclasses.replace(old.machine, board="Raspberry Pi 4", packages={"numpy": "1.26"})
    new = make_results(machine=machine, rows=(make_row("int8", sha256="1" * 64), old.rows[1]))
    text = compare(new, old, markdown=True)
    for words in (
        "different machine: Raspberry Pi 5 then, Raspberry Pi 4 now",
        "different set of packages: numpy 2.0 then, numpy 1.26 now",
        "different file: mini-int8",
    ):
        assert words in text


def test_other_detector_is_said(make_results: Callable[..., Results]) -> None:
    """Older files do not say which one it was."""
    old = make_results()
    new = make_results(loop=dataclasses.replace(old.loop, detector="blazeface"))
    assert "different detector: haar then, blazeface now" in compare(new, old, markdown=True)
    older = make_results(loop=dataclasses.replace(old.loop, detector=""))
    assert "detector" not in compare(new, older, markdown=True)


def test_another_source_is_no_comparison(make_results: Callable[..., Results]) -> None:
    old = make_results()
    text = compare(make_results(loop=dataclasses.replace(old.loop, source="door.mp4")), old, markdown=False)
    assert "different source: demo of 640 x 480 then, door.mp4 of 640 x 480 now" in text
    assert "CPU a frame" not in text


def stages(*names: str) -> tuple[StageResult, ...]:
    return tuple(StageResult(name, 0.001, 0.002) for name in names)


def test_older_stages_are_not_mixed_up(make_results: Callable[..., Results], tmp_path: Path) -> None:
    """A file of 0.1.0 is still compared with, but for the stages that had the tracker's or the smoother's time, too."""
    loop, path = make_results().loop, tmp_path / "old.json"
    write(make_results(loop=dataclasses.replace(loop, stages=stages("source", "detect", "classify", "sinks"))), path)
    names = ("source", "detect", "track", "classify", "smooth", "sinks")
    text = compare(make_results(loop=dataclasses.replace(loop, stages=stages(*names))), read(path), markdown=False)
    assert [line.split()[1] for line in text.splitlines() if line.startswith("stage ")] == ["source", "detect"]
