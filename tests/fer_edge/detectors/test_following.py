"""Faces are searched rarely, followed cheaply, and given up when they are gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import cv2
import numpy as np
import pytest
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.demo.clip import FPS, Clip
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.following import Following
from fer_edge.detectors.framing import Framing
from fer_edge.detectors.haar import detector as haar
from fer_edge.detectors.search import Candidate, FullSearch, look, same, scaled
from fer_edge.settings import DetectorSettings
from fer_edge.types import Box, Frame, Pixels

SETTINGS = DetectorSettings(min_face=0.1)
NOBODY = FaceVerifier(FakeClassifier())  # has nothing to say
WALL = np.random.default_rng(1).integers(40, 90, (24, 32), np.uint8)
FACE = np.random.default_rng(2).integers(160, 250, (6, 6), np.uint8)
MakeFrame = Callable[..., Frame]


def scene(*faces: tuple[float, float, float], wall: Pixels = WALL) -> Pixels:
    """A frame of 320 x 240 with a bright square (x, y, side) for each face on a dark wall."""
    picture = np.asarray(cv2.resize(wall, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)
    for x, y, side in faces:
        scale = side / FACE.shape[0]
        matrix = np.array([[scale, 0, x], [0, scale, y]])
        cv2.warpAffine(FACE, matrix, (320, 240), dst=picture, borderMode=cv2.BORDER_TRANSPARENT)
    return picture


class Bright:
    """A search that takes what is bright for a face, in three slices, and counts what it is asked."""

    framing = Framing(1.0, 0.0, 0.0)
    patch = 24
    kinds = 1

    def __init__(self) -> None:
        self.begun = self.slices = self.looks = self.thorough = 0
        self.asked: list[int] = []
        self._picture = WALL

    def begin(self, picture: Pixels, smallest: float, kind: int) -> int:
        self.begun += 1
        self.asked.append(kind)
        self._picture = picture.copy()
        return 3

    def slice(self, number: int) -> None:
        assert 0 <= number < 3
        self.slices += 1

    def candidates(self) -> list[Candidate]:
        return squares(self._picture)

    def look(self, picture: Pixels, thorough: bool) -> Candidate | None:
        self.looks += 1
        self.thorough += thorough
        middle = picture.shape[1] / 2, picture.shape[0] / 2
        around = [
            s for s in squares(picture) if all(abs(a + s.side / 2 - m) < 12 for a, m in zip(s, middle, strict=False))
        ]
        return around[0] if around else None


def squares(picture: Pixels) -> list[Candidate]:
    _, _, found, _ = cv2.connectedComponentsWithStats(np.where(picture > 125, 255, 0).astype(np.uint8))
    return [Candidate(x, y, max(w, h), 0.9) for x, y, w, h, area in found[1:].tolist() if area > 100]


def watch(detector: Following, pictures: Sequence[Pixels], make_frame: MakeFrame, begin: int = 0) -> list[list[Box]]:
    return [detector.detect(make_frame(number, picture)) for number, picture in enumerate(pictures, begin)]


def near(box: Box, x: float, y: float, side: float, off: float = 4) -> bool:
    return all(abs(a - b) <= off for a, b in zip(box, (x, y, side, side), strict=True))


def test_a_face_that_moves_is_followed_without_another_search(make_frame: MakeFrame) -> None:
    search = Bright()
    places = [(60 + 3 * n, 80 + n, 50) for n in range(40)]
    seen = watch(Following(search, SETTINGS, NOBODY), [scene(place) for place in places], make_frame)
    assert [len(boxes) for boxes in seen[:2]] == [0, 1]  # three slices, two in the first frame
    for boxes, place in zip(seen[1:], places[1:], strict=True):
        assert len(boxes) == 1
        assert near(boxes[0], *place)
    assert (search.begun, search.slices) == (1, 3)
    assert search.thorough == 1
    assert search.looks - search.thorough == 2  # every half second, as the settings say


def test_a_picture_in_which_nothing_moves_is_searched_now_and_then(make_frame: MakeFrame) -> None:
    search = Bright()
    watch(Following(search, SETTINGS, NOBODY), [scene()] * 120, make_frame)
    assert search.begun == 3  # at 0, 2 and 4 seconds


class TwoKinds(Bright):
    """A search with two kinds."""

    kinds = 2


class Doubtful(Bright):
    """A search whose close looks are as sure as it is told."""

    def __init__(self, score: float) -> None:
        super().__init__()
        self._score = score

    def look(self, picture: Pixels, thorough: bool) -> Candidate | None:
        found = super().look(picture, thorough)
        return found and found._replace(score=self._score)


def test_kinds_of_search_take_turns_soon_after_each_other(make_frame: MakeFrame) -> None:
    search = TwoKinds()
    began: list[tuple[float, int]] = []
    detector = Following(search, SETTINGS, NOBODY)
    for number in range(125):
        before = len(search.asked)
        detector.detect(make_frame(number, grey=scene()))
        began += [(number / 25, kind) for kind in search.asked[before:]]
    assert [kind for _, kind in began] == [number % 2 for number in range(len(began))]
    assert len(began) >= 4
    pauses = [later - earlier for (earlier, _), (later, _) in pairwise(began)]
    assert pauses[::2] == pytest.approx([SETTINGS.search_seconds] * len(pauses[::2]), abs=0.05)
    assert pauses[1::2] == pytest.approx([SETTINGS.rest_seconds] * len(pauses[1::2]), abs=0.05)


def test_another_scene_is_searched_by_the_first_kind_at_once(make_frame: MakeFrame) -> None:
    search = TwoKinds()
    other = np.asarray(255 - WALL, np.uint8)
    watch(Following(search, SETTINGS, NOBODY), [scene()] * 2 + [scene(wall=other)], make_frame)
    assert search.asked == [0, 0]


class Sworn(FaceVerifier):
    """A witness that always says the same."""

    def __init__(self, log_odds: float) -> None:
        self._odds = log_odds

    def log_odds(self, grey: Pixels, box: Box) -> float:
        assert grey.ndim == 2
        assert box.width > 0
        return self._odds


@pytest.mark.parametrize("kind", [Following, FullSearch])
@pytest.mark.parametrize(
    ("score", "log_odds", "found"), [(1.0, 0.0, 1), (0.9, -10.0, 0), (0.3, 10.0, 1), (0.3, 0.0, 0)]
)
def test_what_the_witness_says_counts_for_a_new_face(
    kind: type[Following | FullSearch], score: float, log_odds: float, found: int, make_frame: MakeFrame
) -> None:
    detector = kind(Doubtful(score), SETTINGS, Sworn(log_odds))
    boxes = [detector.detect(make_frame(number, grey=scene((100, 80, 60)))) for number in range(10)]
    assert len(boxes[-1]) == found


@pytest.mark.parametrize(("look", "patience"), [(2.0, 1.2), (0.5, 0.3), (0.5, 0.0)])
def test_a_face_that_no_close_look_missed_stays_however_rare_they_are(
    look: float, patience: float, make_frame: MakeFrame
) -> None:
    settings = DetectorSettings(look_seconds=look, patience_seconds=patience)
    seen = watch(Following(Bright(), settings, NOBODY), [scene((100, 80, 60))] * 150, make_frame)
    assert sum(map(len, seen)) >= 145


def test_with_as_many_faces_as_are_wanted_nobody_searches_on(make_frame: MakeFrame) -> None:
    search = Bright()
    watch(Following(search, DetectorSettings(max_faces=1), NOBODY), [scene((100, 80, 60))] * 250, make_frame)
    assert search.begun == 1


def test_what_moves_is_searched_for_but_not_more_often_than_the_settings_say(make_frame: MakeFrame) -> None:
    search = Bright()
    dark = np.random.default_rng(3).integers(0, 30, (24, 32), np.uint8)
    pictures = [scene(wall=np.roll(WALL, n, axis=1) if n % 2 else WALL // 2 + dark) for n in range(2)]
    moving = [np.where(np.arange(320) < 100 + 2 * n, pictures[0], pictures[1]).astype(np.uint8) for n in range(50)]
    watch(Following(search, SETTINGS, NOBODY), moving, make_frame)
    assert search.begun == 7  # every eight frames of fifty, 0.32 s


def test_at_a_cut_the_old_face_is_gone_at_once_and_the_new_one_there(make_frame: MakeFrame) -> None:
    search = Bright()
    detector = Following(search, SETTINGS, NOBODY)
    watch(detector, [scene((60, 80, 50))] * 10, make_frame)
    other = np.random.default_rng(4).integers(90, 120, (24, 32), np.uint8)
    after = watch(detector, [scene((200, 100, 60), wall=other)] * 5, make_frame, begin=10)
    assert after[0] == []
    assert all(len(boxes) == 1 and near(boxes[0], 200, 100, 60) for boxes in after[1:])


def test_a_light_that_flickers_does_not_keep_a_search_from_its_end(make_frame: MakeFrame) -> None:
    search = Bright()
    picture = scene((60, 80, 50))
    flicker = [picture if n % 2 else (picture * 0.7).astype(np.uint8) for n in range(40)]
    seen = watch(Following(search, SETTINGS, NOBODY), flicker, make_frame)
    assert search.slices >= 3 * (search.begun - 1)
    assert sum(map(len, seen)) >= 36


def test_a_face_that_leaves_is_given_up_after_its_patience(make_frame: MakeFrame) -> None:
    search = Bright()
    detector = Following(search, SETTINGS, NOBODY)
    watch(detector, [scene((60, 80, 50))] * 10, make_frame)
    assert not any(watch(detector, [scene()] * 60, make_frame, begin=10))
    looks = search.looks
    watch(detector, [scene()] * 20, make_frame, begin=70)
    assert search.looks == looks  # nobody is looked for any more


def test_a_face_that_hides_for_a_moment_is_found_again_without_a_search(make_frame: MakeFrame) -> None:
    search = Bright()
    detector = Following(search, SETTINGS, NOBODY)
    watch(detector, [scene((60, 80, 50))] * 30, make_frame)
    begun = search.begun
    hidden = watch(detector, [scene()] * 8, make_frame, begin=30)
    back = watch(detector, [scene((62, 80, 50))] * 10, make_frame, begin=38)
    assert not any(hidden)
    assert len(back[-1]) == 1
    assert search.begun <= begun + 1  # something moved


def test_faces_are_followed_up_to_the_most_that_are_wanted(make_frame: MakeFrame) -> None:
    three = scene((20, 30, 50), (120, 90, 50), (230, 40, 50))
    for most, wanted in ((8, 3), (2, 2)):
        detector = Following(Bright(), DetectorSettings(max_faces=most), NOBODY)
        assert len(watch(detector, [three] * 6, make_frame)[-1]) == wanted


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (2000, 20), (480, 640)])
def test_frames_of_any_shape_and_change_of_shape(shape: tuple[int, int], make_frame: MakeFrame) -> None:
    detector = haar(SETTINGS, NOBODY, still=False)
    watch(detector, [scene((60, 80, 50))] * 3, make_frame)  # type: ignore[arg-type]
    flat = np.full(shape, 128, np.uint8)
    assert not any(watch(detector, [flat] * 20, make_frame, begin=3))  # type: ignore[arg-type]


def test_a_clock_that_stands_still_does_not_stop_it(make_frame: MakeFrame) -> None:
    detector = Following(Bright(), SETTINGS, NOBODY)
    seen = [detector.detect(make_frame(n, scene((60 + n, 80, 50)), time=0.0)) for n in range(20)]
    assert all(len(boxes) == 1 for boxes in seen[1:])


def test_haar_follows_the_demos_face_in_good_light(make_frame: MakeFrame) -> None:
    clip, detector = Clip(), haar(DetectorSettings(), NOBODY, still=False)
    found = 0
    for number in range(5 * FPS):
        grey = np.asarray(cv2.cvtColor(clip.draw(number), cv2.COLOR_BGR2GRAY), np.uint8)
        found += len(detector.detect(make_frame(number, grey)))
    assert found >= 5 * FPS - 2


# --- the pieces ---


def test_a_close_look_is_in_the_frames_pixels() -> None:
    found = look(Bright(), scene((100, 60, 80)), Candidate(96, 63, 76, 0.5), thorough=True)
    assert found is not None
    assert near(Box(*map(round, (found.x, found.y, found.side, found.side))), 100, 60, 80, off=4)


@pytest.mark.parametrize(("place", "looks"), [((-100, -100), 0), ((400, 300), 0), ((-45, 20), 0), ((-20, 20), 1)])
def test_what_is_hardly_in_the_frame_is_not_looked_at(place: tuple[float, float], looks: int) -> None:
    search = Bright()
    assert look(search, scene(), Candidate(*place, 50, 0.5), thorough=True) is None
    assert search.looks == looks


def test_one_face_shares_half_of_the_smaller_square() -> None:
    face = Candidate(100, 100, 60, 0.9)
    assert same(face, Candidate(110, 120, 60, 0.5))
    assert same(face, Candidate(120, 130, 20, 0.5))  # a mouth
    assert not same(face, Candidate(150, 100, 60, 0.5))
    assert not same(face, Candidate(300, 100, 60, 0.5))


def test_pictures_are_scaled_both_ways() -> None:
    for scale in (0.25, 3.0):
        picture, factor = scaled(scene(), scale)
        assert picture.shape == (round(240 * scale), round(320 * scale))
        assert factor == pytest.approx(1 / scale, rel=0.02)


def test_single_pictures_are_searched_whole(make_frame: MakeFrame) -> None:
    search = Bright()
    detector = FullSearch(search, DetectorSettings(picture_width=160), NOBODY)
    for _ in range(2):
        (box,) = detector.detect(make_frame(0, scene((100, 60, 80))))
        assert near(box, 100, 60, 80, off=5)
    assert search.slices == 6
