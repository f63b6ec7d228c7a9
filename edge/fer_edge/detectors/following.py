"""The detector for moving pictures: searches the whole frame rarely and in slices, and follows each face cheaply.

A face that was found is found again where it went by correlation with how it looked (Lewis, "Fast Normalized
Cross-Correlation", 1995), at a four-hundredth of a search's cost; now and then a close look by the detector says
whether it still is one and where exactly. The whole frame is searched where something moved that is not a known face,
and every few seconds in any case. One search is of one frame, a slice of sizes at a time, so that no single frame pays
for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.framing import shrink
from fer_edge.detectors.search import Candidate, FullSearch, Search, examine, look, same
from fer_edge.settings import DetectorSettings
from fer_edge.types import Box, Detector, Frame, Pixels

SIDE = 24  # pixels a face is wide in what it is recognized by
AROUND = 1.5  # sides of the face in which it is looked for: it may move by a quarter of its side between two frames
ALIKE = 0.45  # correlation from which it is the same face
LEARN = 0.15  # share of the new look in what it is recognized by, where it is surely the same:
SURE = 0.6

MOSAIC = (40, 30)  # width and height of the picture in which motion shows
MOVED = 4.0  # grey levels by which a tile of the mosaic changes when something moves there
CUT = 8.0  # mean change, grey levels, of another scene

AGAIN = 0.2  # seconds to the next close look after one that saw no face
LOOKS = 2  # close looks at new faces in one frame, at most


@dataclass
class _Face:
    """A face that is followed, in pixels of the frame, as the detector frames it."""

    square: Candidate
    pattern: Pixels  # (SIDE, SIDE), how it looks
    looked: float  # seconds, when the detector last looked closely
    seen: float  # seconds, when it last saw a face there
    there: bool = True  # in this frame


class Following:
    """Finds faces with `search`, and follows them."""

    def __init__(self, search: Search, settings: DetectorSettings, face_verifier: FaceVerifier | None) -> None:
        self._search, self._settings, self._face_verifier = search, settings, face_verifier
        self._faces: list[_Face] = []
        self._candidates: list[Candidate] = []
        self._slices: list[int] = []  # that the running search has still to do
        self._pace = 1  # slices a frame
        self._hurried = False  # that search is of another scene
        self._kind, self._rounds = 0, 0  # of that search, and how many of other kinds are to come after it
        self._searched = -math.inf  # seconds, when the last search began
        self._mosaic = self._last = np.full(MOSAIC[::-1], -255.0, np.float32)  # of the frame searched, and the last one
        self._explained = np.zeros(MOSAIC[::-1], np.bool_)  # the tiles in which known faces moved since then
        self._small: Pixels | None = None  # the shrunk frame, to be written over by the next
        self._factor = 1.0

    def detect(self, frame: Frame) -> list[Box]:
        """Faces in `frame`, which is a little later than the last."""
        small, self._factor = shrink(frame.grey, self._settings.width, self._small)
        self._small = None if small is frame.grey else small
        for face in self._faces:
            self._follow(face, small, frame)
        self._faces = [face for face in self._faces if self._lasts(face, frame.time)]
        self._search_frame(small, frame)
        self._confirm(small, frame)
        self._merge_duplicates()
        apply = self._search.framing.apply
        return [apply(face.square.x, face.square.y, face.square.side) for face in self._faces if face.there]

    # --- known faces ---

    def _lasts(self, face: _Face, now: float) -> bool:
        """Whether the last close look saw `face` and it was followed since, or patience is not yet at its end."""
        return (face.there and face.seen == face.looked) or now - face.seen < self._settings.patience_seconds

    def _follow(self, face: _Face, small: Pixels, frame: Frame) -> None:
        """Find `face` again."""
        face.there = self._correlate(face, small)
        wait = self._settings.look_seconds if face.there and face.seen == face.looked else AGAIN
        if frame.time - face.looked < wait:
            return
        found = look(self._search, frame.grey, face.square, thorough=False)
        face.looked = frame.time
        if found and found.score >= self._settings.keep_score:
            # Where it was followed to and where it was seen are both a little off; their middle is less so.
            x, y, side = ((a + b) / 2 for a, b in zip(face.square[:3], found[:3], strict=True))
            face.square = Candidate(x, y, side, face.square.score) if face.there else found
            face.seen, face.there = frame.time, True
            face.pattern = self._cut(small, face.square, 1.0)

    def _correlate(self, face: _Face, small: Pixels) -> bool:
        """Move `face` to where it went since the last frame; whether it is there."""
        around = self._cut(small, face.square, AROUND)
        match = cv2.matchTemplate(around, face.pattern, cv2.TM_CCOEFF_NORMED)
        _, best, _, (column, row) = cv2.minMaxLoc(match)
        if not ALIKE <= best <= 1.001:  # a picture without any contrast correlates with everything, or is not a number
            return False
        unit = face.square.side / SIDE
        middle = (around.shape[0] - SIDE) / 2
        right, down = _peak(match[row], column) - middle, _peak(match[:, column], row) - middle
        face.square = face.square._replace(x=face.square.x + right * unit, y=face.square.y + down * unit)
        if best > SURE:
            now = self._cut(small, face.square, 1.0)
            face.pattern = cv2.addWeighted(face.pattern, 1 - LEARN, now, LEARN, 0)  # type: ignore[assignment]
        return True

    def _cut(self, small: Pixels, square: Candidate, reach: float) -> Pixels:
        """The square of `reach` sides about the face, with SIDE pixels to a side of the face."""
        scale = SIDE * self._factor / square.side
        width = round(SIDE * reach)
        x, y = (square.x + square.side / 2) / self._factor, (square.y + square.side / 2) / self._factor
        matrix = np.array([[scale, 0, width / 2 - x * scale], [0, scale, width / 2 - y * scale]], np.float32)
        return cv2.warpAffine(  # type: ignore[return-value]
            small, matrix, (width, width), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )

    def _merge_duplicates(self) -> None:
        """Two that came to lie on one face are one: the longer known stays."""
        kept: list[_Face] = []
        for face in self._faces:
            if not any(same(face.square, other.square) for other in kept):
                kept.append(face)
        self._faces = kept

    # --- new faces ---

    def _search_frame(self, small: Pixels, frame: Frame) -> None:
        """Go on with the search of the whole frame, or begin one where there is reason to."""
        mosaic = cv2.resize(small, MOSAIC, interpolation=cv2.INTER_AREA).astype(np.float32)
        self._mask_known(small.shape)
        # Once begun in haste, a search is not begun again before its end: a light that flickers is no end of cuts.
        cut = float(np.abs(mosaic - self._last).mean()) > CUT and not (self._slices and self._hurried)
        self._last = mosaic
        waited = frame.time - self._searched
        room = len(self._faces) < self._settings.max_faces
        due = room and not self._slices and waited >= self._settings.search_seconds
        anew = cut or (due and (waited >= self._settings.rest_seconds or self._motion(mosaic)))
        if anew or (due and self._rounds):
            self._mosaic, self._searched, self._candidates = mosaic, frame.time, []
            self._explained[:] = False
            self._kind = 0 if cut else (self._kind + 1) % self._search.kinds
            self._rounds = (self._search.kinds if anew else self._rounds) - 1
            count = self._search.begin(small, self._settings.min_face * min(small.shape), self._kind)
            self._slices = list(range(count))
            self._pace = -(-count // (2 if cut else 3))
            self._hurried = cut
        for number in self._slices[: self._pace]:
            self._search.slice(number)
            if number == self._slices[-1]:
                self._candidates = [found.moved(0, 0, self._factor) for found in self._search.candidates()]
        self._slices = self._slices[self._pace :]

    def _motion(self, mosaic: NDArray[np.float32]) -> bool:
        """Whether something moved since the last search that is not a known face."""
        return bool((np.abs(mosaic - self._mosaic) > MOVED)[~self._explained].any())

    def _mask_known(self, shape: tuple[int, ...]) -> None:
        """Mark the tiles that the known faces cover or come from, with half a side about them."""
        tiles = self._explained.shape
        down, right = (self._factor * pixels / count for pixels, count in zip(shape, tiles, strict=True))
        for face in self._faces:
            x, y, side, _ = face.square
            top, bottom = max(int((y - side / 2) / down), 0), max(int((y + side * 1.5) / down) + 1, 0)
            left, end = max(int((x - side / 2) / right), 0), max(int((x + side * 1.5) / right) + 1, 0)
            self._explained[top:bottom, left:end] = True

    def _confirm(self, small: Pixels, frame: Frame) -> None:
        """Look closely at what the search found, and take up what is a face."""
        for _ in range(LOOKS):
            new = [c for c in self._candidates if not any(same(c, face.square) for face in self._faces)]
            if not new or len(self._faces) >= self._settings.max_faces:
                self._candidates = []
                return
            self._candidates = new[1:]
            found = examine(self._search, self._face_verifier, frame.grey, new[0])
            if found and found.score >= self._settings.score:
                self._faces.append(_Face(found, self._cut(small, found, 1.0), frame.time, frame.time))


def found_by(search: Search, settings: DetectorSettings, face_verifier: FaceVerifier | None, still: bool) -> Detector:
    """The detector that finds faces with `search`, and `face_verifier`, in a moving picture, or in `still` ones."""
    return (FullSearch if still else Following)(search, settings, face_verifier)


def _peak(values: Any, index: int) -> float:
    """Where the parabola through the value at `index` of `values` (n,) and its neighbours is highest."""
    if not 0 < index < len(values) - 1:
        return float(index)
    before, at, after = map(float, values[index - 1 : index + 2])
    bend = before - 2 * at + after
    return index + 0.5 * (before - after) / bend if bend < 0 else float(index)
