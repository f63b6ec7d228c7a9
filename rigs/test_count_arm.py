"""Finding and reading faces takes no more instructions on a Raspberry Pi 5's processor than it did, to a percent.

`make count-arm` counts the other models, the older interpreter and the Pi 4 too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import count_arm
import pytest

ROOT = Path(__file__).parents[1]
FOUND = {count_arm.Row("ai-edge-litert", "cortex-a76", "int8"): count_arm.Count(1_000_000, 1_000_000, 0)}


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.rig("count")
def test_no_more_instructions_than_recorded() -> None:
    if reason := count_arm.unable() or count_arm.WHEELS["ai-edge-litert"].missing():
        pytest.skip(reason)
    command = [sys.executable, count_arm.__file__, "--processor", "cortex-a76", "--runtime", "ai-edge-litert"]
    child = subprocess.run([*command, "int8", "faces"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert child.returncode == 0, child.stdout + child.stderr


@pytest.mark.parametrize(("recorded", "code", "words"), [(991_000, 0, "nothing is"), (989_000, 1, "1.1 % above")])
def test_a_percent_is_the_limit(
    recorded: int, code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(count_arm, "RECORD", tmp_path / "counts.json")
    count_arm.RECORD.write_text(json.dumps({"instructions": {"int8, ai-edge-litert, cortex-a76": recorded}}))
    assert count_arm.compare(FOUND) == code
    said = capsys.readouterr().out
    assert words in said
    assert ("int8, ai-edge-litert, cortex-a76" in said and "ARGS=--record" in said) == bool(code)


def test_detectors_without_files_are_skipped(capsys: pytest.CaptureFixture) -> None:
    """Those that were asked for with the interpreter that finds faces; rows of one that is there are compared."""
    rows = {count_arm.Row("ai-edge-litert", "cortex-a76", f"{scene} by yunet") for scene in ("face", "still")}
    what = ["int8", "faces", "blazeface", "yunet"]
    assert count_arm.skipped(rows, ["ai-edge-litert"], what) == ["blazeface"]
    assert count_arm.skipped(rows, ["ai-edge-litert"], ["int8", "faces"]) == []
    assert count_arm.skipped([], ["tflite-runtime"], what) == []
    assert count_arm.things("tflite-runtime", what) == ["int8"]
    assert count_arm.things("ai-edge-litert", what) == what
    found = dict.fromkeys(rows, count_arm.Count(1e6, 3e6, 0))
    assert {row.what: value for row, value in count_arm.values(found)}["still by yunet, the most in one frame"] == 3e6
    count_arm.print_tables(found, ["cortex-a76"])
    assert "| nobody is there, nothing moves, by yunet | 1.0; 3.0 |" in capsys.readouterr().out


def test_what_was_never_recorded_fails_until_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(count_arm, "ROOT", tmp_path)
    monkeypatch.setattr(count_arm, "RECORD", tmp_path / "counts.json")
    monkeypatch.setattr(count_arm, "models", dict)
    assert count_arm.compare(FOUND) == 1
    assert "nothing recorded" in capsys.readouterr().out
    count_arm.record(FOUND)
    assert count_arm.compare(FOUND) == 0
