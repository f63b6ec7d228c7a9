"""The program's arguments as ps and the journal show them to everybody on this device: without passwords."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from fer_edge.urls import mask

# Their texts are addresses, headers and names of files with passwords.
_PRIVATE = re.compile(r"(?s)((?:--set=)?\s*(?:webhook|mqtt|kiosk)\.\w+\s*=).*")
_ARG_START, _ARG_END = 47, 48  # fields of /proc/PID/stat, counted from 0 (proc_pid_stat(5))


def hide_secrets() -> None:
    """Replace each argument of this process by what may be shown of it, cut or filled to its length, where ps reads it.

    Does nothing where that is not Linux. The arguments that Python has stay as they are.
    """
    with suppress(OSError, ValueError, IndexError):
        given = Path("/proc/self/cmdline").read_bytes()
        shown = b"\0".join(map(_masked, given.split(b"\0")))
        if shown == given:
            return
        import ctypes  # late: it is seldom needed

        # The name in the second field may hold spaces and brackets.
        fields = ["", "", *Path("/proc/self/stat").read_text().rpartition(") ")[2].split()]
        start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
        if end - start == len(shown) == len(given):
            ctypes.memmove(start, shown, len(shown))


def _masked(argument: bytes) -> bytes:
    text = os.fsdecode(argument)
    hidden = _PRIVATE.sub(r"\1***", text) if _PRIVATE.match(text) else mask(text)
    return argument if hidden == text else os.fsencode(hidden)[: len(argument)].ljust(len(argument))
