"""Commands for root name the program by a path that sudo need not look for."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from fer_edge.service import program


def test_program_has_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside its Python, also in a folder with a space; the module where pip made no program."""
    folder = tmp_path / "my env"
    folder.mkdir()
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    assert shlex.split(program.as_root("doctor")) == ["sudo", str(folder / "python"), "-m", "fer_edge", "doctor"]
    (folder / "fer-edge").touch()
    assert shlex.split(program.as_root("doctor")) == ["sudo", str(folder / "fer-edge"), "doctor"]
