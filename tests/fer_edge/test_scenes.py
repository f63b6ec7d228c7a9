"""The whole loop on drawn scenes with known faces: it finds them, reads them, and its labels do not flicker.

The bounds lie a few points under what each small scene gives: they catch a part that broke, not a point lost.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fer_edge.cli import main

SEGMENTS = "12"  # of four seconds


def python(script: Path, *arguments: str) -> str:
    """What `script` prints."""
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, check=True, timeout=240, stdout=subprocess.PIPE, text=True).stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("drawn", "recall", "right"),
    [(("--seed", "1"), 0.94, 0.70), (("--seed", "3", "--gain", "0.25"), 0.74, 0.40)],
    ids=["day", "dark"],
)
def test_faces_of_a_scene(drawn: tuple[str, ...], recall: float, right: float, shared: Path, tmp_path: Path) -> None:
    scenes, scene, log = shared / "scenes", tmp_path / "scene", tmp_path / "log.jsonl"
    python(scenes / "make.py", str(scene), "--segments", SEGMENTS, *drawn)
    assert main(["run", "--source", f"{scene}.mp4", "--log", str(log), "--log-mode", "frames"]) == 0
    found = json.loads(python(scenes / "score.py", f"{scene}.truth.npz", str(log)))
    print(found)
    assert found["recall"] >= recall
    assert found["right"] >= right
    assert found["false_per_frame"] <= 0.08
    assert found["flips_per_min"] <= 12
