"""A log's sums by quarters of an hour. What was added up once is taken from the log's index.

Any hour, day, week or month of any zone is made of such quarters. The sums are those of `Tally`: each file is added up
where the file before it ended, so no face is counted twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from fer_edge.errors import LogError
from fer_edge.logs import index
from fer_edge.logs.files import FullFile, full_files, raw_lines_from
from fer_edge.logs.index import FileEntry
from fer_edge.logs.reader import NAME_ANOTHER, no_log, open_log
from fer_edge.records import Record, line_time, parse
from fer_edge.report.tally import QUARTER_S, FaceState, Tally, Totals

SAVE_BYTES = 500_000  # read anew, after which the index is written again
STEP_BYTES = 10_000_000  # read before what is known so far is kept
SUMS_VERSION = 2  # of what an entry's sums hold
QUARTER_FIELDS = ("seconds", "watched", "labels", "faces", "changes", "crowd", "carried", "torn")  # as kept


@dataclass
class Quarter(Totals):
    """Sums of a quarter of an hour."""

    carried: int = 0  # faces that came before it and were in view in it again
    torn: int = 0  # half-written lines
    labels: list[str] = field(default_factory=list)  # of the model, in its order


class Quarters(Tally):
    """Adds up quarters; its state can be kept, and taken up again."""

    def __init__(self, longest: float) -> None:
        """As Tally's; `longest` must be QUARTER_S at most."""
        super().__init__(None, None, longest, UTC)
        self.parts: dict[int, Quarter] = {}  # UTC seconds / QUARTER_S -> its sums

    def _part(self, time: float) -> Quarter:
        return self._numbered(int(time // QUARTER_S))

    def _numbered(self, number: int) -> Quarter:
        part = self.parts.get(number)
        if part is None:
            part = self.parts[number] = Quarter()
        return part

    def _take_faces(self, time: float, data: Record) -> None:
        super()._take_faces(time, data)
        part = self._part(time)
        part.labels += [label for label in self.summary.labels if label not in part.labels]
        self.summary.labels.clear()

    def tear(self, time: datetime | None) -> None:
        """Count a line that could not be read, of `time` if it says so, else of the line before, if there was one."""
        at = time.timestamp() if time is not None else self._last[0] if self._last is not None else None
        if at is not None:
            self._part(at).torn += 1

    def _carry(self, before: float, time: float) -> None:
        if before // QUARTER_S < time // QUARTER_S:
            self._part(time).carried += 1

    def kept(self) -> list[Any]:
        """Sums and state, for JSON."""
        parts = [[number, *(getattr(part, name) for name in QUARTER_FIELDS)] for number, part in self.parts.items()]
        faces = [[number, *vars(face).values()] for number, face in self._faces.items()]
        return [parts, faces, self._last, self._every_frame]

    def take_up(self, kept: Any) -> None:
        """Go on where `kept` was made. Raises ValueError, TypeError if it was made by something else."""
        parts, faces, last, self._every_frame = kept
        self.parts = {int(number): _quarter(*sums) for number, *sums in parts}
        self._faces = {int(number): _face(*state) for number, *state in faces}
        self._last = None if last is None else (float(last[0]), str(last[1]), int(last[2]))


class LogFile(NamedTuple):
    """An open file of a log."""

    inode: int
    file: int


class LogSums:
    """Reads the files of a log that a span of time needs, each from where the index ends."""

    def __init__(self, path: Path, longest: float) -> None:
        self._path, self._longest = Path(os.path.realpath(path)), longest
        self._kind = f"quarters {SUMS_VERSION}, {longest:g} s"
        self._known = index.load(self._path, self._kind)
        self._unsaved = 0  # bytes read since the index was written

    def quarters(self, start: datetime, end: datetime, now: datetime) -> dict[int, Quarter]:
        """UTC seconds / QUARTER_S -> sums, of the quarters from `start` on and before `end`, which is `now` at most.

        Raises LogError.
        """
        first = start.timestamp() // QUARTER_S
        last = min(end, now).timestamp() / QUARTER_S
        found: dict[int, Quarter] = {}
        try:
            with ExitStack() as stack:
                counted = self._read(list(self._files(start, end, stack)), found)
            counted.parts = {}
            counted.finish(now)
        except OSError as cause:
            raise LogError(f"log {self._path}: cannot be read ({cause.strerror})", NAME_ANOTHER) from None
        _merge(found, counted.parts)
        return {number: part for number, part in sorted(found.items()) if first <= number < last}

    def _files(self, start: datetime, end: datetime, stack: ExitStack) -> Iterator[LogFile]:
        """Those from the first to the last that may have lines of the span, in the order of writing."""
        current = open_log(self._path, stack)
        full = full_files(self._path) if self._path.parent.is_dir() else []
        if current is None and not full:
            raise no_log(self._path)
        with_current = current is not None and _begins_before(current, end)
        needed = [place for place, part in enumerate(full) if _meets(part, start, end, self._longest)]
        for part in full[needed[0] : None if with_current else needed[-1] + 1] if needed else []:
            file = open_log(part.path, stack, full=True)
            if file is not None and (current is None or not os.path.sameopenfile(file, current)):
                yield LogFile(os.fstat(file).st_ino, file)
        if current is not None and with_current:
            yield LogFile(os.fstat(current).st_ino, current)

    def _read(self, files: list[LogFile], found: dict[int, Quarter]) -> Quarters:
        """Add the sums of `files` to `found`. Returns the state at the end."""
        counted, before, read = Quarters(self._longest), 0, False
        for inode, file in files:
            counted.parts = {}
            entry = self._known.get(inode)
            if entry is not None and (read or (before and entry.before != before) or not index.is_of(entry, file)):
                entry = None  # of other bytes, or of what came after others
            entry = self._taken_up(counted, entry) or FileEntry(inode, 0, 0, 0, before, None)
            read = False
            while (size := _add(counted, file, entry.size)) > entry.size:
                total = index.checksum(file, size, entry.size, entry.checksum)
                self._unsaved += size - entry.size
                changed = os.fstat(file).st_mtime_ns
                entry = entry._replace(size=size, changed=changed, checksum=total, sums=counted.kept())
                self._known[inode] = entry
                read = True
                if self._unsaved >= SAVE_BYTES:
                    self._save()
            _merge(found, counted.parts)
            before = inode
        return counted

    def _taken_up(self, counted: Quarters, entry: FileEntry | None) -> FileEntry | None:
        """`entry`, from which `counted` goes on; None if it was made by something else."""
        if entry is None:
            return None
        before = counted.kept()
        try:
            counted.take_up(entry.sums)
        except (TypeError, ValueError, AttributeError):
            counted.take_up(before)
            return None
        return entry

    def _save(self) -> None:
        self._unsaved = 0
        index.save(self._path, self._kind, self._known.values())


def _add(counted: Quarters, file: int, done: int) -> int:
    """Add whole lines after byte `done`, STEP_BYTES of them or a few more. Returns the position of their end."""
    position = done
    for line, end in raw_lines_from(file, done):
        if not line.endswith(b"\n") or position - done >= STEP_BYTES:
            break
        entry = parse(line)
        if entry is not None:
            counted.add(entry)
        else:
            counted.tear(line_time(line))
        position = end
    return position


def _begins_before(file: int, end: datetime) -> bool:
    """Whether the first line with a time is before `end`; True without one."""
    for line, _ in raw_lines_from(file, 0):
        time = line_time(line)
        if time is not None:
            return time < end
    return True


def _quarter(seconds: Any, watched: Any, labels: Any, *counts: Any) -> Quarter:
    """Raises ValueError, TypeError, AttributeError."""
    times = {str(label): float(time) for label, time in seconds.items()}
    faces, changes, crowd, carried, torn = map(int, counts)
    names = [str(label) for label in labels]
    return Quarter(times, float(watched), faces, changes, crowd, carried, torn, names)


def _face(emotion: Any, last_line: Any, counted_to: Any, known: Any) -> FaceState:
    """Raises ValueError, TypeError."""
    return FaceState(str(emotion), float(last_line), float(counted_to), bool(known))


def _meets(part: FullFile, start: datetime, end: datetime, longest: float) -> bool:
    return part.span.begin < end and start.timestamp() - longest <= part.span.end.timestamp()


def _merge(found: dict[int, Quarter], more: dict[int, Quarter]) -> None:
    for number, part in more.items():
        known = found.setdefault(number, Quarter())
        known.add(part)
        known.carried += part.carried
        known.torn += part.torn
        known.labels += [label for label in part.labels if label not in known.labels]
