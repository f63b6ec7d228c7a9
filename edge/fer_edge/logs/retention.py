"""Which full files are kept: by their bytes, and by their age if the clock can be trusted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fer_edge.logs.files import FullFile, looks_like_log

STEADY_S = 3600.0  # a clock is trusted after it ran for so long without a jump
MAX_DRIFT_S = 60.0  # more than a running clock is corrected by
# A Pi has no battery-backed clock: without a network it starts in 1970, or at the time when it was switched off.
PLAUSIBLE_TIMES = datetime(2025, 1, 1, tzinfo=UTC), datetime(2075, 1, 1, tzinfo=UTC)


class SteadyClock:
    """Compares the wall clock with the source's clock, which never jumps."""

    def __init__(self) -> None:
        self._ahead: float | None = None  # seconds, of the wall clock over the source's
        self._since = 0.0  # moment of the last jump, source's seconds

    def trusted(self, taken: datetime, now: float) -> bool:
        """Whether the wall clock, `taken`, ran steadily with the source's, `now` (seconds), and is plausible."""
        ahead = taken.timestamp() - now
        if self._ahead is None or abs(ahead - self._ahead) > MAX_DRIFT_S:
            self._ahead, self._since = ahead, now
        return now - self._since >= STEADY_S and PLAUSIBLE_TIMES[0] <= taken < PLAUSIBLE_TIMES[1]


def expired(files: Sequence[FullFile], oldest: datetime, now: datetime) -> list[FullFile]:
    """Those of `files`, oldest first, that were full before `oldest`, even if some have a wrong time.

    A file is no older than any before it, so one of 1970 that follows one of yesterday is of yesterday at the earliest.
    A time that is not plausible, or after `now`, is ignored: such a file is deleted with the next that has a good one.
    """
    count, latest = 0, None
    for number, part in enumerate(files, 1):
        if PLAUSIBLE_TIMES[0] <= part.span.end <= now:
            latest = max(latest or part.span.end, part.span.end)
        if latest is not None and latest < oldest:
            count = number
    return list(files[:count])


def too_many(files: Sequence[FullFile], allowed: int) -> list[FullFile]:
    """The oldest of `files`, without which the others have `allowed` bytes at most."""
    total, gone = 0, 0
    for number, part in reversed(list(enumerate(files, 1))):
        total += part.path.stat().st_size if part.path.exists() else 0
        if total > allowed:
            gone = number
            break
    return list(files[:gone])


def delete(path: Path) -> None:
    """Delete a full file; one that is not a log and only has such a name is left. Raises OSError."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    try:
        if not looks_like_log(file):
            return
    finally:
        os.close(file)
    path.unlink()


def days_before(now: datetime, days: float) -> datetime:
    """`days` before `now`; the earliest datetime if there is no such day."""
    try:
        return now - timedelta(days=days)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def disk_used(folder: Path) -> float:
    """The share of the disk in use, 0 to 1, as df shows it. Raises OSError."""
    disk = os.statvfs(folder)
    used = disk.f_blocks - disk.f_bfree
    return used / max(used + disk.f_bavail, 1)
