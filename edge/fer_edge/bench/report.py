"""A benchmark as text: tables for a terminal or as Markdown, with explanations."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from fer_edge.bench.loop_cost import CHUNK_FRAMES
from fer_edge.bench.machine import SINCE_BOOT_SHIFT, THROTTLE_FLAGS, Machine, MachineState
from fer_edge.bench.results import LoopResult, ModelResult, Results
from fer_edge.errors import counted

TERMINAL_WIDTH = 80  # characters of a line on a terminal
MAX_OTHERS_CORES = 0.1  # that other programs may keep busy before a warning


def table(header: Sequence[str], rows: Sequence[Sequence[str]], markdown: bool, texts: int = 1) -> str:
    """A table. The first `texts` columns hold text and are aligned left, the others hold figures, aligned right."""
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]

    def line(row: Sequence[str]) -> list[str]:
        return [f"{c:{'<' if n < texts else '>'}{w}}" for n, (c, w) in enumerate(zip(row, widths, strict=True))]

    if not markdown:
        if sum(widths) + 2 * (len(widths) - 1) <= TERMINAL_WIDTH:
            return "\n".join("  ".join(line(row)).rstrip() for row in cells)
        # A name that leaves no room for the rest has a line of its own.
        return "\n".join(f"{row[0]}\n  {'  '.join(line(row)[1:])}".rstrip() for row in cells)
    rule = ["-" * w if n < texts else "-" * (w - 1) + ":" for n, w in enumerate(widths)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (line(header), rule, *map(line, rows)))


def of_machine(
    machine: Machine, runtimes: Sequence[str], missing: dict[str, str], before: MachineState, markdown: bool
) -> str:
    """The machine, its software, and its state before the benchmark."""
    shown = [f"{name} {number}" for name, number in machine.packages.items()]
    lines = [
        f"machine: {machine.board}, {counted(machine.cores, 'core')} ({machine.processor}), {machine.system}",
        f"software: Python {machine.python}, {', '.join(shown)}",
        f"interpreters: {', '.join(runtimes)}",
        *(f"not available: {name} ({why})" for name, why in missing.items()),
        of_state("before", before),
    ]
    return _listed(markdown, lines)


def of_state(when: str, state: MachineState) -> str:
    """Temperature, clock and throttling flags, as far as the machine reports them."""
    words = []
    if state.celsius is not None:
        words.append(f"{state.celsius:.1f} °C")
    if state.mhz is not None:
        words.append(f"{state.mhz:.0f} MHz")
    if state.throttled is not None:
        now = [name for bit, name in THROTTLE_FLAGS.items() if state.throttled >> bit & 1]
        past = [name for bit, name in THROTTLE_FLAGS.items() if state.throttled >> bit + SINCE_BOOT_SHIFT & 1]
        words.append(", ".join(now) or "not throttled")
        if past:
            words.append(f"since boot: {', '.join(past)}")
    return f"{when}: {', '.join(words) or 'temperature, clock and throttling unknown'}"


def of_rows(rows: Sequence[ModelResult], markdown: bool) -> str:
    """The latency of one prediction, for each combination of model, interpreter and number of threads."""
    splits = " or ".join(sorted({row.split for row in rows if row.accuracy is not None}))
    explained = (
        "spread: interquartile range of the medians of the single turns, as a share of the median; peak MB: memory of "
        f"a process that does only this; accuracy: share of right answers on {splits or 'no split'}, from the cards"
    )
    title = "one prediction (crop, resize, inference), all combinations measured alternately"
    if not markdown:
        return joined(markdown, title, *_speeds(rows), "", _sizes(rows), explained)
    known = any(row.learned_from for row in rows)
    figures = ["threads", "median ms", "p95", "p99", "spread", "faces/s", "kB", "peak MB", "accuracy"]
    if known:
        figures.append("learned from")
    body = [
        (
            row.name,
            row.runtime,
            str(row.threads),
            *(f"{1000 * seconds:.3f}" for seconds in (row.median, row.p95, row.p99)),
            f"{row.spread:.0%}",
            f"{1 / row.mean:.0f}",
            f"{row.bytes / 1000:.0f}",
            f"{row.memory / 1e6:.0f}",
            "-" if row.accuracy is None else f"{row.accuracy:.1%}",
            *([row.learned_from or "-"] if known else []),
        )
        for row in rows
    ]
    return joined(markdown, title, table(("model", "interpreter", *figures), body, markdown, texts=2), explained)


def _speeds(rows: Sequence[ModelResult]) -> list[str]:
    """A table for each interpreter: what a prediction takes."""
    parts = []
    for runtime in dict.fromkeys(row.runtime for row in rows):
        body = [
            (
                row.name,
                str(row.threads),
                *(f"{1000 * seconds:.2f}" for seconds in (row.median, row.p95, row.p99)),
                f"{row.spread:.0%}",
                f"{1 / row.mean:.0f}",
            )
            for row in rows
            if row.runtime == runtime
        ]
        header = (f"ms, {runtime}", "threads", "median", "p95", "p99", "spread", "faces/s")
        parts.append(table(header, body, markdown=False))
    return parts


def _sizes(rows: Sequence[ModelResult]) -> str:
    """What the models are, whatever runs them."""
    known = any(row.learned_from for row in rows)
    header = ("model", "kB", "peak MB", "accuracy", *(["learned from"] if known else []))
    body = []
    for name in dict.fromkeys(row.name for row in rows):
        same = [row for row in rows if row.name == name]
        accuracy = same[0].accuracy
        cells = (
            name,
            f"{same[0].bytes / 1000:.0f}",
            f"{max(row.memory for row in same) / 1e6:.0f}",
            "-" if accuracy is None else f"{accuracy:.1%}",
            *([same[0].learned_from or "-"] if known else []),
        )
        body.append(cells)
    return table(header, body, markdown=False)


def of_loop(loop: LoopResult, markdown: bool) -> str:
    """The stages of the loop, and its cost compared with the baseline's."""
    stages = [(stage.name, f"{1000 * stage.median:.2f}", f"{1000 * stage.p95:.2f}") for stage in loop.stages]
    sides = [
        (name, f"{1000 * cpu:.2f}", f"{faces / max(frames, 1):.2f}", str(frames))
        for name, cpu, faces, frames in (
            ("fer-edge", loop.cpu, loop.faces, loop.frames),
            ("baseline", loop.tutorial_cpu, loop.tutorial_faces, loop.tutorial_frames),
        )
    ]
    found_by = f"; faces found by {loop.detector}" if loop.detector else ""
    ours = joined(
        markdown,
        f"the whole loop on {loop.source} ({loop.width} x {loop.height}); predictions by {loop.model}{found_by}",
        table(("stage", "median ms", "p95"), stages, markdown),
        f"{loop.fps:.1f} frames a second without a limit; at {loop.pace_reached:.1f} frames a second it takes "
        f"{loop.pace_share:.1%} of one core, not counting the source",
    )
    theirs = joined(
        markdown,
        f"the baseline, run alternately on one in {CHUNK_FRAMES} of the same frames: the loop of most tutorials, with "
        f"Haar's default cascade (1.1, 5) on the whole frame and {loop.tutorial_model} for each face",
        table(("loop", "CPU ms a frame", "faces a frame", "frames"), sides, markdown),
        f"the baseline takes {loop.factor:.1f} times the processor time of fer-edge, not counting the source",
    )
    return f"{ours}\n\n{theirs}"


def of_end(results: Results, written: Sequence[str], markdown: bool, wrapped: bool = False) -> str:
    """The machine's state afterwards, warnings in capitals if the figures cannot be trusted, and the recommendation."""
    lines = [of_state("after", results.after), *(f"written: {name}" for name in written)]
    if results.held_back:
        lines.append(
            f"WARNING: THE MACHINE WAS THROTTLED ({', '.join(results.held_back)}): these figures are too slow; "
            "improve its cooling, use a stronger power supply, and measure again"
        )
    if results.others is not None and results.others > MAX_OTHERS_CORES:
        lines.append(
            f"WARNING: OTHER PROGRAMS KEPT {results.others:.1f} OF {results.machine.cores} CORES BUSY: these figures "
            "are unreliable; stop those programs, and measure again"
        )
    # One line, however wide, for programs; `wrapped` for people.
    verdict = joined(markdown, results.verdict) if wrapped else results.verdict
    return _listed(markdown, lines) + ("\n\n" if markdown else "\n") + verdict


def _listed(markdown: bool, lines: Sequence[str]) -> str:
    if markdown:
        return "\n".join(f"- {line}" for line in lines)
    # A command to copy, and a path, stay whole.
    return "\n".join(line if line.startswith("written: ") else joined(markdown, line) for line in lines)


def joined(markdown: bool, *parts: str) -> str:
    """Tables and paragraphs as one text: lines wrapped to TERMINAL_WIDTH, or Markdown with blank lines between."""
    if markdown:
        return "\n\n".join(parts)
    fill = textwrap.TextWrapper(TERMINAL_WIDTH, subsequent_indent="  ", break_on_hyphens=False).fill
    return "\n".join(part if "\n" in part else fill(part) for part in parts)
