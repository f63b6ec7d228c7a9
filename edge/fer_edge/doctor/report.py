"""Findings as text, 80 columns wide, and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence

from fer_edge.doctor.finding import Finding, worst
from fer_edge.errors import counted

LINE_WIDTH = 80  # characters, as the next two
LEVEL_WIDTH, NAME_WIDTH = 8, 13
INDENT = " " * (LEVEL_WIDTH + NAME_WIDTH + 1)


def as_text(finding: Finding) -> str:
    """The finding, wrapped, and its cure on a line of its own that is never wrapped, so that it can be copied."""
    level = "FAILURE" if finding.level == "failure" else finding.level
    head = f"{level:{LEVEL_WIDTH}}{finding.name:{NAME_WIDTH}} "
    text = textwrap.fill(
        finding.says,
        LINE_WIDTH,
        initial_indent=head,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{text}\n{INDENT}$ {finding.cure}" if finding.cure else text


def verdict(findings: Sequence[Finding]) -> str:
    """The last line: how many warnings and failures there are."""
    failures, warnings = (sum(f.level == level for f in findings) for level in ("failure", "warning"))
    if not failures and not warnings:
        return f"all {len(findings)} checks passed"
    cures = "; the commands after $ fix them" if any(finding.cure for finding in findings) else ""
    return f"{counted(failures, 'failure')}, {counted(warnings, 'warning')}{cures}"


def as_json(findings: Sequence[Finding]) -> str:
    """{"verdict": the worst level, "findings": [{"name", "level", "says", "cure"}]}."""
    entries = [finding.as_dict() for finding in findings]
    return json.dumps({"verdict": worst(list(findings)), "findings": entries}, ensure_ascii=False, indent=1)
