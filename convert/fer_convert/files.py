"""Files that are written whole or not at all, by `fer_edge.files`, with errors that name the path and the fix."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fer_edge.errors import SinkError
from fer_edge.files import atomic_write, sync

FILE_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces it if the block succeeds; otherwise `path` stays as it was.

    If `path` is a link, it stays one, and the file that it points to is replaced. Raises SinkError if the file cannot
    be written.
    """
    goal = check_file(path)
    try:
        with atomic_write(goal) as temporary:
            yield temporary
    except OSError as cause:
        raise SinkError(f"{path}: cannot be written ({cause.strerror or cause}); check rights and space") from None


def check_file(path: Path) -> Path:
    """What `resolve` gives, for a look before the work whose result it is. Raises SinkError, too without a folder."""
    goal = resolve(path)
    if not goal.parent.is_dir():
        raise SinkError(f"{path}: cannot be written (no such folder {goal.parent}); create it")
    return goal


def resolve(path: Path) -> Path:
    """The file that a write to `path` creates or replaces: what it points to, if it is a link.

    Raises SinkError if it is something that a file must not replace: a folder, a device, a pipe, an open file.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return Path(os.path.realpath(path))  # nothing is there yet
    except OSError as cause:
        raise SinkError(f"{path}: cannot be written ({cause.strerror or cause}); check rights and space") from None
    # /dev/stdout may be a file, too; the shell that opened it would go on writing to the old one.
    is_open = os.path.realpath(path.parent) in ("/dev", f"/proc/{os.getpid()}/fd")
    if not stat.S_ISREG(mode) or is_open:
        kind = next((words for test, words in FILE_KINDS if test(mode)), "an open file")
        raise SinkError(f"{str(path)!r}: cannot be written (it is {kind}); give the name of a file")
    return Path(os.path.realpath(path))


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all. Raises SinkError."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write `content` to `path` as indented JSON, whole or not at all. Raises SinkError."""
    write_text(path, to_json(content))


def to_json(content: Any) -> str:
    """`content` as the text of a JSON file."""
    return json.dumps(content, indent=2) + "\n"


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write each of `contents` to its path, in their order; if one cannot be written, all stay as they were.

    Before the first file is renamed into its place, all of them are on the disk and every target has been checked; only
    a failure between two renames leaves some new and some old. Raises SinkError.
    """
    names: dict[Path, Path] = {}
    for path in contents:
        other = names.setdefault(resolve(path), path)
        if other is not path:
            raise SinkError(f"{path}: cannot be written (it is the same file as {other}); remove the link")
    with ExitStack() as stack:
        for path, content in reversed(list(contents.items())):  # the stack unwinds in the reverse order
            temporary = stack.enter_context(atomic(path))
            temporary.write_bytes(content)
            sync(temporary)  # a full disk may show only here, and no file may have been replaced by then


def make_folder(folder: Path, option: str) -> None:
    """Create `folder` and its parents, unless it is there. Raises SinkError naming the `option` that gave it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise SinkError(f"{option} {folder}: cannot be created ({cause.strerror}); choose another folder") from None


def check_folder(folder: Path, option: str) -> None:
    """Raise SinkError as `make_folder` would, before the work whose result goes there; nothing is made."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(place))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "may not be written to" if there.is_dir() else "is no folder"
        raise SinkError(f"{option} {folder}: cannot be created ({there} {why}); choose another folder")


def sha256(path: Path) -> str:
    """The sha256 of the file at `path`, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
