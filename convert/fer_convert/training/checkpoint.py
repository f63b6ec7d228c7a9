"""The state of a training run on disk: every epoch whole or not at all.

`state.npz` holds the variables of model and optimizer and a JSON text: a format of numpy alone, so that a run may go on
under another Keras backend than it began with.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from fer_edge.errors import ModelError, SinkError, first_line
from fer_edge.files import atomic_write, sync

KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well; else `path` stays as it was.

    Where `path` is a link, so it stays, and the file that it leads to is the one replaced. Raises SinkError where it
    cannot be written.
    """
    goal = target(path)
    try:
        with atomic_write(goal) as temporary:
            yield temporary
    except OSError as cause:
        if isinstance(cause, FileNotFoundError) and not goal.parent.is_dir():
            raise SinkError(f"{path}: cannot be written (no such folder {goal.parent}); make it") from None
        raise SinkError(f"{path}: cannot be written ({cause.strerror or cause}); check rights and space") from None


def target(path: Path) -> Path:
    """The file that a write to `path` makes or replaces: where it leads to, if it is a link.

    Raises SinkError where something else is there that a file would take the place of: a folder, a device, a pipe.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return Path(os.path.realpath(path))  # nothing is there yet
    except OSError as cause:
        raise SinkError(f"{path}: cannot be written ({cause.strerror or cause}); check rights and space") from None
    # Of what is open, /dev/stdout too, where it is a file: the shell that opened it would go on writing to the old one.
    is_open = os.path.realpath(path.parent) in ("/dev", f"/proc/{os.getpid()}/fd")
    if not stat.S_ISREG(mode) or is_open:
        kind = next((words for test, words in KINDS if test(mode)), "an open file")
        raise SinkError(f"{str(path)!r}: cannot be written (it is {kind}); give the name of a file")
    return Path(os.path.realpath(path))


def write_text(path: Path, text: str) -> None:
    """`text` at `path`, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """`content` at `path` as indented JSON, whole or not at all."""
    write_text(path, as_json(content))


def as_json(content: Any) -> str:
    """`content` as the text of a JSON file."""
    return json.dumps(content, indent=2) + "\n"


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Every one of `contents` at its path, in their order; where one cannot be written, all stay as they were.

    What cannot be replaced shows, and every byte is on the disk, before the first is renamed into its place; only what
    fails between two renames leaves some new and some old. Raises SinkError.
    """
    names: dict[Path, Path] = {}
    for path in contents:
        other = names.setdefault(target(path), path)
        if other is not path:
            raise SinkError(f"{path}: cannot be written (it is the same file as {other}); remove the link")
    with ExitStack() as stack:
        for path, content in reversed(list(contents.items())):  # the stack ends in the reverse order
            temporary = stack.enter_context(whole(path))
            temporary.write_bytes(content)
            sync(temporary)  # a full disk may show only here, and no file may have taken its place by then


def save(path: Path, model: Any, progress: dict[str, Any]) -> None:
    """Every variable of `model` and its optimizer, and `progress`, at `path`."""
    arrays = {f"model{i}": np.asarray(v.numpy()) for i, v in enumerate(model.variables)}
    arrays |= {f"optimizer{i}": np.asarray(v.numpy()) for i, v in enumerate(model.optimizer.variables)}
    with whole(path) as temporary, temporary.open("wb") as file:
        _savez(file, progress=np.array(json.dumps(progress)), **arrays)


# numpy's own annotation of savez takes no mapping of names to arrays
_savez: Callable[..., None] = np.savez


def restore(path: Path, model: Any) -> dict[str, Any]:
    """Put the variables at `path` into `model` and its optimizer; returns `progress`. Raises ModelError."""
    try:
        file: BinaryIO
        with path.open("rb") as file, np.load(file) as arrays:
            model.optimizer.build(model.trainable_variables)
            for kind, variables in (("model", model.variables), ("optimizer", model.optimizer.variables)):
                for i, variable in enumerate(variables):
                    _assign(variable, arrays[f"{kind}{i}"])
            progress = json.loads(str(arrays["progress"]))
        if not isinstance(progress, dict):
            raise TypeError(f"its progress is {str(progress)[:40]!r}")
    except Exception as cause:  # noqa: BLE001 - numpy and zipfile raise errors of a dozen kinds
        why = first_line(cause)[:160]
        raise ModelError(f"checkpoint {path}: cannot be read ({why}); remove it to begin this run anew") from None
    return progress


def _assign(variable: Any, value: Any) -> None:
    if np.shape(value) != tuple(variable.shape):
        raise ValueError(f"{np.shape(value)} values for {variable.name}, which has {tuple(variable.shape)}")
    variable.assign(value)
