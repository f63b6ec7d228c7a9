"""The whole loop on drawn scenes with known faces: it finds them, reads them, and its labels do not flicker.

The bounds are those of a small scene, wide enough for another seed: they catch a part that broke, not a point lost.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from edge.cli import main

SEGMENTS = "12"  # of four seconds


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("drawn", "recall", "right"),
    [(("--seed", "1"), 0.75, 0.35), (("--seed", "3", "--gain", "0.25"), 0.7, 0.3)],
    ids=["day", "dark"],
)
def test_faces_of_a_scene(drawn: tuple[str, ...], recall: float, right: float, shared: Path, tmp_path: Path) -> None:
    scenes, scene, log = shared / "scenes", tmp_path / "scene", tmp_path / "log.jsonl"
    command = [sys.executable, str(scenes / "make.py"), str(scene), "--segments", SEGMENTS, *drawn]
    subprocess.run(command, check=True, timeout=240)
    assert main(["run", "--source", f"{scene}.mp4", "--log", str(log), "--log-mode", "frames"]) == 0
    found = module(scenes / "score.py").score(f"{scene}.truth.npz", str(log))
    print(json.dumps(found))
    assert found["recall"] >= recall
    assert found["right"] >= right
    assert found["false_per_frame"] <= 0.08
    assert found["flips_per_min"] <= 8
