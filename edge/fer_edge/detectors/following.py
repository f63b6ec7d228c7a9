"""The detector for moving pictures: searches the whole frame rarely and in slices, and follows each face cheaply.

Following means template matching: each face has a pattern, a small picture of how it looked, and is found in the next
frame by normalized cross-correlation (Lewis, "Fast Normalized Cross-Correlation", 1995), which costs a four-hundredth
of a search. Now and then a check by the `FaceVerifier` says whether it still is a face and where exactly.

The whole frame is searched if something moved outside the known faces (the motion mask), and every few seconds in any
case. One search is of one frame, a slice of face sizes at a time, so that its cost is spread over the frames that come
within SEARCH_TIME_S. What it finds are candidates; each is verified before it becomes a face.

Between frames that are further apart faces move too far to be followed. Each face is then checked in every frame, the
whole frame is searched if one is missing, and every search is done in one frame.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_edge.detectors.candidate import Candidate, log_odds, probability, same_face
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.framing import bounding_box, shrink
from fer_edge.detectors.ignored import IgnoredAreas
from fer_edge.detectors.search import FullSearch, Search, verify, with_limits
from fer_edge.settings import DetectorSettings
from fer_edge.types import Box, Detector, Frame, Pixels

_log = logging.getLogger(__name__)

MAX_FACES, MIN_FACE = 8, 0.1  # unless the settings say otherwise
PATTERN_SIDE_PX = 24  # of the pattern, in which the face fills the whole square
# How far a face is looked for from its last place, in sides of the face: as far as a close passer-by walks between two
# frames, at 25 frames a second a quarter
MAX_SPEED_PER_S, MIN_DISTANCE, MAX_DISTANCE = 6.25, 0.25, 0.75
MIN_CORRELATION = 0.45  # from which it is the same face
MIN_LEARN_CORRELATION = 0.6  # above which the pattern is updated: only if it surely is the same face
LEARNING_RATE = 0.15  # share of the new picture in the updated pattern

MOTION_GRID = (40, 30)  # columns and rows of the tiles in which motion is measured
MIN_TILE_CHANGE = 4.0  # grey levels by which a tile changes if something moves in it
MIN_CUT_CHANGE = 8.0  # mean change of all tiles, grey levels, at a cut to another scene

KNOWN_LOG_ODDS = 1.0  # that what was a face a moment ago still is one, beside what a check says
LOCATED_WEIGHT = 0.25  # of the place that a check gives, beside the one by template matching
RECHECK_INTERVAL_S = 0.2  # time to the next check after one that found no face
MAX_VERIFICATIONS, FAST_FRAME_S = 8, 0.04  # of candidates in one frame, if frames come so fast; else more
SEARCH_TIME_S = 0.12  # within which a search is done; from so long between two frames on, it is done in one
MAX_KINDS = 2  # of search, after one motion
MAX_SEARCH_FRAMES, CUT_SEARCH_FRAMES = 3, 2  # over which a search is spread; after a cut there is more hurry
MIN_SIZE_LEAD = 1.1  # sides of the smallest face, from which on a new one takes its place if there are too many


@dataclass(eq=False)
class _Face:
    """A face that is followed, in pixels of the frame."""

    square: Candidate
    pattern: Pixels  # (PATTERN_SIDE_PX, PATTERN_SIDE_PX)
    checked: float  # seconds, when it was last checked
    confirmed: float  # seconds, when a check last found it
    visible: bool = True  # in this frame


class Following:
    """Finds faces with `search`, and follows them."""

    def __init__(self, search: Search, settings: DetectorSettings, face_verifier: FaceVerifier) -> None:
        self._search, self._face_verifier = search, face_verifier
        self._settings = with_limits(settings, MAX_FACES, MIN_FACE)
        self._ignored = IgnoredAreas(settings.ignore)
        self._time = -math.inf  # seconds, of the last frame
        self._pause = 0.0  # seconds since the frame before
        self._limit_logged = False
        self._faces: list[_Face] = []
        self._candidates: list[Candidate] = []
        self._slices: list[int] = []  # of the running search, still to be done
        self._slices_per_frame = 1
        self._after_cut = False  # the running search is of another scene
        self._turn, self._kinds_left = 0, 0  # of the running search in the order, and how many are to follow it
        self._searched = -math.inf  # seconds, when the last search began
        empty = np.full(MOTION_GRID[::-1], -255.0, np.float32)
        self._searched_tiles = self._last_tiles = empty  # mean levels in the frame last searched, and in the last frame
        self._known_tiles = np.zeros(MOTION_GRID[::-1], np.bool_)  # which known faces have covered since that search
        self._small: Pixels | None = None  # the shrunk frame, whose memory is reused
        self._factor = 1.0  # from pixels of the shrunk frame to those of the frame

    def detect(self, frame: Frame) -> list[Box]:
        """Faces in `frame`, which is a little later than the last one."""
        small, self._factor = shrink(frame.grey, self._settings.width, self._small)
        self._small = None if small is frame.grey else small
        # How fast frames come is not known at the first one, which is searched as a slow one is.
        self._pause = SEARCH_TIME_S if self._time == -math.inf else frame.time - self._time
        self._time = frame.time
        for face in self._faces:
            self._follow(face, small, frame)
        missed = self._is_slow and any(face.confirmed != frame.time for face in self._faces)
        self._faces = [face for face in self._faces if self._is_kept(face, frame)]
        self._search_frame(small, frame, missed)
        self._confirm(small, frame)
        self._merge_duplicates()
        return [bounding_box(face.square) for face in self._faces if face.visible]

    @property
    def _is_slow(self) -> bool:
        """Whether this frame came so long after the last one that a face may be anywhere."""
        return self._pause >= SEARCH_TIME_S

    # --- known faces ---

    def _is_kept(self, face: _Face, frame: Frame) -> bool:
        """Whether `face` passed its last check and is visible, or was confirmed within `patience_seconds`.

        A face that is missing in a slow frame is not waited for: the search of that frame says where it is. Nor is one
        that came into an ignored area: what would be followed there may be the poster.
        """
        if self._ignored.has(face.square, frame.grey.shape):
            return False
        is_stable = face.visible and face.confirmed == face.checked
        is_awaited = face.visible or not self._is_slow
        return is_stable or (is_awaited and frame.time - face.confirmed < self._settings.patience_seconds)

    def _follow(self, face: _Face, small: Pixels, frame: Frame) -> None:
        """Find `face` in the next frame, and check it if it is time to."""
        face.visible = self._correlate(face, small)
        is_stable = face.visible and face.confirmed == face.checked
        interval = self._settings.look_seconds if is_stable else RECHECK_INTERVAL_S
        if frame.time - face.checked < interval and not self._is_slow:
            return
        found = self._face_verifier.locate(frame.grey, face.square)
        face.checked = frame.time
        if probability(log_odds(found.score) + KNOWN_LOG_ODDS) >= self._settings.keep_score:
            if face.visible and not self._is_slow:  # the matched and the located place are both a little off
                weights = zip(face.square, found, strict=True)
                found = Candidate(*(matched + LOCATED_WEIGHT * (located - matched) for matched, located in weights))
            face.square = found
            face.confirmed, face.visible = frame.time, True
            face.pattern = self._crop(small, face.square, 1.0)

    def _correlate(self, face: _Face, small: Pixels) -> bool:
        """Move `face` to where it matches best near its last position; False if it matches nowhere."""
        distance = min(max(MAX_SPEED_PER_S * self._pause, MIN_DISTANCE), MAX_DISTANCE)
        region = self._crop(small, face.square, 1 + 2 * distance)
        match = cv2.matchTemplate(region, face.pattern, cv2.TM_CCOEFF_NORMED)
        _, best, _, (column, row) = cv2.minMaxLoc(match)
        lowest = MIN_LEARN_CORRELATION if self._is_slow else MIN_CORRELATION  # much else may have come to its place
        if not lowest <= best <= 1.001:  # without any contrast every correlation is high, or not a number
            return False
        unit = face.square.side / PATTERN_SIDE_PX
        middle = (region.shape[0] - PATTERN_SIDE_PX) / 2
        right, down = _peak(match[row], column) - middle, _peak(match[:, column], row) - middle
        face.square = face.square._replace(x=face.square.x + right * unit, y=face.square.y + down * unit)
        if best > MIN_LEARN_CORRELATION:
            new = self._crop(small, face.square, 1.0)
            face.pattern = cv2.addWeighted(face.pattern, 1 - LEARNING_RATE, new, LEARNING_RATE, 0)  # type: ignore[assignment]
        return True

    def _crop(self, small: Pixels, square: Candidate, reach: float) -> Pixels:
        """The region of `reach` sides about the face, scaled so that the face is PATTERN_SIDE_PX wide."""
        scale = PATTERN_SIDE_PX * self._factor / square.side
        width = round(PATTERN_SIDE_PX * reach)
        x, y = (square.x + square.side / 2) / self._factor, (square.y + square.side / 2) / self._factor
        matrix = np.array([[scale, 0, width / 2 - x * scale], [0, scale, width / 2 - y * scale]], np.float32)
        return cv2.warpAffine(  # type: ignore[return-value]
            small, matrix, (width, width), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )

    def _merge_duplicates(self) -> None:
        """Of two followed faces that came to lie on one face, keep the one known longer."""
        kept: list[_Face] = []
        for face in self._faces:
            if not any(same_face(face.square, other.square) for other in kept):
                kept.append(face)
        self._faces = kept

    # --- new faces ---

    def _search_frame(self, small: Pixels, frame: Frame, missed: bool) -> None:
        """Continue the search of the whole frame, or start one if something moved, a face is `missed`, or it is time.

        What an earlier search has not yet given comes too late in a slow frame, which is searched in its place.
        """
        late = self._is_slow and (bool(self._slices) or bool(self._candidates))
        tiles = cv2.resize(small, MOTION_GRID, interpolation=cv2.INTER_AREA).astype(np.float32)
        self._ignored.blank(tiles)
        self._mask_known(small.shape)
        # A search after a cut is not interrupted by another cut: a flickering light looks like one cut after another.
        change = float(np.abs(tiles - self._last_tiles).mean())
        cut = change > MIN_CUT_CHANGE and not (self._slices and self._after_cut)
        self._last_tiles = tiles
        waited = frame.time - self._searched
        due = not self._slices and not self._candidates and waited >= self._settings.search_seconds
        # With as many faces as may be there is time until the usual search for a larger one.
        room = len(self._faces) < self._settings.max_faces
        begins = (
            cut or missed or late or (due and (waited >= self._settings.rest_seconds or (room and self._motion(tiles))))
        )
        if begins or (due and self._kinds_left):
            self._searched_tiles, self._searched, self._candidates = tiles, frame.time, []
            self._known_tiles[:] = False
            self._kinds_left = min(self._search.kinds, MAX_KINDS) if begins else self._kinds_left
            self._after_cut = cut
            self._begin(small, 0 if cut else self._turn + 1)
        self._search_slices()
        while self._kinds_left and self._is_slow and self._pause >= self._settings.search_seconds:
            self._begin(small, self._turn + 1)  # the next frame would be later than its turn
            self._search_slices()

    def _begin(self, small: Pixels, turn: int) -> None:
        """Start a search of the kind whose `turn` it is, spread over the frames that come within SEARCH_TIME_S."""
        self._turn, self._kinds_left = turn % len(self._search.order), self._kinds_left - 1
        kind = self._search.order[self._turn]
        count = self._search.begin(small, self._settings.min_face * min(small.shape), kind)
        most = CUT_SEARCH_FRAMES if self._after_cut else MAX_SEARCH_FRAMES
        frames = most if self._pause <= 0 else min(most, max(1, math.ceil(SEARCH_TIME_S / self._pause)))
        self._slices, self._slices_per_frame = list(range(count)), -(-count // frames)

    def _search_slices(self) -> None:
        """Search the slices of this frame, and add what was found in the last one to the candidates."""
        for number in self._slices[: self._slices_per_frame]:
            self._search.slice(number)
            if number == self._slices[-1]:
                self._candidates += [found.mapped(0, 0, self._factor) for found in self._search.candidates()]
        self._slices = self._slices[self._slices_per_frame :]

    def _motion(self, tiles: NDArray[np.float32]) -> bool:
        """Whether something outside the known faces moved since the last search."""
        return bool((np.abs(tiles - self._searched_tiles) > MIN_TILE_CHANGE)[~self._known_tiles].any())

    def _mask_known(self, shape: tuple[int, ...]) -> None:
        """Mask the tiles that the known faces cover, with half a side around each, out of the motion."""
        rows, columns = self._known_tiles.shape
        tile_height, tile_width = self._factor * shape[0] / rows, self._factor * shape[1] / columns
        for face in self._faces:
            x, y, side = face.square[:3]
            top, bottom = max(int((y - side / 2) / tile_height), 0), max(int((y + side * 1.5) / tile_height) + 1, 0)
            left, right = max(int((x - side / 2) / tile_width), 0), max(int((x + side * 1.5) / tile_width) + 1, 0)
            self._known_tiles[top:bottom, left:right] = True

    def _confirm(self, small: Pixels, frame: Frame) -> None:
        """Verify candidates that are no known faces, and follow those that are faces."""
        left = round(MAX_VERIFICATIONS * max(self._pause, FAST_FRAME_S) / FAST_FRAME_S)
        if self._is_slow:  # faces that moved far are new ones, and the largest of them are to stay
            left = len(self._candidates)
            self._candidates.sort(key=lambda candidate: candidate.side, reverse=True)
        while left and self._candidates:
            candidate, *self._candidates = self._candidates
            if any(same_face(candidate, face.square) for face in self._faces) or self._is_too_small(candidate):
                continue
            if self._ignored.has(candidate, frame.grey.shape):
                continue
            left -= 1
            found = verify(self._face_verifier, frame.grey, candidate)
            if found.score < self._settings.score or self._ignored.has(found, frame.grey.shape):
                continue
            if not any(same_face(found, face.square) for face in self._faces):
                self._faces.append(_Face(found, self._crop(small, found, 1.0), frame.time, frame.time))
                self._limit(frame.source)

    def _is_too_small(self, candidate: Candidate) -> bool:
        """Whether there are as many faces as may be, and `candidate` is not larger than one of them.

        Before it was logged that there are more, it is verified nevertheless.
        """
        if not self._limit_logged or len(self._faces) < self._settings.max_faces:
            return False
        return candidate.side < MIN_SIZE_LEAD * min(face.square.side for face in self._faces)

    def _limit(self, source: str) -> None:
        """If the newest face is one too many, drop the smallest, and log that once."""
        if len(self._faces) <= self._settings.max_faces:
            return
        newest = self._faces[-1]
        self._faces.remove(
            min(self._faces, key=lambda face: face.square.side / (MIN_SIZE_LEAD if face is newest else 1.0))
        )
        if not self._limit_logged:
            self._limit_logged = True
            _log.warning(
                "%s: more than %d faces in view; the largest are read; a higher detector.max_faces reads more",
                *(source, self._settings.max_faces),
            )


def detector_for(search: Search, settings: DetectorSettings, face_verifier: FaceVerifier, still: bool) -> Detector:
    """The detector that finds faces with `search`: `Following` in a moving picture, `FullSearch` in `still` ones."""
    return (FullSearch if still else Following)(search, settings, face_verifier)


def _peak(values: Any, index: int) -> float:
    """The sub-pixel position of the peak at `index` of `values` (n,), by the parabola through it and its neighbours."""
    if not 0 < index < len(values) - 1:
        return float(index)
    before, at, after = map(float, values[index - 1 : index + 2])
    curvature = before - 2 * at + after
    return index + 0.5 * (before - after) / curvature if curvature < 0 else float(index)
