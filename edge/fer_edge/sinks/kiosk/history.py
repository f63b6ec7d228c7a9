"""What the log says of a span of time, in columns: for the history page and `/api/v1/history`.

A log on the disk is read by a separate process, `python -m fer_edge.sinks.kiosk.history`, since a day of it may take
seconds of processor time, which the loop needs. What was read once is taken from the log's index.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_edge.drawing.palette import colour_of, to_hex
from fer_edge.errors import LogError
from fer_edge.logs.memory import memory_log
from fer_edge.logs.reader import entries, first_time
from fer_edge.records import Entry, cell
from fer_edge.report.quarters import LogSums
from fer_edge.report.tally import QUARTER_S, Summary, Tally, Totals
from fer_edge.sinks.kiosk.calendar import DAY_S, Span, local_day, zone_name
from fer_edge.types import UNCERTAIN

if TYPE_CHECKING:
    from fer_edge.settings import LogSettings
    from fer_edge.sinks.kiosk.jobs import Job

MAX_COLUMNS = 200
COLUMN_SIZES_S = (QUARTER_S, 3600, 4 * 3600, DAY_S)
MAX_SPAN = timedelta(days=MAX_COLUMNS)
READ_TIMEOUT_S = 60.0
FIX = "check log.path in the settings, and that fer-edge may read it"
UP_TO_NOW_S = 60.0  # a span that ends no longer ago has no line after it


class SlowLogError(LogError):
    """The log is there, and takes too long to read at once."""


def history(settings: LogSettings, span: Span, job: Job) -> dict[str, Any]:
    """What was logged in `span`, MAX_SPAN at most. May take long.

    Raises SlowLogError, other LogErrors, CancelledJobError.
    """
    longest = settings.heartbeat_seconds
    if settings.store == "memory":
        kept = memory_log(settings.path, settings.memory_lines)
        lines = job.checked(kept.entries(span.start - timedelta(seconds=longest), span.end))
        begin = next((entry.time for entry in kept.entries()), None)
        return summed(lines, span, longest, begin)
    start, end = span.start.isoformat(), span.end.isoformat()
    try:
        code, out, errors = job.run_module(
            "fer_edge.sinks.kiosk.history",
            [settings.path, start, end, str(span.column_seconds), str(longest)],
            READ_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise SlowLogError(
            f"log {settings.path}: takes longer than {READ_TIMEOUT_S:g} s to read; ask again, which goes on from "
            "there, ask for a shorter time, or write it with log.mode = changes"
        ) from None
    if code:
        raise LogError(errors.strip().splitlines()[-1] if errors.strip() else "the log cannot be read")
    found: dict[str, Any] = json.loads(out)
    return found


def read(path: Path, span: Span, longest: float, now: datetime) -> dict[str, Any]:
    """As `history`, of a log on the disk; by its index if the span is made of whole quarters of an hour.

    Raises LogError.
    """
    begin = first_time(path)
    start, end = span.start.timestamp(), span.end.timestamp()
    to_now = now.timestamp() - end < UP_TO_NOW_S
    if longest > QUARTER_S or start % QUARTER_S or (end % QUARTER_S and not to_now):
        lines = entries(path, span.start - timedelta(seconds=longest), span.end)
        return summed(lines, span, longest, begin) | {"torn": lines.torn}
    quarters = LogSums(path, longest).quarters(span.start, span.end, now)
    size = span.column_seconds or _size(span)
    summary = Summary(UTC)
    for place, (number, part) in enumerate(quarters.items()):
        time = datetime.fromtimestamp(number * QUARTER_S, UTC)
        column = local_day(time) if size == DAY_S else _column(start, time.timestamp(), size)
        total = summary.hours.setdefault(column, Totals())
        total.add(part)
        total.faces += part.carried if not place else 0  # in view before `start`, they came before it
        summary.labels += [label for label in part.labels if label not in summary.labels]
    summary.sort()
    return _as_json(summary, span, size, begin) | {"torn": sum(part.torn for part in quarters.values())}


def summed(lines: Iterable[Entry], span: Span, longest: float, begin: datetime | None = None) -> dict[str, Any]:
    """`lines`, which may begin `longest` seconds before the span, as the API gives them; the log begins at `begin`.

    Raises LogError.
    """
    size = span.column_seconds or _size(span)
    timeline = _Timeline(span.start, span.end, longest, size)
    for line in lines:
        timeline.add(line)
    return _as_json(timeline.finish(min(span.end, datetime.now(UTC))), span, size, begin)


def _as_json(summary: Summary, span: Span, size: int, begin: datetime | None) -> dict[str, Any]:
    total = summary.total
    labels = [label for label in summary.labels if label != UNCERTAIN]
    return {
        "from": span.start.isoformat(),
        "to": span.end.isoformat(),
        "log_begin": None if begin is None else begin.isoformat(),
        "time_zone": zone_name(),
        "column_seconds": size,
        "watched_seconds": round(total.watched, 1),
        "faces": total.faces,
        "changes": total.changes,
        "crowd": summary.crowd,
        "torn": 0,  # lines in memory are whole
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


def as_csv(found: Mapping[str, Any]) -> str:
    """A history as rows: a column's time, the seconds that were watched, and those of each emotion."""
    labels = [one["emotion"] for one in found["emotions"]]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["time", "watched_seconds", *map(cell, labels)])
    for column in found["columns"]:
        local = datetime.fromisoformat(column["time"]).astimezone().isoformat()
        rows.writerow([local, column["watched_seconds"], *(column["seconds"].get(label, 0) for label in labels)])
    return text.getvalue()


def _size(span: Span) -> int:
    seconds = (span.end - span.start).total_seconds()
    return next((size for size in COLUMN_SIZES_S if seconds <= size * MAX_COLUMNS), COLUMN_SIZES_S[-1])


def _column(start: float, time: float, size: int) -> datetime:
    """When the column of `time` begins, if the first one begins at `start`; all are UTC seconds."""
    return datetime.fromtimestamp(start + (time - start) // size * size, UTC)


class _Timeline(Tally):
    """Adds up columns of `size` seconds from `start` on, in place of hours."""

    def __init__(self, start: datetime, end: datetime, longest: float, size: int) -> None:
        super().__init__(start, end, longest, UTC)
        self._first = start.timestamp() // QUARTER_S * QUARTER_S  # spans are cut at quarters of an hour
        self._size = size

    def _part(self, time: float) -> Totals:
        begin = _column(self._first, time, self._size)
        return self.summary.hours.setdefault(local_day(begin) if self._size == DAY_S else begin, Totals())


def main(path: str, start: str, end: str, column_seconds: str, longest: str) -> int:
    """Print what `history` returns, as JSON."""
    with suppress(OSError):  # a service may not be allowed to
        os.nice(10)
    span = Span(datetime.fromisoformat(start), datetime.fromisoformat(end), int(column_seconds))
    try:
        print(json.dumps(read(Path(path), span, float(longest), datetime.now(UTC))))
    except LogError as error:  # its fix is for the command line
        print(f"{error.fault}; {FIX}", file=sys.stderr)
        return LogError.exit_code
    except OSError as error:
        print(f"log {path}: cannot be read ({error.strerror}); {FIX}", file=sys.stderr)
        return LogError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
