"""What people read of a benchmark: tables for a terminal or as Markdown, and what they mean in words."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from fer_edge.bench.loop_cost import CHUNK
from fer_edge.bench.machine import SINCE_BOOT_SHIFT, THROTTLE_FLAGS, Machine, MachineState
from fer_edge.bench.results import Loop, Results, Row

WIDTH = 110  # characters of a line on a terminal
BUSY = 0.1  # cores that other programs may keep busy before figures are called noise


def table(header: Sequence[str], rows: Sequence[Sequence[str]], markdown: bool, texts: int = 1) -> str:
    """A table; the first `texts` columns are words and stand left, the others are figures and stand right."""
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]

    def line(row: Sequence[str]) -> list[str]:
        return [f"{c:{'<' if n < texts else '>'}{w}}" for n, (c, w) in enumerate(zip(row, widths, strict=True))]

    if not markdown:
        return "\n".join("  ".join(line(row)).rstrip() for row in cells)
    rule = ["-" * w if n < texts else "-" * (w - 1) + ":" for n, w in enumerate(widths)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (line(header), rule, *map(line, rows)))


def of_machine(
    machine: Machine, runtimes: Sequence[str], missing: dict[str, str], before: MachineState, markdown: bool
) -> str:
    """What it was measured on, before it begins."""
    shown = [f"{name} {number}" for name, number in machine.packages.items()]
    lines = [
        f"machine: {machine.board}, {machine.cores} cores ({machine.processor}), {machine.system}",
        f"software: Python {machine.python}, {', '.join(shown)}",
        f"interpreters: {', '.join(runtimes)}",
        *(f"not here: {name} ({why})" for name, why in missing.items()),
        of_state("before", before),
    ]
    return _listed(markdown, lines)


def of_state(when: str, state: MachineState) -> str:
    """Temperature, clock and flags, as far as the machine tells them."""
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


def of_rows(rows: Sequence[Row], markdown: bool) -> str:
    """One face's latency, for each model, interpreter and number of threads."""
    figures = ("threads", "median ms", "p95", "p99", "spread", "faces/s", "kB", "peak MB", "accuracy")
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
        )
        for row in rows
    ]
    splits = ", ".join(sorted({row.split for row in rows if row.accuracy is not None}))
    return joined(
        markdown,
        "one face read (crop, resize, inference), all by turns",
        table(("model", "interpreter", *figures), body, markdown, texts=2),
        "spread: how far apart the medians of the middle half of the turns lie, as a share of the median; peak MB: of "
        f"a process that does this alone; accuracy: share of right answers on {splits or 'no split'}, from the cards",
    )


def of_loop(loop: Loop, markdown: bool) -> str:
    """The stages, and the tutorial's loop beside ours."""
    stages = [(stage.name, f"{1000 * stage.median:.2f}", f"{1000 * stage.p95:.2f}") for stage in loop.stages]
    sides = [
        (name, f"{1000 * cpu:.2f}", f"{faces / max(frames, 1):.2f}", str(frames))
        for name, cpu, faces, frames in (
            ("fer-edge", loop.cpu, loop.faces, loop.frames),
            ("tutorial", loop.tutorial_cpu, loop.tutorial_faces, loop.tutorial_frames),
        )
    ]
    ours = joined(
        markdown,
        f"the whole loop on {loop.source} ({loop.width} x {loop.height}); faces read by {loop.model}",
        table(("stage", "median ms", "p95"), stages, markdown),
        f"{loop.fps:.1f} frames a second as fast as it goes; at {loop.pace_reached:.1f} frames a second it takes "
        f"{loop.pace_share:.1%} of one core, reading the source left out",
    )
    theirs = joined(
        markdown,
        f"beside it, by turns, on one in {CHUNK} of the same frames: the tutorials' loop, Haar's default cascade "
        f"(1.1, 5) on the whole frame, {loop.tutorial_model} for each face",
        table(("loop", "CPU ms a frame", "faces a frame", "frames"), sides, markdown),
        f"the tutorials' loop takes {loop.factor:.1f} times the processor time of ours, reading the source left out",
    )
    return f"{ours}\n\n{theirs}"


def of_end(results: Results, written: Sequence[str], markdown: bool) -> str:
    """How the machine fared, warnings in capitals where the figures are not to be trusted, and last what to use."""
    lines = [of_state("after", results.after), *(f"written: {name}" for name in written)]
    if results.held_back:
        lines.append(
            f"WARNING: THE MACHINE WAS HELD BACK ({', '.join(results.held_back)}): these figures are those of a slower "
            "one; cool it, give it a stronger power supply, and measure again"
        )
    if results.others is not None and results.others > BUSY:
        lines.append(
            f"WARNING: OTHER PROGRAMS KEPT {results.others:.1f} OF {results.machine.cores} CORES BUSY: these figures "
            "are noise; stop them, and measure again"
        )
    return _listed(markdown, lines) + ("\n\n" if markdown else "\n") + results.verdict  # one line, however wide


def _listed(markdown: bool, lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" if markdown else line for line in lines)


def joined(markdown: bool, *parts: str) -> str:
    """Tables and paragraphs below each other; a terminal gets lines that fit it, Markdown the blank lines it needs."""
    if markdown:
        return "\n\n".join(parts)
    fill = textwrap.TextWrapper(WIDTH, subsequent_indent="  ", break_on_hyphens=False).fill
    return "\n".join(part if "\n" in part else fill(part) for part in parts)
