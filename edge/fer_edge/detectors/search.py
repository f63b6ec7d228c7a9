"""`Search`, what a face detector must be able to do, and `FullSearch`, which runs it on single pictures.

A face is found in two steps. A search of the whole picture gives candidates, many of which are not faces. Then the
`FaceVerifier` says which of them are, and where exactly. It also checks faces that are followed.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Protocol

from fer_edge.detectors.candidate import MAX_PROBABILITY, Candidate, log_odds, probability, same_face
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.framing import bounding_box, shrink
from fer_edge.detectors.ignored import IgnoredAreas
from fer_edge.settings import UNSET, DetectorSettings
from fer_edge.types import Box, Frame, Pixels

_log = logging.getLogger(__name__)

PICTURE_MAX_FACES, PICTURE_MIN_FACE = 100, 0.04  # of single pictures, unless the settings say otherwise
PICTURE_LOG_ODDS = -2.0  # of their candidates: smaller faces are looked for, and so in many more places
MIN_FIRST_SCORE = 0.1  # of a candidate, for a second look at it


class Search(Protocol):
    """Finds candidates in a whole picture, slice by slice."""

    kinds: int  # of searches; each finds other faces
    order: tuple[int, ...]  # of the kinds, 0 to `kinds` - 1, in a video; those that find the most faces come more often

    def begin(self, picture: Pixels, smallest: float, kind: int) -> int:
        """Start a search of `picture` (height, width) for faces of `smallest` pixels or more; return its slice count.

        `kind` is 0 to `kinds` - 1. The next frame overwrites `picture`, so what the slices need is copied.
        """
        ...

    def slice(self, number: int) -> None:
        """Search slice `number`, 0 to the slice count - 1. All slices cost about the same."""
        ...

    def candidates(self) -> list[Candidate]:
        """The candidates of all slices, about as FER2013 would frame them; many are not faces."""
        ...


class FullSearch:
    """A detector for unrelated pictures: searches the whole of each."""

    def __init__(self, search: Search, settings: DetectorSettings, face_verifier: FaceVerifier) -> None:
        self._search, self._face_verifier = search, face_verifier
        self._settings = with_limits(settings, PICTURE_MAX_FACES, PICTURE_MIN_FACE)
        self._ignored = IgnoredAreas(settings.ignore)

    def detect(self, frame: Frame) -> list[Box]:
        """Faces in `frame`, the most probable first; of too many the largest."""
        small, factor = shrink(frame.grey, self._settings.picture_width)
        faces: list[Candidate] = []
        smallest = self._settings.min_face * min(small.shape)
        for kind in range(self._search.kinds):
            for number in range(self._search.begin(small, smallest, kind)):
                self._search.slice(number)
            for candidate in self._search.candidates():
                near = candidate.mapped(0, 0, factor)
                if self._ignored.has(near, frame.grey.shape):
                    continue
                face = verify(self._face_verifier, frame.grey, near, PICTURE_LOG_ODDS)
                if face.score >= self._settings.score and not self._ignored.has(face, frame.grey.shape):
                    faces.append(face)
        found: list[Candidate] = []
        for face in sorted(faces, key=lambda square: square.score, reverse=True):
            if not any(same_face(face, other) for other in found):
                found.append(face)
        most = self._settings.max_faces
        if len(found) > most:
            _log.warning(
                "%s: %d faces found, the %d largest are read; a higher detector.max_faces (--max-faces) reads more",
                *(frame.source, len(found), most),
            )
            largest = sorted(found, key=lambda square: square.side, reverse=True)[:most]
            found.sort(key=lambda square: square not in largest)
            del found[most:]
        return [bounding_box(face) for face in found]


def with_limits(settings: DetectorSettings, max_faces: int, min_face: float) -> DetectorSettings:
    """`settings` with these limits in place of those that are not set, and with scores that can be reached."""
    return replace(
        settings,
        max_faces=max_faces if settings.max_faces == UNSET else settings.max_faces,
        min_face=min_face if settings.min_face == UNSET else settings.min_face,
        score=min(settings.score, MAX_PROBABILITY),
        keep_score=min(settings.keep_score, MAX_PROBABILITY),
    )


def verify(face_verifier: FaceVerifier, grey: Pixels, near: Candidate, prior: float = 0.0) -> Candidate:
    """The face near the candidate `near`, with the probability that it is one, by the detector's and by two looks.

    The second look is nearer. A candidate that the first one takes for no face is not looked at again. `prior` is added
    to the log odds.
    """
    first = face_verifier.locate(grey, near)
    if first.score < MIN_FIRST_SCORE:
        return first
    second = face_verifier.locate(grey, first)
    looks = (log_odds(first.score) + log_odds(second.score)) / 2
    return second._replace(score=probability(log_odds(near.score) + looks + prior))
