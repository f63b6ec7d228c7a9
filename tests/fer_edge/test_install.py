"""Installed from the wheel and started in any folder, it finds its models and its demo."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*command, str(folder), str(ROOT)], check=True, capture_output=True)
    (path,) = folder.glob("fer_edge-*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_holds_what_the_device_needs_and_no_more(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for variant in ("float32", "float16", "dynamic", "int8"):
        assert f"fer_edge/_models/mini_xception-{variant}.tflite" in names
        assert f"fer_edge/_models/mini_xception-{variant}.json" in names
    for suffix in ("tflite", "json"):
        assert f"fer_edge/_models/detectors/face_verifier.{suffix}" in names
    assert "fer_edge/demo/astronaut.jpg" in names
    edge = ROOT / "edge"
    pages = {
        str(path.relative_to(edge))
        for path in (edge / "fer_edge" / "sinks" / "kiosk").rglob("*.*")
        if path.suffix != ".pyc"
    }
    assert len(pages) > 30
    assert pages <= set(names)
    assert "fer_convert/cli.py" in names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"fer_edge", "fer_convert"}
    assert wheel.stat().st_size < 2_000_000


@pytest.mark.slow
def test_the_wheel_runs_in_any_folder(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    folder = tmp_path / "somewhere"
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}

    def start(*arguments: str) -> str:
        command = [sys.executable, "-m", "fer_edge", *arguments]
        child = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert child.returncode == 0, child.stderr
        return child.stdout

    assert f"models in {tmp_path / 'site' / 'fer_edge' / '_models'}" in start("models", "--verify")
    assert "happy" in start("run", "--source", "demo", "--max-frames", "5")
    assert (folder / "fer-edge.jsonl").read_text().count(
        "\n"
    ) == 1  # the heartbeat at the start, with the face that came
