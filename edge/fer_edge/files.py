"""Files that are replaced at once or not at all, and new ones that are never half there."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

# For a file, or a pipe: one that nobody reads is then an error, not a halt. Files do not mind O_NONBLOCK.
APPEND_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
PART = ".part"  # ends the names of temporary files that would pass for a model's card
STALE_SECONDS = 3600.0  # without a write, after which a temporary file is one that a killed process left


@contextmanager
def atomic_write(
    path: Path, temporary: Path | None = None, mode: int | None = None, same_owner: bool = False
) -> Iterator[Path]:
    """Give an empty temporary file, which takes the place of `path` when the block ends well; else `path` stays.

    After a power cut `path` has its old content or its new one. The file that a link leads to is replaced; the link
    stays. The new file has the old one's mode and, if this user may give it, its owner; `same_owner` refuses to let it
    become somebody else's. If there was no file, it has `mode`, or what the umask allows.

    `temporary` is beside `path`, and has a name by which this process finds it again; what a killed process left under
    such a name is removed by the next write. Raises OSError.
    """
    goal = Path(os.path.realpath(path))
    before = _status(goal)
    if before is not None and not stat.S_ISREG(before.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    if temporary is None:
        _sweep(goal)
        temporary = temporary_path(goal)
        temporary.unlink(missing_ok=True)
    private = before is not None or mode is not None  # until it is whole
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    os.close(os.open(temporary, flags, 0o600 if private else 0o666))
    try:
        yield temporary
        with temporary.open("rb+") as file:
            if before is not None:
                _give(file.fileno(), before, same_owner)
            if private:
                os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode) if before is not None else mode or 0)
            os.fsync(file.fileno())
        temporary.replace(goal)
        with suppress(OSError):  # the name; its content is safe, and some file systems cannot
            sync(goal.parent)
    finally:
        with suppress(OSError):  # it is gone, or could not be made
            temporary.unlink()


def append(file: int, data: bytes) -> None:
    """Append all of `data` in one write to an open file. Raises OSError, also if a disk that fills up takes a part."""
    if os.write(file, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is not there yet; if the block fails, it is removed. Raises FileExistsError, OSError."""
    with path.open("xb") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise


def sync(path: Path) -> None:
    """Bring a file's content, or a folder's names, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_path(goal: Path) -> Path:
    """The name of this process's temporary file for `goal`.

    The suffix stays, because Keras and matplotlib tell the format by it; not that of a card, or who looks for cards
    would find it.
    """
    suffix = f"{goal.suffix}{PART}" if goal.suffix == ".json" else goal.suffix
    return goal.with_name(f".{goal.stem}.{os.getpid()}{suffix}")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _give(file: int, before: os.stat_result, same_owner: bool) -> None:
    """Let the open `file` belong to whom the one before it does. Raises PermissionError if it must and cannot."""
    try:
        os.fchown(file, before.st_uid, before.st_gid)
    except PermissionError:
        if same_owner and before.st_uid != os.geteuid():
            raise


def _sweep(goal: Path) -> None:
    """Remove the temporary files for `goal` of processes that were killed.

    No file of a living process: neither of one that this machine knows, nor of another container or computer that
    writes to the same folder, whose numbers mean nothing here; no write takes as long as STALE_SECONDS.
    """
    name = re.compile(rf"\.{re.escape(goal.stem)}\.([0-9]+){re.escape(goal.suffix)}({re.escape(PART)})?")
    with suppress(OSError):  # what cannot be removed is in nobody's way
        for entry in goal.parent.iterdir():
            found = name.fullmatch(entry.name)
            if found is None or Path(f"/proc/{found[1]}").exists():
                continue
            if time.time() - entry.stat().st_mtime > STALE_SECONDS:
                entry.unlink()
