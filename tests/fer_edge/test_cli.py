"""Each way in which the program may be started does something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fer_edge import __version__

ROOT = Path(__file__).parents[2]


def start(*command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "edge"), str(ROOT / "convert")])}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )


@pytest.mark.process
@pytest.mark.parametrize("module", ["fer_edge", "fer_edge.cli"])
def test_module_is_the_command(module: str) -> None:
    done = start("-m", module, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"fer-edge {__version__}\n", "")


@pytest.mark.process
def test_folder_s_name_is_corrected() -> None:
    """In a checkout the package is in the folder edge, which others take for its name."""
    done = start("-m", "edge", "detect", "my photo.jpg")
    assert done.returncode == 1
    assert done.stderr.endswith("or: python -m fer_edge detect 'my photo.jpg'\n")
    assert len(done.stderr.splitlines()) == 1
