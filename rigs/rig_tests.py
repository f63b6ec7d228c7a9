"""How a test runs a rig."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from card_writes import UNABLE

HERE = Path(__file__).parent
on_debian_as_root = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/etc/debian_version").exists() or platform.machine() != "x86_64",
    reason="needs Debian on x86-64, and root",
)


def run(program: str, *words: str) -> str:
    """What the rig prints; it must end well."""
    command = [sys.executable, str(HERE / program), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        try:
            out, _ = child.communicate()
        except BaseException:  # the time is over: it is to end its containers and servers itself
            child.terminate()
            raise
    if child.returncode == UNABLE:
        pytest.skip(out.strip())
    assert child.returncode == 0, out[-9000:]
    return out
