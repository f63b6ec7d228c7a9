"""The folder of a log: the lock for changes in it, and bringing its names to the disk."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Folder:
    """An open folder. The lock is on the folder, not on a file, since files come, go and are renamed in it."""

    def __init__(self, path: Path) -> None:
        """Open the folder. Raises OSError."""
        self.path = path
        self._file = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Wait for the lock and hold it; other processes hold it for a line, or while they rewrite one file.

        False if the file system cannot lock a folder (NFS); appending works without the lock.
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
        """Bring the names of new, renamed and deleted files to the disk. Raises OSError."""
        try:
            os.fsync(self._file)
        except OSError as cause:
            if cause.errno != errno.EINVAL:  # a file system without sync for folders
                raise

    def close(self) -> None:
        """Close the folder, and release its lock. May be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
