"""What a stranger does in rigs/stranger.py is what the documentation says."""

from __future__ import annotations

import re
from pathlib import Path

from stranger import WAYS

ROOT = Path(__file__).parents[1]


def test_strangers_commands_are_documented() -> None:
    pages = "\n".join(path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
    said = re.split(r"[`\n]|&&| {2,}#|  +#", pages)
    known = {part.strip() for part in said}
    steps = [step for way in WAYS.values() for step in way if step.documented]
    parts = {part.strip() for step in steps for part in re.split(r"&&|\|", step.command)} - {"cat"}
    assert parts <= known
