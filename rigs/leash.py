"""Starts programs that end with the rig: also if it is killed, and can stop nothing itself."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any


def start(command: Sequence[str], ending: str = "TERM", **options: Any) -> subprocess.Popen[Any]:
    """Start a program that gets the signal `ending` from the kernel once the thread that calls this is gone.

    `options` are of subprocess.Popen. What the program starts itself must end with it.
    """
    return subprocess.Popen(["setpriv", f"--pdeathsig={ending}", "--", *command], **options)
