"""One process at a time: a file that a process locks while it writes beside it."""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fer_edge.errors import SinkError


@contextmanager
def exclusive(lock: Path, what: str, work: str) -> Iterator[None]:
    """Hold the file `lock` for this process alone while the block lasts; its folder is created.

    For messages: `what` is written to ("run folder runs/x"), by `work` ("training"). Raises SinkError if the folder
    cannot be created or written to, or if another process holds `lock`, whose number and computer it names.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("ab+", buffering=0)
    except OSError as cause:
        raise SinkError(f"{what}: cannot be created ({cause.strerror}); choose another --out") from None
    with file:  # closing it unlocks, and so does the end of the process, however it comes
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = " ".join(file.read(100).decode(errors="replace").split()) or "a process without a name"
            raise SinkError(
                f"{what}, which {holder} holds: another {work} writes to it; wait for it, or choose another --out"
            ) from None
        except OSError as cause:
            raise SinkError(f"{what}: cannot be locked ({cause.strerror}); choose another --out") from None
        with suppress(OSError):  # on a full disk the lock holds without a name
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()}\n".encode())
        yield
