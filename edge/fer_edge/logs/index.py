"""The index of a log: sums of what its files hold, kept beside it so that no file is read twice.

It may be deleted at any time, and is made again. An entry is used only for the file that it was made from: the same
inode, and the same bytes, which are compared by their checksum unless size and time of change are the same. Without
room, or without permission to write, there is no index, and reading takes longer. Purging removes it.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from fer_edge.files import NEW_FILE_MODE, atomic_write, read_small
from fer_edge.logs.files import full_files

MAX_INDEX_BYTES = 8_000_000  # about two years of a busy log; the oldest entries are dropped first
CHUNK_BYTES = 1 << 20  # read at once for a checksum
VERSION = 1


class FileEntry(NamedTuple):
    """What is known of the first `size` bytes of a file."""

    inode: int
    size: int  # bytes, up to the end of a line
    changed: int  # nanoseconds, the file's time of change when it was read
    checksum: int  # CRC-32 of those bytes
    before: int  # inode of the file that was read before it; 0: none was
    sums: Any  # what the reader wants to know again


def index_path(path: Path) -> Path:
    """The index of the log `path`."""
    return path.with_name(f"{path.stem}.index.json")


def load(path: Path, kind: str) -> dict[int, FileEntry]:
    """Inode -> entry of the index of the log `path`; empty if there is none of this `kind`, or none that can be used.

    What the sums of an entry hold is not checked here.
    """
    try:
        data = json.loads(read_small(index_path(path), MAX_INDEX_BYTES))
        if data["version"] != VERSION or data["kind"] != kind:
            return {}
        found = [FileEntry(*entry) for entry in data["files"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {entry.inode: entry for entry in found if all(type(number) is int for number in entry[:-1])}


def save(path: Path, kind: str, entries: Collection[FileEntry]) -> None:
    """Write the index of the log `path`: entries of files that are there, oldest first.

    Without room nothing is written.

    A purge may run meanwhile. It ends by removing the index, so one that is written later than that has to see what was
    purged, and goes.
    """
    with suppress(OSError):
        if not (kept := _of_files_that_are_there(path, entries)):
            return
        data = _packed(kind, kept)
        while len(data) > MAX_INDEX_BYTES and kept:
            kept = kept[len(kept) // 4 + 1 :]
            data = _packed(kind, kept)
        with atomic_write(index_path(path), mode=NEW_FILE_MODE) as temporary:
            temporary.write_bytes(data)
        if _of_files_that_are_there(path, kept) != kept:
            remove(path)


def prune(path: Path) -> None:
    """Drop the entries of files that were deleted. An index that cannot be read or written is removed, if it may be."""
    index = index_path(path)
    try:
        data = json.loads(read_small(index, MAX_INDEX_BYTES))
        entries = [FileEntry(*entry) for entry in data["files"]]
        kept = _of_files_that_are_there(path, entries)
        if len(kept) < len(entries):
            with atomic_write(index) as temporary:
                temporary.write_bytes(_packed(data["kind"], kept))
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        remove(path)


def remove(path: Path) -> None:
    """Remove the index of the log `path`, if there is one and this user may."""
    with suppress(OSError):
        index_path(path).unlink()


def checksum(file: int, size: int, done: int = 0, found: int = 0) -> int:
    """The CRC-32 of the first `size` bytes of an open file; that of the first `done` is `found`."""
    while done < size and (data := os.pread(file, min(CHUNK_BYTES, size - done), done)):
        found = zlib.crc32(data, found)
        done += len(data)
    return found


def is_of(entry: FileEntry, file: int) -> bool:
    """Whether `entry` was made from what an open file begins with."""
    status = os.fstat(file)
    if (status.st_size, status.st_mtime_ns) == (entry.size, entry.changed):
        return True
    return entry.size <= status.st_size and checksum(file, entry.size) == entry.checksum


def _of_files_that_are_there(path: Path, entries: Collection[FileEntry]) -> list[FileEntry]:
    """Those of `entries` whose file is there, in the order of the files. Raises OSError."""
    known = {entry.inode: entry for entry in entries}
    found = []
    for part in (*(full.path for full in full_files(path)), path):
        status = _status(part)
        entry = known.get(status.st_ino) if status else None
        if entry is not None and status is not None and entry.size <= status.st_size:
            found.append(entry)
    return found


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _packed(kind: str, entries: Collection[FileEntry]) -> bytes:
    return json.dumps({"version": VERSION, "kind": kind, "files": entries}, separators=(",", ":")).encode()
