"""Ratios of a benchmark to an older one, to find regressions."""

from __future__ import annotations

from collections.abc import Sequence

from fer_edge.bench.report import joined, table
from fer_edge.bench.results import ModelResult, Results

REGRESSION_RATIO = 1.1  # new / old above it is reported as a regression

Cost = tuple[str, float, float]  # name, new, old


def compare(new: Results, old: Results, markdown: bool) -> str:
    """Tables of new / old, what else differs between the two, and the regressions."""
    before = {row.key: row for row in old.rows}
    now = {row.key: row for row in new.rows}
    both = [(row, before[row.key]) for row in new.rows if row.key in before]
    costs, stages = _costs(new, old)
    parts = [
        f"compared with {old.made}, fer-edge {old.fer_edge}: new / old, so above 1 is slower or larger",
        *_differences(new, old, both),
        *_only_in_one("only in the old results", [row for row in old.rows if row.key not in now]),
        *_only_in_one("only in the new results", [row for row in new.rows if row.key not in before]),
    ]
    if both:
        header = ("model", "interpreter", "threads", "median", "p95", "p99", "peak")
        body = [(*_words(row), *(_ratio(a, b) for a, b in _pairs(row, then))) for row, then in both]
        parts.append(table(header, body, markdown, texts=2))
    if costs:
        parts.append(table(("loop", "new / old"), [(name, _ratio(a, b)) for name, a, b in costs + stages], markdown))
    medians = [(" ".join(_words(row)), row.median, then.median) for row, then in both]
    worse = [f"{name} {_ratio(a, b)}" for name, a, b in medians + costs if a > REGRESSION_RATIO * b > 0]
    parts.append(f"up by more than {REGRESSION_RATIO - 1:.0%}: {'; '.join(worse) or 'nothing'}")
    return joined(markdown, *parts)


def _costs(new: Results, old: Results) -> tuple[list[Cost], list[Cost]]:
    """The costs of the loop, and of its stages. The baseline, which no change here touches, shows the noise."""
    a, b = new.loop, old.loop
    if (a.source, a.width, a.height) != (b.source, b.width, b.height):
        return [], []
    then = {stage.name: stage.median for stage in b.stages}
    return [
        ("CPU a frame", a.cpu, b.cpu),
        (f"CPU share at {a.pace:g} frames/s", a.pace_share, b.pace_share),
        ("CPU a frame, baseline", a.tutorial_cpu, b.tutorial_cpu),
    ], [(f"stage {stage.name}", stage.median, then[stage.name]) for stage in a.stages if stage.name in then]


def _differences(new: Results, old: Results, both: Sequence[tuple[ModelResult, ModelResult]]) -> list[str]:
    """What besides the code may have changed the figures, a line each."""
    lines = [
        f"different {what}: {b} then, {a} now"
        for what, a, b in (
            ("machine", new.machine.board, old.machine.board),
            ("processor", new.machine.processor, old.machine.processor),
            ("Python", new.machine.python, old.machine.python),
            ("set of packages", _packages(new), _packages(old)),
            ("source", f"{new.loop.source} of {_size(new)}", f"{old.loop.source} of {_size(old)}"),
            ("number of frames", str(new.loop.frames), str(old.loop.frames)),
            ("detector", new.loop.detector, old.loop.detector or new.loop.detector),
        )
        if a != b
    ]
    return lines + [f"different file: {row.name}" for row, then in both if row.sha256 != then.sha256]


def _only_in_one(what: str, rows: Sequence[ModelResult]) -> list[str]:
    return [f"{what}: {', '.join(' '.join(_words(row)) for row in rows)}"] if rows else []


def _words(row: ModelResult) -> tuple[str, str, str]:
    return row.name, row.runtime, str(row.threads)


def _pairs(row: ModelResult, then: ModelResult) -> list[tuple[float, float]]:
    return [(row.median, then.median), (row.p95, then.p95), (row.p99, then.p99), (row.memory, then.memory)]


def _ratio(new: float, old: float) -> str:
    return f"{new / old:.2f}" if old else "-"


def _packages(results: Results) -> str:
    return ", ".join(f"{name} {number}" for name, number in results.machine.packages.items())


def _size(results: Results) -> str:
    return f"{results.loop.width} x {results.loop.height}"
