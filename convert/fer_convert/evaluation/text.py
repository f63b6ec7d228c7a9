"""Figures and tables as text: shares, aligned columns for a terminal, Markdown for a page."""

from __future__ import annotations

from collections.abc import Sequence


def percent(share: float, digits: int = 1) -> str:
    """A share, 0 to 1, as text: "63.6 %"."""
    return f"{100 * share:.{digits}f} %"


def aligned(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """A line for each of `rows`, which have equally many cells: the first is aligned left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        gap.join(
            f"{cell:{width}}" if number == 0 else f"{cell:>{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def aligned_left(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each of `rows` of a name and a value, the values under each other."""
    width = max(len(name) for name, _ in rows)
    return [f"{name:{width}}  {value}" for name, value in rows]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of text, its first column aligned to the left, the others to the right."""
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
