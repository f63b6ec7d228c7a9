"""The pages of the documentation, and the blocks of code in them.

A comment on the line above a block says how it is tried; without one, a block of `sh` is run and must succeed:

    <!-- skip: root, network: it installs packages -->   not run, for these reasons (KINDS), in words
    <!-- exit: 0, 11, 12 -->                             run; one of these exit codes
    <!-- stop: http:// -->                               run until it prints that, then interrupted as by Ctrl-C
    <!-- needs: skimage -->                              run where these modules are installed
    <!-- long: tensorflow: it takes minutes -->          the same, by `pytest -m long`
    <!-- file: make_set.py -->                           Python: the text of a file that a block of commands uses
    <!-- run: it prints a face -->                       Python: run by itself; without it, it is only parsed
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATTERNS = (
    "*.md",
    "docs/**/*.md",
    "*/README.md",
    "edge/fer_edge/*/README.md",
    "convert/*/README.md",
    "models/*/README.md",
)
KINDS = {"pi", "root", "network", "broker", "minutes", "data", "tensorflow"}
FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[a-z]+: [^\n]*) -->\n)?^(?P<ticks>```+)(?P<language>[^\n]*)\n(?P<text>.*?)^(?P=ticks)$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of code: `language` as after the ticks, `action` and `value` of the comment above it."""

    page: str
    line: int
    language: str
    text: str
    action: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """All pages, in a fixed order."""
    return sorted({path for pattern in PATTERNS for path in ROOT.glob(pattern) if not path.parts[-2].startswith(".")})


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """The blocks of one page."""
    for match in FENCE.finditer(text):
        line = text[: match.start("ticks")].count("\n") + 1
        action, _, value = (match["mark"] or "").partition(": ")
        yield Block(page, line, match["language"].strip(), match["text"], action, value)


def blocks(*languages: str) -> list[Block]:
    """Those of all pages in these languages; of all, if none is named."""
    return [
        block
        for path in pages()
        for block in blocks_of(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        if not languages or block.language in languages
    ]
