"""Modules of this package that run in processes of their own, with limits: what others send is decoded there."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PACKAGE_FOLDER = Path(__file__).parents[2]
_ENDING = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}


def command(module: str, *arguments: str) -> list[str]:
    """What starts `python -m module`. -P: of this package, whatever is in the working directory; see `environment`."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """What the environment of such a process has in addition."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(PACKAGE_FOLDER), os.environ.get("PYTHONPATH"))))}


@contextmanager
def signals_held_back() -> Iterator[None]:
    """What is started here gets no signal that ends or changes the service: systemd and terminals send it to both.

    It is to end with its standard input, and not before the parent has heard of the signal: that would take it for a
    failure.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def data_bytes() -> int:
    """What this process holds of the memory that RLIMIT_DATA limits."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmData:"))


def lower_limits(limits: Mapping[int, int | tuple[int, int]]) -> None:
    """From here on this process has at most so much of each of resource.RLIMIT_*. Raises OSError.

    Of two values the first holds for now, and can be raised to the second.
    """
    for kind, wanted in limits.items():
        with suppress(ValueError):  # a lower limit holds already
            resource.setrlimit(kind, wanted if isinstance(wanted, tuple) else (wanted, wanted))
