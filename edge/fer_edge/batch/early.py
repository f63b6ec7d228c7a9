"""Results that came before their turn: kept beside the first output, so that no run reads their files again."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from fer_edge.batch.progress import file_state
from fer_edge.errors import SinkError, SourceError
from fer_edge.files import atomic_write


class Result(NamedTuple):
    """What a worker found in one file."""

    words: str  # for people
    error: SourceError | None  # why the file could not be read whole
    observations: bytes  # of `fer_edge.batch.spool`, compressed


class Early:
    """A folder with a file for each result, which is named after what was read, and with which settings."""

    def __init__(self, folder: Path, key: str) -> None:
        """Make the folder, or go on with it. `key`: changes with what results depend on. Raises SinkError."""
        self._folder, self._key = folder, key
        self._files: dict[str, Path] = {}  # by path: a file that changes meanwhile keeps its name
        try:
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            status = folder.stat()
        except OSError as cause:
            raise SinkError(f"output {folder}: cannot be made ({cause.strerror}); choose another file") from None
        # Its files are pickles, which may hold any program.
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
            raise SinkError(f"output {folder}: others may write to it; remove it, or choose another file")

    def has(self, path: str) -> bool:
        """Whether the result of `path`, as it is now, is here."""
        return self._file(path).is_file()

    def put(self, path: str, result: Result) -> None:
        """Keep it. Raises SinkError."""
        try:
            with atomic_write(self._file(path)) as temporary:
                temporary.write_bytes(pickle.dumps(result, pickle.HIGHEST_PROTOCOL))
        except OSError as cause:
            raise SinkError(f"output {self._folder}: cannot be written ({cause.strerror}); make room") from None

    @contextmanager
    def taken(self, path: str) -> Iterator[Result]:
        """The result, which goes when it has been written elsewhere."""
        file = self._file(path)
        result: Result = pickle.loads(file.read_bytes())
        yield result
        file.unlink()

    def finish(self) -> None:
        """Remove the folder: all is done."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """Remove an empty folder. May be called twice."""
        with suppress(OSError):
            self._folder.rmdir()

    def _file(self, path: str) -> Path:
        if path not in self._files:
            name = [self._key, str(Path(path).absolute()), file_state(path)]
            self._files[path] = self._folder / hashlib.sha256(json.dumps(name).encode()).hexdigest()
        return self._files[path]
