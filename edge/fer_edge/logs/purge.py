"""Deletes the lines of a log before a moment, for privacy, also while the log is being written."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fer_edge.errors import LogError, counted
from fer_edge.files import atomic_write
from fer_edge.logs import index
from fer_edge.logs.files import MAX_LINE_BYTES, PURGE_SUFFIX, full_files, leftovers, looks_like_log, raw_lines
from fer_edge.logs.folder import Folder
from fer_edge.records import line_time


@dataclass
class Purged:
    """What a purge did."""

    lines: int = 0  # deleted
    torn: int = 0  # half-written lines, whose time is unknown; deleted too
    kept: int = 0
    files: int = 0  # from which lines were deleted
    whole: int = 0  # of these, files that were deleted


def purge(path: Path, before: datetime) -> Purged:
    """Delete all lines of the log `path` with a time before `before` (with zone), in full files too, and its index.

    Each file is replaced at once or not at all, also in a power cut, and flushed lines stay. A loop that writes the log
    waits while one file is rewritten, at most. Raises LogError.
    """
    real = Path(os.path.realpath(path))
    done = Purged()
    with ExitStack() as stack:
        try:
            folder = Folder(real.parent)
            stack.callback(folder.close)
            index.remove(real)
            stack.callback(index.remove, real)  # one that was written meanwhile
            # The current file first: files that are rotated from then on have no line to delete.
            found = _purge_file(folder, real, before, done)
            full = full_files(real)
            if not found and not full:
                raise LogError(f"log {real}: no such log; name one with --log")
            for part in full:
                _purge_file(folder, part.path, before, done, may_delete=True)
        except OSError as cause:
            raise LogError(
                f"log {real}: cannot be purged ({cause.strerror}) after {counted(done.lines, 'line')}; "
                "run it as the user who owns the log, with room for one more file"
            ) from None
    return done


def _purge_file(folder: Folder, path: Path, before: datetime, done: Purged, may_delete: bool = False) -> bool:
    """Rewrite one file without its old lines, or delete it if none is left and `may_delete`; False: no such file."""
    with ExitStack() as stack:
        locked = stack.enter_context(folder.locked())
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_NOFOLLOW if may_delete else 0))
        except FileNotFoundError:
            return False
        stack.callback(os.close, file)
        if not stat.S_ISREG(os.fstat(file).st_mode) or not looks_like_log(file):
            if may_delete:
                return True
            raise LogError(f"log {path}: is not a fer-edge log; name another with --log")
        if not locked:
            _refuse_written(file, path)
        old, torn, kept = _count(file, before)
        done.kept += kept
        if not old and not torn:
            return True
        if not kept and may_delete:
            path.unlink()
            done.whole += 1
        else:
            _rewrite(file, path, before)
        folder.sync()
        done.lines, done.torn, done.files = done.lines + old, done.torn + torn, done.files + 1
    return True


def _count(file: int, before: datetime) -> tuple[int, int, int]:
    """The number of lines that are too old, torn, and to be kept."""
    old = torn = kept = 0
    for line in raw_lines(file):
        time = _time(line)
        if time is None:
            torn += 1
        elif time < before:
            old += 1
        else:
            kept += 1
    return old, torn, kept


def _time(line: bytes) -> datetime | None:
    """The time of a line; None if it is torn."""
    return line_time(line) if line.rstrip().endswith(b"}") and len(line) < MAX_LINE_BYTES else None


def _rewrite(file: int, path: Path, before: datetime) -> None:
    """Replace `path` by a copy with only the lines to keep. Raises OSError."""
    new = path.with_name(path.name + PURGE_SUFFIX)
    if new in leftovers(path):
        new.unlink()
    with atomic_write(path, new, same_owner=True) as temporary, temporary.open("wb") as out:
        for line in raw_lines(file):
            time = _time(line)
            if time is not None and time >= before:
                out.write(line if line.endswith(b"\n") else line + b"\n")


def _refuse_written(file: int, path: Path) -> None:
    """Raise LogError if the file is being written, on a file system without locks for folders."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        raise LogError(f"log {path}: is being written, and its file system has no locks; stop fer-edge first") from None
