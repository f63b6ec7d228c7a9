"""Messages on the disk, in the order of their keys, in an SQLite file: no power cut leaves half a message in it."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fer_edge.errors import SinkError, first_line
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
    """The messages in the file `path`, at most `limit`; the oldest go first. Made in one thread, used in another."""

    def __init__(self, path: Path, limit: int) -> None:
        """Open the file, or begin it; one that is damaged is put aside. Raises SinkError."""
        self.path, self._limit = path, limit
        self.dropped = 0
        _refuse_foreign(path)
        try:
            self._open()
        except sqlite3.OperationalError as cause:
            raise self._failed(cause) from None
        except sqlite3.DatabaseError as cause:
            self._put_aside(cause)
            with self._translated():
                self._open()

    def _open(self) -> None:
        self._base = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.Error:
            self._base.close()
            raise

    def _prepare(self) -> None:
        run = self._base.execute
        run("PRAGMA locking_mode = EXCLUSIVE")  # a second process is refused
        run("PRAGMA journal_mode = WAL")  # a commit survives the process at once, a power cut from the next _sync
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
        """Keep `messages`, whose keys grow and are above all others. Raises SinkError; then none of them is kept."""
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
        """Bring what is kept to the disk, where a power cut leaves it. Raises SinkError."""
        with self._translated():
            self._sync()

    def after(self, key: int, count: int) -> list[tuple[int, bytes]]:
        """The next `count` messages above `key`, with their keys. Raises SinkError."""
        with self._translated():
            rows = self._base.execute("SELECT * FROM waiting WHERE key > ? ORDER BY key LIMIT ?", (key, count))
            return list(rows)

    def remove(self, keys: Iterable[int]) -> None:
        """Forget messages; in a power cut they may come back. Raises SinkError."""
        removed = 0
        with self._translated(), self._base:
            self._base.execute("BEGIN")
            for key in keys:
                removed += self._base.execute("DELETE FROM waiting WHERE key = ?", (key,)).rowcount
        self.count -= removed

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels when it last ran; FER2013's where it never did."""
        with self._translated():
            return tuple(json.loads(self._own("labels", json.dumps(EMOTIONS))))

    @labels.setter
    def labels(self, labels: Sequence[str]) -> None:
        with self._translated():
            self._keep("labels", json.dumps(labels))

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        self._base.close()

    def _own(self, name: str, default: Any) -> Any:
        row = self._base.execute("SELECT value FROM own WHERE name = ?", (name,)).fetchone()
        return default if row is None else row[0]

    def _keep(self, name: str, value: object) -> None:
        self._base.execute("INSERT OR REPLACE INTO own VALUES (?, ?)", (name, value))

    def _sync(self) -> None:
        """Bring what was committed to the disk."""
        self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _put_aside(self, cause: sqlite3.Error) -> None:
        aside = self.path.with_name(self.path.name + ".damaged")
        try:
            self.path.replace(aside)
            for ending in ("-wal", "-journal"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        except OSError as error:
            raise SinkError(
                f"mqtt: queue {self.path}: is damaged, and cannot be put aside ({error.strerror}); {OTHER_FILE_HINT}"
            ) from None
        _log.error(f"mqtt: queue {self.path}: is damaged ({first_line(cause)}); it is now {aside}, and begun anew")

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
    """Raise SinkError where `path` is somebody's file, named by mistake. A power cut may leave zeros."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return
    except OSError as cause:
        raise SinkError(f"mqtt: queue {path}: cannot be read ({cause.strerror}); {OTHER_FILE_HINT}") from None
    ours = head.startswith(SQLITE_MAGIC) and head[68:72] in (APPLICATION_ID.to_bytes(4, "big"), bytes(4))
    if head.strip(b"\0") and not ours:
        raise SinkError(f"mqtt: queue {path}: holds something else than messages of fer-edge; {OTHER_FILE_HINT}")
