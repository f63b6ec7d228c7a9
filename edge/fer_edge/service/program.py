"""How this program is called in a command to copy: sudo looks in few folders, and not in those of environments."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def as_root(arguments: str) -> str:
    """`fer-edge ARGUMENTS` as root, with the program's whole path: "sudo /opt/fer-edge/current/bin/fer-edge doctor"."""
    return f"sudo {program()} {arguments}"


def program() -> str:
    """The whole path of fer-edge, ready for a shell; where pip made none, of Python with the module."""
    beside = Path(sys.executable).with_name("fer-edge")
    return shlex.quote(str(beside)) if beside.is_file() else f"{shlex.quote(sys.executable)} -m fer_edge"
