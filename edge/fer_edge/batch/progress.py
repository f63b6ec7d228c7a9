"""Which paths are done, beside the first output: a run that was stopped goes on from there."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from fer_edge import __version__
from fer_edge.errors import SinkError
from fer_edge.reader import Reader

SUFFIX = ".progress"
EARLY_SUFFIX = ".early"  # of the folder of results that came before their turn


def key_of(reader: Reader, file_times: bool = False) -> str:
    """Changes with the version, with every setting that results depend on, and with the model's file."""
    chosen = reader.settings
    parts: list[object] = [chosen.source, chosen.detector, chosen.classifier, chosen.tracker, chosen.smoother]
    with reader.parts(still=True) as used:  # another file may be installed under the same name
        parts.append(used.classifier.identity)
    if file_times:
        parts.append("file times")
    return hashlib.sha256(repr((__version__, parts)).encode()).hexdigest()[:16]


class Progress:
    """One JSON line a path that is done, with the sizes of the outputs after it. A finished run removes the file."""

    def __init__(self, outputs: Sequence[Path], key: str) -> None:
        """Cut `outputs` back to what the done paths of a stopped run gave. Raises SinkError."""
        self._outputs = [path.absolute() for path in outputs]
        self.path = self._outputs[0].with_name(self._outputs[0].name + SUFFIX)
        self.early = self.path.with_suffix(EARLY_SUFFIX)
        self._done: dict[str, dict[str, Any]] = {}
        self._last: Mapping[str, int] = {}  # the outputs' sizes
        self._file = -1
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._take_up(key)
            self._last = self._sizes()
        except BlockingIOError:
            self._release()
            raise SinkError(f"output {outputs[0]}: another fer-edge writes to it; choose another file") from None
        except OSError as cause:
            self._release()
            raise SinkError(f"output {self.path}: cannot be written ({cause.strerror}); choose another file") from None
        except SinkError:
            self._release()
            raise

    def _take_up(self, key: str) -> None:
        """Read the lines; keep those whose results are still there. Raises SinkError, OSError."""
        head = {"fer-edge": key, "outputs": [str(path) for path in self._outputs]}
        lines: list[tuple[dict[str, Any], int]] = []  # each with the position of its end
        end = 0
        for text in self._content().split(b"\n")[:-1]:
            end += len(text) + 1
            entry = _parsed(text)
            if entry is not None and (not lines or _is_path(entry, head["outputs"])):
                lines.append((entry, end))
        if not lines:
            os.ftruncate(self._file, 0)
            self._append({**head, "sizes": self._sizes()})
            return
        if {name: lines[0][0].get(name) for name in head} != head:
            raise SinkError(
                f"output {self._outputs[0]}: a run that was stopped began it with another model, other settings or "
                f"outputs; choose another file, or remove {self.path} to leave it as it is and begin again"
            )
        # A power cut may have taken results whose line was kept.
        sizes = self._sizes()
        while len(lines) > 1 and not _within(lines[-1][0]["sizes"], sizes):
            lines.pop()
        last, end = lines[-1]
        os.ftruncate(self._file, end)  # or the outputs, once they are as long again, would seem to hold those results
        if _within(last["sizes"], sizes):
            for path in self._outputs:
                if path.is_file():
                    os.truncate(path, last["sizes"][str(path)])
        self._done = {entry["path"]: entry for entry, _ in lines[1:]}

    def failed(self, path: str) -> bool | None:
        """Whether a stopped run could not read it whole; None: it did not read it, or it has changed since."""
        entry = self._done.get(_name(path))
        return bool(entry["failed"]) if entry is not None and entry["file"] == file_state(path) else None

    def add(self, path: str, failed: bool) -> None:
        """Note that `path` is done, with all of its results in the outputs. Raises SinkError.

        One that failed and gave nothing is read again by the next run.
        """
        try:
            sizes = self._sizes()
            if not failed or sizes != self._last:
                self._append({"path": _name(path), "file": file_state(path), "failed": failed, "sizes": sizes})
            self._last = sizes
        except OSError as cause:
            raise SinkError(f"output {self.path}: cannot be written ({cause.strerror}); make room") from None

    def finish(self) -> None:
        """Remove the file: all is done."""
        with suppress(OSError):
            self.path.unlink()

    def close(self) -> None:
        """Close the file, and remove one that says nothing. May be called twice."""
        if self._file >= 0 and self._content().count(b"\n") <= 1:
            self.finish()
        self._release()

    def _sizes(self) -> Mapping[str, int]:
        return {str(path): path.stat().st_size if path.is_file() else 0 for path in self._outputs}

    def _content(self) -> bytes:
        return os.pread(self._file, os.fstat(self._file).st_size, 0)

    def _append(self, entry: Mapping[str, Any]) -> None:
        os.write(self._file, json.dumps(entry).encode() + b"\n")

    def _release(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def _name(path: str) -> str:
    return str(Path(path).absolute())


def file_state(path: str) -> list[int]:
    """Size and time of change: another file under the same name is read again."""
    try:
        status = os.stat(path)  # noqa: PTH116 - as it was given
    except OSError:
        return [0, 0]
    return [status.st_size, status.st_mtime_ns]


def _parsed(line: bytes) -> dict[str, Any] | None:
    """A line's object; None if a power cut tore it."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    sizes = entry.get("sizes") if isinstance(entry, dict) else None
    return entry if isinstance(sizes, dict) and all(type(size) is int for size in sizes.values()) else None


def _is_path(entry: Mapping[str, Any], outputs: Collection[str]) -> bool:
    """Whether it is of a path, with a size of each of the outputs."""
    return (
        isinstance(entry.get("path"), str)
        and {"file", "failed"} <= entry.keys()
        and entry["sizes"].keys() == set(outputs)
    )


def _within(sizes: Mapping[str, int], there: Mapping[str, int]) -> bool:
    return all(there.get(path, 0) >= size for path, size in sizes.items())
