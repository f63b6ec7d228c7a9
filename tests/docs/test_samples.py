"""What the pages show of the demo is what it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from doc_pages import ROOT


@pytest.mark.process
@pytest.mark.timeout(180)
def test_demos_lines_are_as_shown(tmp_path: Path) -> None:
    """Who came, how many faces were read, how many lines written; no times, and no percents: interpreters differ."""
    command = [sys.executable, "-m", "fer_edge", "run", "--source", "demo", "--log", str(tmp_path / "log.jsonl")]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    start = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    console = (ROOT / "docs" / "outputs" / "console.md").read_text(encoding="utf-8")
    events = r"^ +[\d.]+ s  face .*?(?= \(\d+ %\)|$)"
    lines = re.findall(events, said, re.MULTILINE)
    assert len(lines) == 6
    assert re.findall(events, start, re.MULTILINE) == lines
    assert re.findall(events, console, re.MULTILINE) == lines[:3]
    for pattern in (r"frames \d+, face readings \d+,", r"\(\d+ lines written\)"):
        assert re.findall(pattern, said) == re.findall(pattern, start)
