"""80 columns, and commands that can be copied."""

from __future__ import annotations

import json

from fer_edge.doctor.finding import Finding
from fer_edge.doctor.report import as_json, as_text, verdict

LONG = Finding("camera", "failure", "none found, since " + "the cable is loose and " * 10, "sudo " + "x" * 100)
FINE = Finding("Python", "ok", "3.11.2")
DIM = Finding("brightness", "warning", "dim")


def test_lines_fit_and_commands_are_whole() -> None:
    *lines, cure = as_text(LONG).splitlines()
    assert lines[0].startswith("FAILURE camera        none found")
    assert all(len(line) <= 80 for line in lines)
    assert cure.endswith(f"$ {LONG.cure}")
    assert as_text(FINE) == "ok      Python        3.11.2"


def test_the_verdict_counts() -> None:
    assert verdict([FINE, FINE]) == "all 2 checks passed"
    assert verdict([FINE, DIM]) == "0 failures, 1 warning"
    assert verdict([LONG, LONG, DIM]) == "2 failures, 1 warning; the commands after $ fix them"


def test_json() -> None:
    read = json.loads(as_json([FINE, DIM]))
    assert read["verdict"] == "warning"
    assert read["findings"][1] == {"name": "brightness", "level": "warning", "says": "dim", "cure": ""}
