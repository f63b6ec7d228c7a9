"""Files that are replaced at once or not at all, and new files that are whole or not there."""

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

# For a file or a pipe. O_NONBLOCK: a pipe without a reader is an error and does not block; files ignore it.
APPEND_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
NEW_FILE_MODE = 0o640  # of what tells who was where: for its user and group
PART = ".part"  # ends the name of the temporary file for a .json
STALE_S = 3600.0  # a temporary file without a write for so long is a leftover


@contextmanager
def atomic_write(
    path: Path, temporary: Path | None = None, mode: int | None = None, same_owner: bool = False
) -> Iterator[Path]:
    """Yield an empty temporary file, which replaces `path` if the block succeeds; else `path` stays as it was.

    After a power cut `path` has its old content or its new one. If `path` is a link, its target is replaced. The new
    file gets the mode of the old one, and its owner if this user may set that; with `same_owner`, not being allowed to
    is an error. Without an old file it gets `mode`; None: what the umask allows.

    `temporary` is its path, beside `path`; None: a name with this process's number, whose leftovers of killed processes
    are removed by the next write. Raises OSError.
    """
    goal = Path(os.path.realpath(path))
    before = _status(goal)
    if before is not None and not stat.S_ISREG(before.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    if temporary is None:
        _sweep(goal)
        temporary = temporary_path(goal)
        temporary.unlink(missing_ok=True)
    private = before is not None or mode is not None  # mode 0600 until it is whole
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
        with suppress(OSError):  # of the name; the content is safe, and some file systems cannot
            sync(goal.parent)
    finally:
        with suppress(OSError):  # it was renamed
            temporary.unlink()


@contextmanager
def path_in_utf8(path: Path) -> Iterator[str]:
    """The absolute path of a file or folder that exists, as libraries in C++ take it; it holds within the block.

    OpenCV ends the process if a path has bytes that are not UTF-8: such a one is opened here, and its descriptor is
    named. Absolute, since FFmpeg takes what stands before a colon for a protocol. Raises OSError.
    """
    absolute = str(path.absolute())
    if is_utf8(absolute):
        yield absolute
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def is_utf8(path: str) -> bool:
    """Whether the file system has `path` in UTF-8."""
    try:
        return path.encode() == os.fsencode(path)  # another encoding of names is a matter of the locale
    except UnicodeEncodeError:
        return False


def append(file: int, data: bytes) -> None:
    """Append `data` to an open file in one write. Raises OSError, also if the disk took only a part of it."""
    if os.write(file, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that does not exist yet; if the block fails, it is removed. Raises FileExistsError, OSError."""
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

    It has the same suffix, by which Keras and matplotlib choose the format; not a card's .json, or a search for cards
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
    """Give the open `file` the owner of the one before. Raises PermissionError if it must and cannot."""
    try:
        os.fchown(file, before.st_uid, before.st_gid)
    except PermissionError:
        if same_owner and before.st_uid != os.geteuid():
            raise


def _sweep(goal: Path) -> None:
    """Remove the temporary files for `goal` of processes that were killed.

    Files of living processes stay: of this machine, by their number; of another container or computer that writes to
    the same folder, whose numbers mean nothing here, by their age. No write takes as long as STALE_S.
    """
    name = re.compile(rf"\.{re.escape(goal.stem)}\.([0-9]+){re.escape(goal.suffix)}({re.escape(PART)})?")
    with suppress(OSError):  # what cannot be removed does no harm
        for entry in goal.parent.iterdir():
            found = name.fullmatch(entry.name)
            if found is None or Path(f"/proc/{found[1]}").exists():
                continue
            if time.time() - entry.stat().st_mtime > STALE_S:
                entry.unlink()


def read_small(path: Path, most: int) -> bytes:
    """The content of a file. Raises OSError, and ValueError for one of more than `most` bytes, and for what is none."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:  # a pipe does not block
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("not a file")
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"has more than {most} bytes")
    return data
