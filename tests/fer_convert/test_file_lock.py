"""One process at a time holds a lock, and whoever is refused learns which."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import pytest
from fer_convert import file_lock
from fer_edge.errors import SinkError


def test_holder_of_a_lock_is_named(tmp_path: Path) -> None:
    """So that whoever is refused knows what to wait for, or what to end."""
    lock = tmp_path / "new" / ".lock"
    holder = re.escape(f"process {os.getpid()} on {platform.node()}")
    with (
        file_lock.exclusive(lock, "--out x", "training"),
        pytest.raises(SinkError, match=rf"^--out x, which {holder} holds: another training writes to it; wait for it"),
        file_lock.exclusive(lock, "--out x", "training"),
    ):
        pass
    with file_lock.exclusive(lock, "--out x", "training"):  # it is free again, and says the last holder alone
        assert lock.read_text().count("\n") == 1


def test_lock_without_a_name_holds(tmp_path: Path) -> None:
    """That of a training that an earlier version began, or one on a full disk."""
    lock = tmp_path / ".lock"
    with file_lock.exclusive(lock, "--out x", "training"):
        lock.write_text("")
        with (
            pytest.raises(SinkError, match="which a process without a name holds"),
            file_lock.exclusive(lock, "--out x", "training"),
        ):
            pass


def test_folder_cannot_be_created(tmp_path: Path) -> None:
    """The message names the option's folder and asks for another."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SinkError, match=r"--out x: cannot be created .*; choose another --out"),
        file_lock.exclusive(tmp_path / "file" / ".lock", "--out x", "training"),
    ):
        pass
