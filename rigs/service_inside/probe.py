"""Run in place of fer-edge, inside its unit: says what is possible there."""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
OTHERS = "/proc/1/environ"


def attempt(name: str, what: Callable[[], object]) -> None:
    """Try `what`, and say whether it went."""
    try:
        what()
    except (OSError, ValueError):
        print(f"probe: {name}: no")
    else:
        print(f"probe: {name}: possible")


def call(function: Callable[..., int], *arguments: int) -> None:
    """Call a function of the C library. Raises OSError."""
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def write(path: str) -> None:
    """Write a file, and remove it. Raises OSError."""
    Path(path).write_text("x")
    Path(path).unlink()


attempt("open an IPv4 socket", lambda: socket.socket(socket.AF_INET))
attempt("open an IPv6 socket", lambda: socket.socket(socket.AF_INET6))
attempt("open a packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("look into home folders", lambda: list(Path("/home").iterdir()))
attempt("look into root's home", lambda: list(Path("/root").iterdir()))
attempt("write /etc", lambda: write("/etc/x"))
attempt("write its program", lambda: write("/opt/fer-edge/x"))
attempt("write beside its folder", lambda: write("/var/lib/x"))
attempt("write its own folder", lambda: write("/var/lib/fer-edge/x"))
attempt("write its own temporary folder", lambda: write("/tmp/x"))
attempt("write kernel settings", lambda: Path("/proc/sys/kernel/domainname").write_text("x"))
attempt("see other processes", lambda: Path(OTHERS).stat())
attempt("make a namespace", lambda: call(LIBC.unshare, 0x20000))
attempt("look into a process", lambda: call(LIBC.ptrace, 16, 1, 0, 0))
attempt("make memory executable", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC))
attempt("run in real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10)))
attempt("make a program of another user", lambda: (Path("/tmp/s").touch(), Path("/tmp/s").chmod(0o4755)))
attempt("set the clock", lambda: time.clock_settime(time.CLOCK_REALTIME, 1))
