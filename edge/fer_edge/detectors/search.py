"""`Search`, what a face detector must be able to do, and `FullSearch`, which runs it on single pictures.

A face is found in two steps. A search of the whole picture gives candidates, many of which are not faces. Then each
candidate is verified: one detection in the crop about it, at the scale at which the detector works best, and the
opinion of the `FaceVerifier`. The same detection in a crop, without the verifier, checks a face that is followed.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple, Protocol

from fer_edge import preprocess
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.framing import Framing, shrink
from fer_edge.detectors.ignored import IgnoredAreas
from fer_edge.settings import UNSET, DetectorSettings
from fer_edge.types import Box, Frame, Pixels

_log = logging.getLogger(__name__)

PICTURE_MAX_FACES, PICTURE_MIN_FACE = 100, 0.04  # of single pictures, unless the settings say otherwise
CROP_REACH = 1.6  # side of a crop, in sides of the face in its middle
MIN_SHARED_AREA = 0.5  # of the smaller square, from which two squares are one face


class Candidate(NamedTuple):
    """A square that may be a face, as the detector frames it, in pixels of the picture that was searched."""

    x: float
    y: float
    side: float
    score: float  # probability of a face, 0 to 1

    def mapped(self, right: float, down: float, factor: float) -> Candidate:
        """The same square in a picture `factor` times as large, which begins `right` and `down` pixels before it."""
        return Candidate(self.x * factor + right, self.y * factor + down, self.side * factor, self.score)


class Search(Protocol):
    """Finds candidates in a whole picture, slice by slice, and one face in a crop."""

    framing: Framing
    crop_face_px: int  # how wide the face should be in a crop
    kinds: int  # of searches; each kind finds other faces

    def begin(self, picture: Pixels, smallest: float, kind: int) -> int:
        """Start a search of `picture` (height, width) for faces of `smallest` pixels or more; return its slice count.

        `kind` is 0 to `kinds` - 1. The next frame overwrites `picture`, so what the slices need is copied.
        """
        ...

    def slice(self, number: int) -> None:
        """Search slice `number`, 0 to the slice count - 1. All slices cost about the same."""
        ...

    def candidates(self) -> list[Candidate]:
        """The candidates of all slices, the most probable first; many are not faces."""
        ...

    def detect_in_crop(self, crop: Pixels, thorough: bool) -> Candidate | None:
        """The face in the middle of `crop`, where it is about `crop_face_px` wide; None if there is none.

        `thorough` costs more, and gives the score that a new face needs.
        """
        ...


class FullSearch:
    """A detector for unrelated pictures: searches the whole of each."""

    def __init__(self, search: Search, settings: DetectorSettings, face_verifier: FaceVerifier | None) -> None:
        self._search, self._face_verifier = search, face_verifier
        self._settings = with_limits(settings, PICTURE_MAX_FACES, PICTURE_MIN_FACE)
        self._ignored = IgnoredAreas(settings.ignore, search.framing)

    def detect(self, frame: Frame) -> list[Box]:
        """Faces in `frame`, the most probable first; of too many the largest."""
        small, factor = shrink(frame.grey, self._settings.picture_width)
        found: list[Candidate] = []
        smallest = self._settings.min_face * min(small.shape)
        for kind in range(self._search.kinds):
            for number in range(self._search.begin(small, smallest, kind)):
                self._search.slice(number)
            for candidate in self._search.candidates():
                near = candidate.mapped(0, 0, factor)
                if self._ignored.has(near, frame.grey.shape):
                    continue
                face = verify(self._search, self._face_verifier, frame.grey, near)
                if not face or face.score < self._settings.score or self._ignored.has(face, frame.grey.shape):
                    continue
                if not any(same_face(face, other) for other in found):
                    found.append(face)
        most = self._settings.max_faces
        if len(found) > most:
            _log.warning(
                "%s: %d faces found, the %d largest are read; a higher detector.max_faces (--max-faces) reads more",
                *(frame.source, len(found), most),
            )
            found = sorted(found, key=lambda square: square.side, reverse=True)[:most]
        found.sort(key=lambda square: square.score, reverse=True)
        return [self._search.framing.apply(square.x, square.y, square.side) for square in found]


def with_limits(settings: DetectorSettings, max_faces: int, min_face: float) -> DetectorSettings:
    """`settings` with these limits in place of those that are not set."""
    return replace(
        settings,
        max_faces=max_faces if settings.max_faces == UNSET else settings.max_faces,
        min_face=min_face if settings.min_face == UNSET else settings.min_face,
    )


def detect_near(search: Search, grey: Pixels, near: Candidate, thorough: bool) -> Candidate | None:
    """The face near the square `near` of the frame `grey`, in the frame's pixels; None if there is none."""
    height, width = grey.shape
    half = near.side * CROP_REACH / 2
    x, y = near.x + near.side / 2, near.y + near.side / 2
    left, top = max(int(x - half), 0), max(int(y - half), 0)
    right, bottom = min(int(x + half) + 1, width), min(int(y + half) + 1, height)
    if min(right - left, bottom - top) < near.side / 2:
        return None  # most of it is outside the frame
    crop, factor = rescale(grey[top:bottom, left:right], search.crop_face_px / near.side)
    found = search.detect_in_crop(crop, thorough)
    return found.mapped(left, top, factor) if found else None


def verify(search: Search, face_verifier: FaceVerifier | None, grey: Pixels, near: Candidate) -> Candidate | None:
    """The face near the candidate `near`, with the verifier's opinion in its score; None if there is none."""
    found = detect_near(search, grey, near, thorough=True)
    if found is None or face_verifier is None:
        return found
    log_odds = math.log(found.score / max(1 - found.score, 1e-6))
    log_odds += face_verifier.log_odds(grey, search.framing.apply(found.x, found.y, found.side))
    return found._replace(score=1 / (1 + math.exp(-log_odds)))


def rescale(picture: Pixels, scale: float) -> tuple[Pixels, float]:
    """`picture` at `scale` times its size, and the factor from its pixels back to those of `picture`."""
    height, width = picture.shape
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return preprocess.resize(picture, size[::-1]), width / size[0]


def same_face(a: Candidate, b: Candidate) -> bool:
    """Whether two squares show one face: they share at least half of the smaller one, as a face and its mouth do.

    Intersection over union would not do: a mouth covers little of its face.
    """
    width = min(a.x + a.side, b.x + b.side) - max(a.x, b.x)
    height = min(a.y + a.side, b.y + b.side) - max(a.y, b.y)
    if width <= 0 or height <= 0:
        return False
    return width * height > MIN_SHARED_AREA * min(a.side, b.side) ** 2


def nearest_to_middle(squares: Iterable[Candidate], width: int, height: int) -> Candidate | None:
    """Of `squares` in a picture of that size the one whose centre is nearest to its middle; None without any."""

    def squared_distance(square: Candidate) -> float:
        right, down = square.x + square.side / 2 - width / 2, square.y + square.side / 2 - height / 2
        return float(right * right + down * down)

    return min(squares, key=squared_distance, default=None)
