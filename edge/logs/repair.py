"""What a power cut leaves of a last line."""

from __future__ import annotations

import json
import os
from pathlib import Path

from edge.errors import SinkError
from edge.logs.files import CHUNK, LONGEST, looks_ours


def repair(file: int, path: Path) -> int:
    """Cut off a last line that is not whole; how many bytes that was.

    A whole last line that only lacks its newline gets one. A file that does not look like a log is refused, untouched:
    it is somebody's, named by mistake. Raises SinkError, and OSError where the disk is full or gone.
    """
    size = os.fstat(file).st_size
    if size == 0:
        return 0
    foreign = SinkError(f"log {path}: holds something else than a fer-edge log; choose another file")
    if not looks_ours(file):
        raise foreign
    tail = b""
    position = size
    while position > 0 and b"\n" not in tail:
        if len(tail) > LONGEST:
            raise foreign
        step = min(CHUNK, position)
        position -= step
        tail = os.pread(file, step, position) + tail
    rest = tail[tail.rfind(b"\n") + 1 :]
    if not rest:
        return 0
    if _whole(rest):
        os.write(file, b"\n")
        return 0
    os.ftruncate(file, size - len(rest))
    os.fdatasync(file)
    return len(rest)


def _whole(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
