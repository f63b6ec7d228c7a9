"""Logs to write, and lines to write into them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fer_edge.logs.reader import entries
from fer_edge.logs.store import LogStore
from fer_edge.records import line
from fer_edge.settings import LogSettings

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def entry(frame: int, time: datetime | None = None) -> bytes:
    """A line as the log writes it, one second a frame."""
    moment = BEGIN + timedelta(seconds=frame) if time is None else time
    data: dict[str, Any] = {"time": moment.isoformat(timespec="microseconds"), "source": "test", "frame": frame}
    return line(data | {"faces": []}).encode()


@pytest.fixture
def make_line() -> Callable[..., bytes]:
    return entry


class Writer:
    """A store, and a source whose clock and wall clock a test moves."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.store = LogStore(LogSettings(path=str(path), **settings))
        self.taken, self.now, self.frame = BEGIN, 0.0, 0

    def write(self, count: int = 1, seconds: float = 1.0) -> None:
        """Write lines, so many seconds apart."""
        for _ in range(count):
            self.store.append(entry(self.frame, self.taken), self.taken, self.now)
            self.frame += 1
            self.now += seconds
            self.taken += timedelta(seconds=seconds)


@pytest.fixture
def make_writer() -> Callable[..., Writer]:
    return Writer


@pytest.fixture
def frames() -> Callable[[Path], list[int]]:
    """The numbers of the frames in a log, in the order of reading; none is torn."""

    def read(path: Path) -> list[int]:
        log = entries(path)
        numbers = [one.data["frame"] for one in log]
        assert log.torn == 0
        return numbers

    return read
