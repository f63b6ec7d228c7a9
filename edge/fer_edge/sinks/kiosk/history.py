"""What the log says of a span of time, in columns: for the history page and `/api/v1/history`.

A log on the disk is read by a separate process, `python -m fer_edge.sinks.kiosk.history`, since a day of it may take
seconds of processor time, which the loop needs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_edge.drawing.palette import colour_of, to_hex
from fer_edge.errors import LogError
from fer_edge.logs.memory import memory_log
from fer_edge.logs.reader import entries
from fer_edge.records import Entry
from fer_edge.report.tally import QUARTER_S, Tally, Totals
from fer_edge.settings import LogSettings
from fer_edge.types import UNCERTAIN

if TYPE_CHECKING:
    from fer_edge.sinks.kiosk.jobs import Job

MAX_COLUMNS = 200
COLUMN_SIZES_S = (QUARTER_S, 3600, 4 * 3600, 86_400)
MAX_SPAN = timedelta(days=MAX_COLUMNS)
READ_TIMEOUT_S = 60.0


def history(settings: LogSettings, start: datetime, end: datetime, job: Job) -> dict[str, Any]:
    """What was logged from `start` up to `end` (with zones, at most MAX_SPAN apart). May take long.

    Raises LogError, CancelledJobError.
    """
    longest = settings.heartbeat_seconds
    if settings.store == "memory":
        kept = memory_log(settings.path, settings.memory_lines)
        return summed(job.checked(kept.entries(start - timedelta(seconds=longest), end)), start, end, longest)
    try:
        code, out, errors = job.run_module(
            "fer_edge.sinks.kiosk.history",
            [settings.path, start.isoformat(), end.isoformat(), str(longest)],
            READ_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise LogError(
            f"log {settings.path}: takes longer than {READ_TIMEOUT_S:g} s to read; ask for a shorter time, "
            "or write it with log.mode = changes"
        ) from None
    if code:
        raise LogError(errors.strip().splitlines()[-1] if errors.strip() else "the log cannot be read")
    found: dict[str, Any] = json.loads(out)
    return found


def summed(lines: Iterable[Entry], start: datetime, end: datetime, longest: float) -> dict[str, Any]:
    """`lines`, which may begin `longest` seconds before `start`, as the API gives them. Raises LogError."""
    size = _size(end - start)
    timeline = _Timeline(start, end, longest, size)
    for line in lines:
        timeline.add(line)
    summary = timeline.finish(min(end, datetime.now(UTC)))
    total = summary.total
    labels = [label for label in summary.labels if label != UNCERTAIN]
    return {
        "from": start.isoformat(),
        "to": end.isoformat(),
        "column_seconds": size,
        "watched_seconds": round(total.watched, 1),
        "faces": total.faces,
        "changes": total.changes,
        "crowd": summary.crowd,
        "emotions": [
            {
                "emotion": label,
                "colour": to_hex(colour_of(label, labels)),
                "seconds": round(total.seconds.get(label, 0.0), 1),
                "share": round(total.seconds.get(label, 0.0) / total.shown, 4) if total.shown else 0.0,
            }
            for label in summary.labels
        ],
        "columns": [
            {
                "time": time.isoformat(),
                "watched_seconds": round(part.watched, 1),
                "seconds": {label: round(seconds, 1) for label, seconds in part.seconds.items()},
            }
            for time, part in summary.hours.items()
        ],
    }


def _size(span: timedelta) -> int:
    return next((size for size in COLUMN_SIZES_S if span.total_seconds() <= size * MAX_COLUMNS), COLUMN_SIZES_S[-1])


class _Timeline(Tally):
    """Adds up columns of `size` seconds from `start` on, in place of hours."""

    def __init__(self, start: datetime, end: datetime, longest: float, size: int) -> None:
        super().__init__(start, end, longest, UTC)
        self._first = start.timestamp() // QUARTER_S * QUARTER_S  # spans are cut at quarters of an hour
        self._size = size

    def _part(self, time: float) -> Totals:
        begin = self._first + (time - self._first) // self._size * self._size
        return self.summary.hours.setdefault(datetime.fromtimestamp(begin, UTC), Totals())


def main(path: str, start: str, end: str, longest: str) -> int:
    """Print what `history` returns, as JSON."""
    with suppress(OSError):  # a service may not be allowed to
        os.nice(10)
    begin, before = datetime.fromisoformat(start), timedelta(seconds=float(longest))
    until = datetime.fromisoformat(end)
    try:
        print(json.dumps(summed(entries(Path(path), begin - before, until), begin, until, float(longest))))
    except LogError as error:
        print(error, file=sys.stderr)
        return LogError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
