"""The device side stays light: no module of it pulls in the workstation's libraries or a Pi's hardware."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "edge"
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if path.name != "__main__.py"
)
HEAVY = (
    *("tensorflow", "keras", "torch", "sklearn", "matplotlib", "fer_convert"),
    *("picamera2", "libcamera", "gpiozero", "lgpio", "paho", "luma"),
)


def test_all_modules_are_looked_at() -> None:
    assert "fer_edge.loop" in MODULES
    assert "fer_edge.sources.picamera" in MODULES


def test_importing_everything_imports_nothing_heavy() -> None:
    program = f"import sys, importlib\nfor name in {MODULES!r}: importlib.import_module(name)\nprint(*sys.modules)"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {name.partition(".")[0] for name in child.stdout.split()}
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize(
    "module",
    ["fer_edge.loop", "fer_edge.types", "fer_edge.settings", "fer_edge.tracking.smoother", "fer_edge.tracking.tracker"],
)
def test_the_core_needs_neither_opencv_nor_an_interpreter(module: str) -> None:
    program = f"import sys, {module}\nprint(*sys.modules)"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"cv2", "ai_edge_litert", "tflite_runtime"} & set(child.stdout.split())


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh process loads for `statement` alone."""
    program = f"import sys\nbefore = set(sys.modules)\n{statement}\nprint(*set(sys.modules) - before)"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(child.stdout.split())


def test_import_loads_nothing_else() -> None:
    """One module: programs that import fer_edge at their top start no later."""
    assert loaded_by("import fer_edge") == {"fer_edge"}


def test_naming_reader_loads_no_opencv() -> None:
    """Nor an interpreter or Pillow: the first Reader() does."""
    loaded = {name.partition(".")[0] for name in loaded_by("from fer_edge import Reader, Face, Settings, errors")}
    assert "fer_edge" in loaded
    assert not loaded & {"cv2", "ai_edge_litert", "tflite_runtime", "PIL", *HEAVY}
