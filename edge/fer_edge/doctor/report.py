"""Findings as people read them, 80 columns wide, and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence

from fer_edge.doctor.finding import Finding, worst

WIDTH = 80
NAME = 13  # characters; the level before it has 8
INDENT = " " * (8 + NAME + 1)


def in_words(finding: Finding) -> str:
    """A line for each finding, and one for its cure, which is never broken: it is to be copied."""
    level = "FAILURE" if finding.level == "failure" else finding.level
    head = f"{level:8}{finding.name:{NAME}} "
    text = textwrap.fill(
        finding.says,
        WIDTH,
        initial_indent=head,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{text}\n{INDENT}$ {finding.cure}" if finding.cure else text


def verdict(findings: Sequence[Finding]) -> str:
    """The last line."""
    failures, warnings = (sum(f.level == level for f in findings) for level in ("failure", "warning"))
    if not failures and not warnings:
        return f"all {len(findings)} are well"
    cures = "; the lines after $ mend them" if any(finding.cure for finding in findings) else ""
    return f"{_count(failures, 'failure')}, {_count(warnings, 'warning')}{cures}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def as_json(findings: Sequence[Finding]) -> str:
    """{"verdict": the worst level, "findings": [{"name", "level", "says", "cure"}]}."""
    entries = [finding.as_dict() for finding in findings]
    return json.dumps({"verdict": worst(list(findings)), "findings": entries}, ensure_ascii=False, indent=1)
