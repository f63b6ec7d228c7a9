"""Messages on the disk, in the order of their keys, in an SQLite file, which no power cut leaves half written."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fer_edge.errors import SinkError, first_line
from fer_edge.files import NEW_FILE_MODE
from fer_edge.types import EMOTIONS

_log = logging.getLogger(__name__)

APPLICATION_ID = 0x46455251  # application_id in the file's header: "FERQ"
SQLITE_MAGIC = b"SQLite format 3\0"
TABLES = """
    CREATE TABLE IF NOT EXISTS waiting (key INTEGER PRIMARY KEY, message BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS own (name TEXT PRIMARY KEY, value);
"""
OTHER_FILE_HINT = "choose another with mqtt.queue"


class MessageStore:
    """The messages in the file `path`, at most `limit`: the oldest are dropped first. For one thread at a time."""

    def __init__(self, path: Path, limit: int) -> None:
        """Open the file, or make it; a damaged one is renamed. Raises SinkError."""
        self.path, self._limit = path, limit
        self.dropped = 0
        _refuse_foreign(path)
        try:
            self._open()
        except sqlite3.OperationalError as cause:
            raise self._failed(cause) from None
        except sqlite3.DatabaseError as cause:
            self._move_aside(cause)
            with self._translated():
                self._open()

    def _open(self) -> None:
        with suppress(OSError):  # sqlite says why it cannot be made
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, NEW_FILE_MODE))
        self._base = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.Error:
            self._base.close()
            raise

    def _prepare(self) -> None:
        run = self._base.execute
        run("PRAGMA locking_mode = EXCLUSIVE")  # refuses a second process
        run("PRAGMA journal_mode = WAL")  # a commit survives the end of the process; after _sync, a power cut too
        run("PRAGMA synchronous = NORMAL")
        run("BEGIN IMMEDIATE")
        if run("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("database disk image is malformed")
        run(f"PRAGMA application_id = {APPLICATION_ID}")
        for table in TABLES.split(";"):
            run(table)
        self.run = 1 + self._own("run", 0)
        self._keep("run", self.run)
        run("COMMIT")
        self._sync()
        count, newest = run("SELECT count(*), max(key) FROM waiting").fetchone()
        self.count: int = count
        self.newest: int = newest or 0

    def add(self, messages: Sequence[tuple[int, bytes]]) -> None:
        """Store `messages`, whose keys grow and are above all others. Raises SinkError; then none is stored."""
        with self._translated(), self._base:
            self._base.execute("BEGIN")
            self._base.executemany("INSERT OR REPLACE INTO waiting VALUES (?, ?)", messages)
            over = max(self.count + len(messages) - self._limit, 0)
            self._base.execute(
                "DELETE FROM waiting WHERE key IN (SELECT key FROM waiting ORDER BY key LIMIT ?)", (over,)
            )
        self.count += len(messages) - over
        self.newest = messages[-1][0]
        self.dropped += over

    def sync(self) -> None:
        """Bring what is stored to the disk, where it survives a power cut. Raises SinkError."""
        with self._translated():
            self._sync()

    def after(self, key: int, count: int) -> list[tuple[int, bytes]]:
        """The next `count` messages with keys above `key`, and their keys. Raises SinkError."""
        with self._translated():
            rows = self._base.execute("SELECT * FROM waiting WHERE key > ? ORDER BY key LIMIT ?", (key, count))
            return list(rows)

    def remove(self, keys: Iterable[int]) -> None:
        """Delete messages; after a power cut they may be back. Raises SinkError."""
        removed = 0
        with self._translated(), self._base:
            self._base.execute("BEGIN")
            for key in keys:
                removed += self._base.execute("DELETE FROM waiting WHERE key = ?", (key,)).rowcount
        self.count -= removed

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the model that ran last; FER2013's if none did."""
        with self._translated():
            return tuple(json.loads(self._own("labels", json.dumps(EMOTIONS))))

    @labels.setter
    def labels(self, labels: Sequence[str]) -> None:
        with self._translated():
            self._keep("labels", json.dumps(labels))

    @property
    def today(self) -> dict[str, Any] | None:
        """The counts of the day that were kept last; None if there are none."""
        with self._translated():
            kept = json.loads(self._own("today", "null"))
        return kept if isinstance(kept, dict) else None

    @today.setter
    def today(self, counts: Mapping[str, Any]) -> None:
        with self._translated():
            self._keep("today", json.dumps(counts))

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._base.close()

    def _own(self, name: str, default: Any) -> Any:
        row = self._base.execute("SELECT value FROM own WHERE name = ?", (name,)).fetchone()
        return default if row is None else row[0]

    def _keep(self, name: str, value: object) -> None:
        self._base.execute("INSERT OR REPLACE INTO own VALUES (?, ?)", (name, value))

    def _sync(self) -> None:
        """Bring what is committed to the disk."""
        self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _move_aside(self, cause: sqlite3.Error) -> None:
        aside = self.path.with_name(self.path.name + ".damaged")
        try:
            self.path.replace(aside)
            for ending in ("-wal", "-journal"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        except OSError as error:
            raise SinkError(
                f"mqtt: queue {self.path}: is damaged, and cannot be renamed ({error.strerror}); {OTHER_FILE_HINT}"
            ) from None
        _log.error(f"mqtt: queue {self.path}: is damaged ({first_line(cause)}); renamed to {aside}, and made again")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as cause:
            raise self._failed(cause) from None

    def _failed(self, cause: sqlite3.Error) -> SinkError:
        words = first_line(cause)
        if "locked" in words:
            return SinkError(f"mqtt: queue {self.path}: another fer-edge uses it; {OTHER_FILE_HINT}")
        if "unable to open" in words or "readonly" in words:
            cure = f"{OTHER_FILE_HINT}, or fix its rights"
            return SinkError(f"mqtt: queue {self.path}: cannot be written ({words}); {cure}")
        return SinkError(f"mqtt: queue {self.path}: cannot be written ({words}); make room, or {OTHER_FILE_HINT}")


def _refuse_foreign(path: Path) -> None:
    """Raise SinkError if `path` is another kind of file, named by mistake. A power cut may leave zeros."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return
    except OSError as cause:
        raise SinkError(f"mqtt: queue {path}: cannot be read ({cause.strerror}); {OTHER_FILE_HINT}") from None
    ours = head.startswith(SQLITE_MAGIC) and head[68:72] in (APPLICATION_ID.to_bytes(4, "big"), bytes(4))
    if head.strip(b"\0") and not ours:
        raise SinkError(f"mqtt: queue {path}: is not a queue of fer-edge; {OTHER_FILE_HINT}")
