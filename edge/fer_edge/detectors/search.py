"""What a detector of faces must be able to do, and the one that does it all at once, for single pictures."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

from fer_edge import preprocess
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.framing import Framing, shrink
from fer_edge.settings import DetectorSettings
from fer_edge.types import Box, Frame, Pixels


class Candidate(NamedTuple):
    """A square that may be a face, as the detector frames it, in pixels of the picture that was searched."""

    x: float
    y: float
    side: float
    score: float  # 0 to 1, how sure

    def moved(self, right: float, down: float, factor: float) -> Candidate:
        """The same square in a picture `factor` times as large, which begins `right` and `down` pixels before it."""
        return Candidate(self.x * factor + right, self.y * factor + down, self.side * factor, self.score)


class Search(Protocol):
    """Finds places that may be faces in a whole picture, slice by slice, and looks closely at one place."""

    framing: Framing
    patch: int  # pixels: how wide the face is to be in a picture for `look`
    kinds: int  # of searches, which find different faces

    def begin(self, picture: Pixels, smallest: float, kind: int) -> int:
        """Take up `picture` (height, width), in which faces are `smallest` pixels or more; how many slices it takes.

        `kind` is 0 to `kinds` less one. The next frame is written over `picture`: what slices need later is copied.
        """
        ...

    def slice(self, number: int) -> None:
        """Search one of the slices, 0 to the number of them less one. All cost about the same."""
        ...

    def candidates(self) -> list[Candidate]:
        """What all slices found, the surest first; many are no faces."""
        ...

    def look(self, picture: Pixels, thorough: bool) -> Candidate | None:
        """The face in the middle of `picture`, in which it is about `patch` pixels wide; `thorough` costs more."""
        ...


class FullSearch:
    """A detector for pictures that have nothing to do with each other: searches the whole of each at once."""

    def __init__(self, search: Search, settings: DetectorSettings, face_verifier: FaceVerifier | None) -> None:
        self._search, self._settings, self._face_verifier = search, settings, face_verifier

    def detect(self, frame: Frame) -> list[Box]:
        """Faces in `frame`, the surest first."""
        small, factor = shrink(frame.grey, self._settings.picture_width)
        found: list[Candidate] = []
        smallest = self._settings.min_face * min(small.shape)
        for kind in range(self._search.kinds):
            for number in range(self._search.begin(small, smallest, kind)):
                self._search.slice(number)
            for candidate in self._search.candidates():
                there = examine(self._search, self._face_verifier, frame.grey, candidate.moved(0, 0, factor))
                if there and there.score >= self._settings.score and not any(same(there, other) for other in found):
                    found.append(there)
        found.sort(key=lambda square: square.score, reverse=True)
        return [
            self._search.framing.apply(square.x, square.y, square.side) for square in found[: self._settings.max_faces]
        ]


REACH = 1.6  # side of the picture for a close look, in sides of the face


def look(search: Search, grey: Pixels, near: Candidate, thorough: bool) -> Candidate | None:
    """The face near the square `near` of the frame `grey`, in the frame's pixels; None where there is none."""
    height, width = grey.shape
    half = near.side * REACH / 2
    x, y = near.x + near.side / 2, near.y + near.side / 2
    left, top = max(int(x - half), 0), max(int(y - half), 0)
    right, bottom = min(int(x + half) + 1, width), min(int(y + half) + 1, height)
    if min(right - left, bottom - top) < near.side / 2:
        return None  # hardly any of it is in the frame
    picture, factor = scaled(grey[top:bottom, left:right], search.patch / near.side)
    found = search.look(picture, thorough)
    return found.moved(left, top, factor) if found else None


def examine(search: Search, face_verifier: FaceVerifier | None, grey: Pixels, near: Candidate) -> Candidate | None:
    """A thorough look near the square `near`, whose score counts what `face_verifier` says too."""
    found = look(search, grey, near, thorough=True)
    if found is None or face_verifier is None:
        return found
    log_odds = math.log(found.score / max(1 - found.score, 1e-6))
    log_odds += face_verifier.log_odds(grey, search.framing.apply(found.x, found.y, found.side))
    return found._replace(score=1 / (1 + math.exp(-log_odds)))


def scaled(picture: Pixels, scale: float) -> tuple[Pixels, float]:
    """`picture` at `scale` times its size, and the factor from its pixels back to those of `picture`."""
    height, width = picture.shape
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return preprocess.resize(picture, size[::-1]), width / size[0]


def same(a: Candidate, b: Candidate) -> bool:
    """Whether two squares show one face: they share half of the smaller one, as a mouth does with its face."""
    width = min(a.x + a.side, b.x + b.side) - max(a.x, b.x)
    height = min(a.y + a.side, b.y + b.side) - max(a.y, b.y)
    if width <= 0 or height <= 0:
        return False
    return width * height > 0.5 * min(a.side, b.side) ** 2
