"""One process at a time writes to a run's folder, and to a file of teachers' answers."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import pytest
from fer_convert.training import run_folder
from fer_edge.errors import SinkError


def test_who_holds_a_lock_is_said(tmp_path: Path) -> None:
    """So that whoever is refused knows what to wait for, or what to end."""
    lock = tmp_path / "new" / ".lock"
    holder = re.escape(f"process {os.getpid()} on {platform.node()}")
    with (
        run_folder.alone(lock, "--out x", "training"),
        pytest.raises(SinkError, match=rf"^--out x, which {holder} holds: another training writes to it; wait for it"),
        run_folder.alone(lock, "--out x", "training"),
    ):
        pass
    with run_folder.alone(lock, "--out x", "training"):  # it is free again, and says the last holder alone
        assert lock.read_text().count("\n") == 1


def test_a_lock_without_a_name_holds_too(tmp_path: Path) -> None:
    """That of a training that an earlier version began, or one on a full disk."""
    lock = tmp_path / ".lock"
    with run_folder.alone(lock, "--out x", "training"):
        lock.write_text("")
        with (
            pytest.raises(SinkError, match="which a process without a name holds"),
            run_folder.alone(lock, "--out x", "training"),
        ):
            pass


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SinkError, match=r"--out x: cannot be made .*; choose another --out"),
        run_folder.alone(tmp_path / "file" / ".lock", "--out x", "training"),
    ):
        pass
