"""Gives each face an id that stays the same from frame to frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fer_edge.settings import TrackerSettings
from fer_edge.types import Box, Track

MIN_IOU = 0.25  # of one face's boxes in two frames: it may move by half its width between them
# A face without such a box may be one that moved further since the last frame, at most at the speed at which it is
# followed, and kept about its size. Else the faces of a slow video would get new ids, and be counted, in every frame.
MAX_SPEED_PER_S, MAX_DISTANCE = 6.25, 2.5  # in sides of the face
MAX_SIZE_RATIO = 1.5


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a.width * a.height + b.width * b.height - shared)


def distance(a: Box, b: Box) -> float:
    """Between the centres of two boxes, in sides of the larger one; infinite if their sizes differ much."""
    small, large = sorted((max(a.width, a.height, 1), max(b.width, b.height, 1)))
    if large > MAX_SIZE_RATIO * small:
        return math.inf
    return math.hypot(a.x - b.x + (a.width - b.width) / 2, a.y - b.y + (a.height - b.height) / 2) / large


@dataclass
class _Known:
    id: int  # 0: a candidate, until it has been found in enough frames
    box: Box
    seen: float  # seconds, when it was last found
    hits: int  # frames in a row in which it was found


class NoTracking:
    """The tracker for unrelated pictures: every face is new, and gone in the next picture."""

    def __init__(self) -> None:
        self._last: list[Track] = []
        self._count = 0

    def update(self, time: float, boxes: Sequence[Box]) -> tuple[list[Track], set[int]]:  # noqa: ARG002 - as a Tracker
        """The faces of one picture with new ids, and the ids of the picture before."""
        gone = {track.id for track in self._last}
        self._last = [Track(number, box) for number, box in enumerate(boxes, self._count + 1)]
        self._count += len(boxes)
        return self._last, gone

    def reconfigure(self, settings: TrackerSettings) -> None:
        """Nothing to do: no setting applies here."""


class Tracker:
    """Matches each frame's boxes to the known faces by intersection over union, the best pairs first.

    Those left over are matched by distance.
    """

    def __init__(self, settings: TrackerSettings) -> None:
        self._settings = settings
        self._known: list[_Known] = []
        self._last_id = 0
        self._time = math.inf  # seconds, of the last frame

    def reconfigure(self, settings: TrackerSettings) -> None:
        """Use other settings from the next frame on; the faces keep their ids."""
        self._settings = settings

    def update(self, time: float, boxes: Sequence[Box]) -> tuple[list[Track], set[int]]:
        """The faces found at `time` (seconds) with their ids, and the ids that are gone and never come back.

        A face gets its id in its `hits`-th frame in a row; one that is not found for `hold_seconds` is gone.
        """
        matched: dict[int, int] = {}  # index of a box -> of a known face
        every = [(k, b) for k in range(len(self._known)) for b in range(len(boxes))]
        overlaps = ((iou(self._known[k].box, boxes[b]), k, b) for k, b in every)
        _match(matched, sorted((pair for pair in overlaps if pair[0] >= MIN_IOU), reverse=True))
        reach = min(MAX_SPEED_PER_S * (time - self._time), MAX_DISTANCE)
        distances = ((distance(self._known[k].box, boxes[b]), k, b) for k, b in every)
        _match(matched, sorted(pair for pair in distances if pair[0] <= reach))
        self._time = time
        for k, known in enumerate(self._known):
            if k not in matched.values():
                known.hits = 0
        tracks = []
        for b, box in enumerate(boxes):
            if b in matched:
                known = self._known[matched[b]]
                known.box, known.seen, known.hits = box, time, known.hits + 1
            else:
                known = _Known(0, box, time, 1)
                self._known.append(known)
            if known.id == 0 and known.hits >= self._settings.hits:
                self._last_id += 1
                known.id = self._last_id
            if known.id:
                tracks.append(Track(known.id, box))
        return tracks, self._forget(time)

    def _forget(self, time: float) -> set[int]:
        kept, gone = [], set()
        for known in self._known:
            # A candidate that is missing in one frame was a false positive; a face may be hidden for a while.
            if known.hits or (known.id and time - known.seen < self._settings.hold_seconds):
                kept.append(known)
            elif known.id:
                gone.add(known.id)
        self._known = kept
        return gone


def _match(matched: dict[int, int], pairs: Iterable[tuple[float, int, int]]) -> None:
    """Add to `matched` those of `pairs` (value, known face, box), the best first, whose two are both free."""
    for _, k, b in pairs:
        if b not in matched and k not in matched.values():
            matched[b] = k
