"""Starts programs that end with the rig: also if it is killed, and can stop nothing itself."""

from __future__ import annotations

import ctypes
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

PR_SET_PDEATHSIG = 1  # prctl(2)


def start(command: Sequence[str], as_user: str = "", **options: Any) -> subprocess.Popen[Any]:
    """Start a program that the kernel asks to end (SIGTERM) once the thread that calls this is gone.

    `as_user`: for programs that refuse root; `options` are of subprocess.Popen. What the program starts itself must end
    with it.
    """
    user = [f"--reuid={as_user}", f"--regid={as_user}", "--init-groups"] if as_user else []
    return subprocess.Popen(["setpriv", *user, "--pdeathsig=TERM", "--", *command], **options)


def tie() -> None:
    """Let this process be killed once the one that started it is gone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
