"""In an ignored area no face is read, verified or followed, and nothing that moves starts a search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from fer_edge.demo import PORTRAIT
from fer_edge.detectors.candidate import Candidate
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.fake import FakeFaceVerifier
from fer_edge.detectors.following import Following
from fer_edge.detectors.haar import detector as haar
from fer_edge.detectors.ignored import IgnoredAreas
from fer_edge.detectors.search import FullSearch
from fer_edge.settings import DetectorSettings
from fer_edge.types import Box, Frame, Pixels

LEFT_HALF = (0.0, 0.0, 0.5, 1.0)
SETTINGS = DetectorSettings(min_face=0.1, ignore=(LEFT_HALF,))
WALL = np.random.default_rng(1).integers(40, 90, (240, 320), np.uint8)
MakeFrame = Callable[..., Frame]


def scene(*faces: tuple[int, int, int]) -> Pixels:
    """A frame of 320 x 240 with a textured bright square (x, y, side) for each face on a dark wall."""
    picture = WALL.copy()
    for x, y, side in faces:
        face = np.random.default_rng(2).integers(160, 250, (6, 6), np.uint8)
        picture[y : y + side, x : x + side] = cv2.resize(face, (side, side))
    return picture


def squares(picture: Pixels) -> list[Candidate]:
    _, _, found, _ = cv2.connectedComponentsWithStats((picture > 125).astype(np.uint8))
    return [Candidate(x, y, max(w, h), 0.9) for x, y, w, h, area in found[1:].tolist() if area > 100]


class Bright:
    """A search that takes what is bright for a face, and counts what it is asked."""

    kinds, order = 1, (0,)

    def __init__(self) -> None:
        self.begun = 0
        self._picture = WALL

    def begin(self, picture: Pixels, smallest: float, kind: int) -> int:
        self.begun += 1
        self._picture = picture.copy()
        return 3

    def slice(self, number: int) -> None:
        assert 0 <= number < 3

    def candidates(self) -> list[Candidate]:
        return squares(self._picture)


class SeesBright(FakeFaceVerifier):
    """Takes the bright square near a candidate for a face, and notes where its looks were."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[float] = []  # left edges

    def locate(self, grey: Pixels, near: Candidate) -> Candidate:
        self.places.append(near.x)
        found = [square for square in squares(grey) if abs(square.x - near.x) < 40]
        return found[0]._replace(score=0.95) if found else near._replace(score=0.001)


def test_face_counts_by_its_middle() -> None:
    """A face that reaches into an area is read; one whose middle lies in it is not."""
    ignored = IgnoredAreas([(0.5, 0.0, 0.5, 0.5)])
    assert ignored.has(Candidate(50, 10, 20, 0.9), (100, 100))
    assert not ignored.has(Candidate(30, 10, 30, 0.9), (100, 100))
    assert not ignored.has(Candidate(50, 50, 20, 0.9), (100, 100))
    assert not IgnoredAreas([]).has(Candidate(50, 10, 20, 0.9), (100, 100))


def test_every_touched_tile_is_blank() -> None:
    """Areas blank the tiles that they touch, and no other, also where a sum of shares is not exact."""
    tiles = np.ones((30, 40))
    IgnoredAreas([(0.1, 0.1, 0.2, 0.2), (0.99, 0.99, 0.01, 0.01)]).blank(tiles)
    expected = np.ones((30, 40))
    expected[3:9, 4:12] = expected[29:, 39:] = 0
    assert np.array_equal(tiles, expected)


@pytest.mark.parametrize("kind", [Following, FullSearch])
def test_ignored_face_is_not_verified(kind: type[Following | FullSearch], make_frame: MakeFrame) -> None:
    """Of two faces the one in the area is not read, and not even looked at closely."""
    verifier = SeesBright()
    detector = kind(Bright(), SETTINGS, verifier)
    seen = [detector.detect(make_frame(number, scene((40, 80, 50), (220, 80, 50)))) for number in range(8)]
    (box,) = seen[-1]
    assert (box.x, box.y) == pytest.approx((220, 80), abs=4)
    assert verifier.places
    assert min(verifier.places) > 200


@pytest.mark.parametrize("kind", [Following, FullSearch])
def test_verified_place_counts(kind: type[Following | FullSearch], make_frame: MakeFrame) -> None:
    """A candidate beside an area whose face turns out to be in it is no face."""

    class Beside(Bright):
        def candidates(self) -> list[Candidate]:
            return [found._replace(x=found.x + 15) for found in squares(self._picture)]

    verifier = SeesBright()
    detector = kind(Beside(), SETTINGS, verifier)
    seen = [detector.detect(make_frame(number, scene((125, 80, 60)))) for number in range(8)]
    assert not any(seen)
    assert verifier.places


@pytest.mark.parametrize("fps", [2, 25])
def test_face_is_lost_inside_and_found_after(fps: int, make_frame: MakeFrame) -> None:
    """Who walks past the poster is not read in front of it, and is read again behind it, before the usual search."""
    settings = replace(SETTINGS, ignore=((0.4, 0.0, 0.2, 1.0),), rest_seconds=3600)
    detector = Following(Bright(), settings, SeesBright())
    step = 4 if fps == 25 else 20
    middles, inside = list(range(35, 285, step)), []
    for number, middle in enumerate(middles):
        boxes = detector.detect(make_frame(number, scene((middle - 25, 80, 50)), time=number / fps))
        if 128 < middle < 192:
            inside.append(boxes)
        elif not 120 < middle < 240:  # the search after the area takes `search_seconds` and three frames
            assert len(boxes) == 1 or number < 2, middle
    assert inside
    assert not any(inside)


@pytest.mark.parametrize("brightest", [60, 255])
def test_motion_inside_starts_no_search(brightest: int, make_frame: MakeFrame) -> None:
    """A television in an area starts no search, not even by cutting from one scene to another; beside it one does."""
    search = Bright()
    screen = np.random.default_rng(5)
    detector = Following(search, SETTINGS, SeesBright())
    for number in range(45):
        picture = scene()
        picture[:, :160] = screen.integers(0, brightest, (240, 160)) if number % 10 else screen.integers(0, brightest)
        detector.detect(make_frame(number, picture))
    assert search.begun == 1  # the first frame; the next usual one would be at 2 s
    for number in range(45, 49):
        detector.detect(make_frame(number, scene((220, 80, 50))))
    assert search.begun == 2


@pytest.mark.parametrize("still", [True, False], ids=["still", "moving"])
def test_haar_ignores_the_portrait(still: bool, make_frame: MakeFrame) -> None:
    """The portrait's face is found, unless its middle lies in an ignored area."""
    portrait = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)

    def found(*areas: tuple[float, float, float, float]) -> list[Box]:
        detector = haar(DetectorSettings(ignore=areas), FaceVerifier(), still)
        return [detector.detect(make_frame(number, portrait)) for number in range(4)][-1]

    assert len(found()) == 1
    assert len(found((0.0, 0.0, 0.4, 0.6))) == 1
    assert found((0.4, 0.15, 0.1, 0.15)) == []
