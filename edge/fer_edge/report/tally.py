"""Adds up a log, line by line, in constant memory for each hour.

A line has all faces in view, so an emotion lasts until the face's next line, until it is gone, or as long as a
heartbeat at most: after that the program was not running, or had lost its camera.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property

from fer_edge.records import GONE, Entry, Record
from fer_edge.report.dates import hour_of
from fer_edge.types import UNCERTAIN

MAX_DAYS = 3660  # that are shown one by one
MIN_ABOVE_USUAL = 0.05  # share of the faces' time; less is as usual
QUARTER_S = 900  # clocks change at whole quarters of an hour, all over the world


@dataclass
class Totals:
    """Sums of an hour, a day, or the whole log. Times are seconds; those of faces are summed over the faces."""

    seconds: dict[str, float] = field(default_factory=dict)  # emotion -> time that faces showed it
    watched: float = 0.0  # time that the log covers
    faces: int = 0  # that came
    changes: int = 0  # of a face's emotion
    crowd: int = 0  # faces at once, at most

    @property
    def shown(self) -> float:
        """Time of all faces, seconds."""
        return sum(self.seconds.values())

    def add(self, other: Totals) -> None:
        """Add what `other` holds."""
        for emotion, seconds in other.seconds.items():
            self.seconds[emotion] = self.seconds.get(emotion, 0.0) + seconds
        self.watched += other.watched
        self.faces += other.faces
        self.changes += other.changes
        self.crowd = max(self.crowd, other.crowd)


@dataclass
class Summary:
    """All sums of a log."""

    zone: tzinfo | None  # whose hours these are; None: the system's
    hours: dict[datetime, Totals] = field(default_factory=dict)  # the local hour's beginning, with its offset
    labels: list[str] = field(default_factory=list)  # the model's, in its order, and last UNCERTAIN
    begin: datetime | None = None  # of the first line
    end: datetime | None = None  # of the last line
    asked: tuple[date | None, date | None] = (None, None)  # first and last day that are to be shown, if any was named

    @cached_property
    def total(self) -> Totals:
        """The sums of the whole log, made once: each row of a report asks for them. Not before all hours are here."""
        return _sum(self.hours.values())

    @property
    def crowd(self) -> int:
        """Faces at once, at most."""
        return self.total.crowd

    @property
    def uncertain(self) -> float:
        """Share of the faces' time without a probable emotion, 0 to 1."""
        total = self.total
        return total.seconds.get(UNCERTAIN, 0.0) / total.shown if total.shown else 0.0

    def sort(self) -> None:
        """Put the hours into the order of time, and after the labels those that no line had scores of."""
        self.hours = dict(sorted(self.hours.items()))
        shown = set(self.total.seconds)
        ordered = [label for label in self.labels if label != UNCERTAIN]
        self.labels = ordered + sorted(shown - {*ordered, UNCERTAIN}) + [UNCERTAIN]

    def days(self) -> dict[date, Totals]:
        """What was seen on each day, in the order of days."""
        return {day: _sum(hours) for day, hours in sorted(self._hours_of_days.items())}

    def every_day(self) -> dict[date, Totals]:
        """`days`, and those between them and of the time asked for without a line: nothing was watched."""
        found = self.days()
        if not found:
            return {}
        first, last = min(found), max(found)
        first, last = min(first, self.asked[0] or first), max(last, self.asked[1] or last)
        if (last - first).days > MAX_DAYS:  # a clock that was not set
            return found
        every = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return {day: found.get(day, Totals()) for day in every}

    def every_hour(self) -> dict[date, list[Totals]]:
        """What was seen on each of `every_day` at each hour, 0 to 23."""
        found = self._hours_of_days
        return {day: found.get(day) or [Totals() for _ in range(24)] for day in self.every_day()}

    @cached_property
    def _hours_of_days(self) -> dict[date, list[Totals]]:
        days: dict[date, list[Totals]] = {}
        for hour, part in self.hours.items():
            days.setdefault(hour.date(), [Totals() for _ in range(24)])[hour.hour].add(part)
        return days

    def above_usual(self, part: Totals) -> tuple[str, float]:
        """The label that is farthest above its usual share in `part`, and how far, 0 to 1; "", 0 if none clearly is."""
        usual, shown = self.total, part.shown
        if not shown:
            return "", 0.0
        shares = [
            (part.seconds[label] / shown - usual.seconds[label] / usual.shown, label)
            for label in self.labels
            if label in part.seconds and label != UNCERTAIN
        ]
        above, label = max(shares, default=(0.0, ""))
        return (label, above) if above >= MIN_ABOVE_USUAL else ("", 0.0)

    def clock(self) -> dict[int, Totals]:
        """What was seen at each hour of the day, 0 to 23, over all days."""
        days = self._hours_of_days.values()
        return {n: _sum(hours[n] for hours in days) for n in range(24)}


@dataclass
class FaceState:
    """A face in view."""

    emotion: str
    last_line: float  # UTC seconds
    counted_to: float  # UTC seconds up to which its time is in the summary
    known: bool = False  # whether it is counted among the faces that came


class Tally:
    """Takes entries in the order of writing."""

    def __init__(self, start: datetime | None, end: datetime | None, longest: float, zone: tzinfo | None) -> None:
        """Count from `start` up to `end`; a line counts for `longest` seconds at most."""
        self.summary = Summary(zone)
        self._start = start.timestamp() if start else float("-inf")
        self._end = end.timestamp() if end else float("inf")
        self._longest = longest
        self._faces: dict[int, FaceState] = {}
        self._last: tuple[float, str, int] | None = None  # UTC seconds, source, frame
        self._every_frame = False
        self._quarter = (-1, Totals())  # cache of `_part`

    def add(self, entry: Entry) -> None:
        """Count one line."""
        time, data = entry.time.timestamp(), entry.data
        source, frame = data["source"], data["frame"]
        if self._last is not None:
            before, old_source, old_frame = self._last
            # Another run, with its own face ids. The one before ended with its last line: since when is not known.
            if source != old_source or frame <= old_frame:
                self._finish(before)
            else:
                self._watch(before, time)
                for seen in self._faces.values():
                    self._count(seen, time)
                    seen.counted_to = time
                    seen.last_line += min(time - before, 0.0)  # if the clock is set back, all times move
        self._last = time, source, frame
        self._every_frame = "events" not in data
        self._take_faces(time, data)

    def finish(self, now: datetime | None) -> Summary:
        """The summary, if there is no further line before `now`."""
        if now is not None:
            self._finish(now.timestamp())
        elif self._last is not None:
            self._finish(self._last[0])
        self.summary.sort()
        return self.summary

    def _finish(self, time: float) -> None:
        """End a run. In a log of mode `frames`, a line does not count beyond itself."""
        if self._last is not None and not self._every_frame:
            self._watch(self._last[0], time)
            for seen in self._faces.values():
                self._count(seen, time)
        self._faces.clear()
        self._last = None

    def _take_faces(self, time: float, data: Record) -> None:
        """Take the faces in view from a line."""
        within = self._start <= time < self._end
        faces, events = data["faces"], data.get("events", [])
        gone = {event.get("id") for event in events if event["kind"] == GONE}
        there = {face["id"] for face in faces}
        for number, seen in list(self._faces.items()):
            if number in gone or (self._every_frame and number not in there) or time - seen.last_line > self._longest:
                del self._faces[number]
        for face in faces:
            seen = self._faces.setdefault(face["id"], FaceState(face["emotion"], time, time))
            if within:
                self._part(time).changes += seen.emotion != face["emotion"]
                self._part(time).faces += not seen.known
                if seen.known:
                    self._carry(seen.last_line, time)
                seen.known = True
            seen.emotion, seen.last_line = face["emotion"], time
            if isinstance(face.get("scores"), dict):
                self.summary.labels += [label for label in face["scores"] if label not in self.summary.labels]
        if within:
            self.summary.begin = self.summary.begin or datetime.fromtimestamp(time, UTC)
            self.summary.end = datetime.fromtimestamp(time, UTC)
            part = self._part(time)
            part.crowd = max(part.crowd, len(faces))

    def _carry(self, before: float, time: float) -> None:
        """A face that was counted is in view again at `time`, and was `before`. A subclass may count it."""

    def _count(self, seen: FaceState, until: float) -> None:
        for part, seconds in self._slices(seen.counted_to, min(until, seen.last_line + self._longest)):
            part.seconds[seen.emotion] = part.seconds.get(seen.emotion, 0.0) + seconds

    def _watch(self, begin: float, until: float) -> None:
        for part, seconds in self._slices(begin, min(until, begin + self._longest)):
            part.watched += seconds

    def _slices(self, begin: float, end: float) -> Iterable[tuple[Totals, float]]:
        """The part of a span between start and end, cut at quarters, where hours may end."""
        begin, end = max(begin, self._start), min(end, self._end)
        while begin < end:
            cut = min(end, (begin // QUARTER_S + 1) * QUARTER_S)
            yield self._part(begin), cut - begin
            begin = cut

    def _part(self, time: float) -> Totals:
        """The hour that `time`, UTC seconds, is in."""
        quarter = int(time // QUARTER_S)
        if self._quarter[0] != quarter:
            hour = hour_of(datetime.fromtimestamp(time, UTC), self.summary.zone)
            self._quarter = quarter, self.summary.hours.setdefault(hour, Totals())
        return self._quarter[1]


def _sum(parts: Iterable[Totals]) -> Totals:
    total = Totals()
    for part in parts:
        total.add(part)
    return total


def tally(
    entries: Iterable[Entry],
    start: datetime | None,
    end: datetime | None,
    longest: float,
    now: datetime | None,
    zone: tzinfo | None,
) -> Summary:
    """Add up `entries`, which may begin `longest` seconds before `start`. `zone` None is the system's.

    `now` None: the program that wrote them has ended, and nothing counts after the last line.
    """
    counted = Tally(start, end, longest, zone)
    for entry in entries:
        counted.add(entry)
    return counted.finish(now)
