"""The folder of a log: its lock, held by whoever changes something in it, and its way to the disk."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Folder:
    """An open folder. A lock on the folder, not on a file, since files come, go and are renamed under it."""

    def __init__(self, path: Path) -> None:
        """Open the folder. Raises OSError."""
        self.path = path
        self._file = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Wait for the lock and hold it; others hold it for a line, or for the rewriting of one file.

        False where the file system cannot lock a folder (NFS): who merely appends goes on without.
        """
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except OSError:
            yield False
            return
        try:
            yield True
        finally:
            if self._file >= 0:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def sync(self) -> None:
        """Bring names to the disk: files that came, went or were renamed. Raises OSError."""
        try:
            os.fsync(self._file)
        except OSError as cause:
            if cause.errno != errno.EINVAL:  # a file system that keeps folders otherwise
                raise

    def close(self) -> None:
        """Let go of the folder, and of its lock. May be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
