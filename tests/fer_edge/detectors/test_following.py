"""Faces are searched rarely, followed cheaply, and given up when they are gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from fer_edge.demo.clip import FPS, Clip
from fer_edge.detectors.candidate import Candidate
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.fake import FakeFaceVerifier
from fer_edge.detectors.following import Following, _peak
from fer_edge.detectors.haar import detector as haar
from fer_edge.detectors.search import FullSearch
from fer_edge.settings import DetectorSettings
from fer_edge.types import Box, Frame, Pixels

SETTINGS = DetectorSettings(min_face=0.1)
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

    kinds, order = 1, (0,)

    def __init__(self) -> None:
        self.begun = self.slices = 0
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


class SeesBright(FakeFaceVerifier):
    """Takes what is bright for a face, and says where it is."""

    def locate(self, grey: Pixels, near: Candidate) -> Candidate:
        self.looks += 1
        half = near.side / 2
        for found in squares(grey):
            off = found.x + found.side / 2 - near.x - half, found.y + found.side / 2 - near.y - half
            if max(map(abs, off)) < half and abs(np.log(found.side / near.side)) < 0.5:
                return found._replace(score=self.score)
        return near._replace(score=0.001)


def squares(picture: Pixels) -> list[Candidate]:
    _, _, found, _ = cv2.connectedComponentsWithStats(np.where(picture > 125, 255, 0).astype(np.uint8))
    return [Candidate(x, y, max(w, h), 0.9) for x, y, w, h, area in found[1:].tolist() if area > 100]


def watch(detector: Following, pictures: Sequence[Pixels], make_frame: MakeFrame, begin: int = 0) -> list[list[Box]]:
    return [detector.detect(make_frame(number, picture)) for number, picture in enumerate(pictures, begin)]


def near(box: Box, x: float, y: float, side: float, off: float = 4) -> bool:
    return all(abs(a - b) <= off for a, b in zip(box, (x, y, side, side), strict=True))


def test_moving_face_is_followed(make_frame: MakeFrame) -> None:
    """A moving face is followed without another search, with a check every tenth of a second."""
    search, verifier = Bright(), SeesBright()
    places = [(60 + 3 * n, 80 + n, 50) for n in range(40)]
    seen = watch(Following(search, SETTINGS, verifier), [scene(place) for place in places], make_frame)
    for boxes, place in zip(seen, places, strict=True):
        assert len(boxes) == 1
        assert near(boxes[0], *place)
    assert (search.begun, search.slices) == (1, 3)
    assert verifier.looks - 2 == 13  # two looks at the candidate, then one every third frame, as the settings say


def test_still_picture_is_searched_rarely(make_frame: MakeFrame) -> None:
    """If nothing moves, the frame is searched every `rest_seconds`."""
    search = Bright()
    watch(Following(search, SETTINGS, SeesBright()), [scene()] * 120, make_frame)
    assert search.begun == 3  # at 0, 2 and 4 seconds


class TwoKinds(Bright):
    """A search with two kinds."""

    kinds, order = 2, (0, 1)


class Doubtful(Bright):
    """A search whose candidates have the given score."""

    def __init__(self, score: float) -> None:
        super().__init__()
        self._score = score

    def candidates(self) -> list[Candidate]:
        return [found._replace(score=self._score) for found in super().candidates()]


def test_kinds_are_searched_alternately(make_frame: MakeFrame) -> None:
    """The kinds of search run alternately, the second one `search_seconds` after the first."""
    search = TwoKinds()
    began: list[tuple[float, int]] = []
    detector = Following(search, SETTINGS, SeesBright())
    for number in range(125):
        before = len(search.asked)
        detector.detect(make_frame(number, grey=scene()))
        began += [(number / 25, kind) for kind in search.asked[before:]]
    assert [kind for _, kind in began] == [number % 2 for number in range(len(began))]
    assert len(began) >= 4
    pauses = [later - earlier for (earlier, _), (later, _) in pairwise(began)]
    assert pauses[::2] == pytest.approx([SETTINGS.search_seconds] * len(pauses[::2]), abs=0.05)
    assert pauses[1::2] == pytest.approx([SETTINGS.rest_seconds] * len(pauses[1::2]), abs=0.05)


def test_kinds_follow_their_order(make_frame: MakeFrame) -> None:
    """A kind that finds the most faces comes more often than the others, and the first one is not forgotten."""

    class Ordered(Bright):
        kinds, order = 3, (0, 1, 0, 2)

    search = Ordered()
    watch(Following(search, SETTINGS, SeesBright()), [scene()] * 300, make_frame)
    assert len(search.asked) >= 8
    assert search.asked[:8] == [0, 1, 0, 2] * 2


def test_stills_are_searched_once_by_each_kind(make_frame: MakeFrame) -> None:
    """Whatever their order in a video."""

    class Ordered(Bright):
        kinds, order = 3, (0, 1, 0, 2)

    search = Ordered()
    FullSearch(search, SETTINGS, SeesBright()).detect(make_frame(0, scene()))
    assert search.asked == [0, 1, 2]


def test_cut_starts_the_first_kind(make_frame: MakeFrame) -> None:
    """A cut to another scene immediately starts a search of the first kind."""
    search = TwoKinds()
    other = np.asarray(255 - WALL, np.uint8)
    watch(Following(search, SETTINGS, SeesBright()), [scene()] * 2 + [scene(wall=other)], make_frame)
    assert search.asked == [0, 0]


@pytest.mark.parametrize("kind", [Following, FullSearch])
@pytest.mark.parametrize(
    ("score", "verified", "found"), [(0.98, 0.5, 1), (0.9, 0.001, 0), (0.3, 0.99, 1), (0.3, 0.5, 0), (0.999, 0.05, 0)]
)
def test_both_scores_count(
    kind: type[Following | FullSearch], score: float, verified: float, found: int, make_frame: MakeFrame
) -> None:
    """The face verifier's log odds are added to the detector's; what it takes for no face is none."""
    detector = kind(Doubtful(score), SETTINGS, FakeFaceVerifier(verified))
    boxes = [detector.detect(make_frame(number, grey=scene((100, 80, 60)))) for number in range(4)]
    assert len(boxes[-1]) == found


@pytest.mark.parametrize("kind", [Following, FullSearch])
def test_second_look_is_nearer(kind: type[Following | FullSearch], make_frame: MakeFrame) -> None:
    """A candidate beside a face is looked at twice, the second time where the first look found it; both looks count."""

    class Creeping(FakeFaceVerifier):
        """Each look comes half as near, and gives the next of its scores."""

        def __init__(self, *scores: float) -> None:
            super().__init__()
            self.scores, self.seen = scores, list[float]()

        def locate(self, grey: Pixels, near: Candidate) -> Candidate:
            self.seen.append(near.x)
            return near._replace(x=(near.x + 100) / 2, score=self.scores[len(self.seen) - 1])

    for scores, found in (((0.9, 0.9), 1), ((0.9, 0.1), 1), ((0.9, 0.01), 0), ((0.01, 0.99), 0)):
        verifier = Creeping(*scores)
        score = 0.8 if kind is Following else 0.97  # a picture asks for more
        boxes = kind(FixedPlace(Candidate(80, 80, 60, score)), SETTINGS, verifier).detect(make_frame(0, scene()))
        assert verifier.seen == [80, 90][: 2 if scores[0] > 0.1 else 1]
        assert [box.x for box in boxes] == [95] * found


@pytest.mark.parametrize("kind", [Following, FullSearch])
def test_full_certainty_is_enough(kind: type[Following | FullSearch], make_frame: MakeFrame) -> None:
    """With 1 as the least that counts a face of which both are all sure is found, and kept."""
    settings = replace(SETTINGS, score=1.0, keep_score=1.0, patience_seconds=0)
    detector = kind(Doubtful(1.0), settings, FakeFaceVerifier(1.0))
    seen = [detector.detect(make_frame(number, scene((100, 80, 60)))) for number in range(40)]
    assert all(len(boxes) == 1 for boxes in seen[1:])


@pytest.mark.parametrize(("check", "patience"), [(2.0, 1.2), (0.5, 0.3), (0.5, 0.0)])
def test_rare_checks_keep_a_face(check: float, patience: float, make_frame: MakeFrame) -> None:
    """A face that passed every check stays, however rare the checks are."""
    settings = DetectorSettings(look_seconds=check, patience_seconds=patience)
    seen = watch(Following(Bright(), settings, SeesBright()), [scene((100, 80, 60))] * 150, make_frame)
    assert sum(map(len, seen)) >= 145


@pytest.mark.parametrize(("side", "taken"), [(40, False), (62, False), (80, True)])
def test_largest_faces_are_kept(
    side: int, taken: bool, make_frame: MakeFrame, caplog: pytest.LogCaptureFixture
) -> None:
    """With `max_faces` known ones a larger newcomer takes the place of the smallest, and that is logged once."""
    detector = Following(Bright(), DetectorSettings(max_faces=1), SeesBright())
    known, newcomer = (30, 80, 60), (200, 80, side)
    watch(detector, [scene(known)] * 5, make_frame)
    assert not caplog.messages
    seen = watch(detector, [scene(known, newcomer)] * 125, make_frame, begin=5)
    assert all(len(boxes) == 1 for boxes in seen)
    assert near(seen[-1][0], *(newcomer if taken else known))
    assert caplog.messages == [
        "test: more than 1 faces in view; the largest are read; a higher detector.max_faces reads more"
    ]


def test_duplicate_is_not_one_too_many(make_frame: MakeFrame, caplog: pytest.LogCaptureFixture) -> None:
    """A candidate beside a known face that turns out to be that face does not push another one out."""

    class Beside(Bright):
        def candidates(self) -> list[Candidate]:
            found = squares(self._picture)
            return found + [face._replace(x=face.x + 0.45 * face.side, side=0.9 * face.side) for face in found]

    detector = Following(Beside(), DetectorSettings(max_faces=2), SeesBright())
    seen = watch(detector, [scene((30, 80, 60), (200, 80, 40))] * 100, make_frame)
    assert [len(boxes) for boxes in seen] == [2] * 100
    assert not caplog.messages


def test_full_house_is_searched_rarely(make_frame: MakeFrame) -> None:
    """With as many faces as may be, what moves beside them starts no search."""
    search = Bright()
    detector = Following(search, DetectorSettings(max_faces=1), SeesBright())
    moving = [scene((100, 80, 60), (20 + n, 20, 8)) for n in range(100)]
    watch(detector, moving, make_frame)
    assert search.begun == 2  # at 0 and 2 seconds


@pytest.mark.parametrize("fps", [2, 5])
def test_lost_face_leaves_no_ghost(fps: int, make_frame: MakeFrame) -> None:
    """In rare frames what looks like the face at its old place, but is none, is followed by a search at once."""

    class Doubting(FakeFaceVerifier):
        """Its checks of what is followed, one look in a frame, find nothing; its looks at candidates a face."""

        def locate(self, grey: Pixels, near: Candidate) -> Candidate:
            return near._replace(score=0.95 if search.begun > self.looks else 0.001)

    search, verifier = Bright(), Doubting()
    detector = Following(search, SETTINGS, verifier)
    for number in range(6):
        assert len(detector.detect(make_frame(number, scene((100, 80, 60)), time=number / fps))) == 1
        assert search.begun == number + 1
        verifier.looks = search.begun


@pytest.mark.parametrize("fps", [1, 3])
def test_same_face_is_kept_in_rare_frames(fps: int, make_frame: MakeFrame) -> None:
    """Of two who both leap from frame to frame the larger one is kept, whoever is found first."""

    class Shuffled(Bright):
        def candidates(self) -> list[Candidate]:
            return squares(self._picture)[:: 1 if self.begun % 2 else -1]

    detector = Following(Shuffled(), DetectorSettings(max_faces=1), SeesBright())
    for number in range(10):
        x = (20, 100)[number % 2]
        (box,) = detector.detect(make_frame(number, scene((x, 20, 60), (x + 100, 120, 65)), time=number / fps))
        assert near(box, x + 100, 120, 65)


@pytest.mark.parametrize(("fps", "frames"), [(25, 10), (10, 4)])
def test_false_candidates_delay_by_time(fps: int, frames: int, make_frame: MakeFrame) -> None:
    """A face behind many surer candidates that are none is found after as long at any frame rate."""

    class Crowded(Bright):
        def candidates(self) -> list[Candidate]:
            return [Candidate(10 + 4 * n, 10, 12, 0.95) for n in range(18)] + squares(self._picture)

    detector = Following(Crowded(), SETTINGS, SeesBright())
    detector.detect(make_frame(0, scene(), time=0.0))
    shown = [scene((200, 120, 60), wall=np.asarray(255 - WALL, np.uint8) // 3)] * 20
    seen = [detector.detect(make_frame(n, picture, time=n / fps)) for n, picture in enumerate(shown, 1)]
    assert seen[frames + 1]


def test_small_extra_faces_cost_nothing(make_frame: MakeFrame) -> None:
    """Once it is logged that there are too many, the smaller ones are not verified again."""
    search = Bright()

    class AtSmall(SeesBright):
        """Counts the looks at the smaller one."""

        def locate(self, grey: Pixels, near: Candidate) -> Candidate:
            self.small += near.x > 160
            return super().locate(grey, near)

        small = 0

    verifier = AtSmall()
    detector = Following(search, DetectorSettings(max_faces=1), verifier)
    watch(detector, [scene((30, 80, 60), (200, 80, 40))] * 250, make_frame)
    assert search.begun > 2
    assert verifier.small == 2


def test_motion_searches_at_limited_rate(make_frame: MakeFrame) -> None:
    """Motion starts searches, but not more often than every `search_seconds`."""
    search = Bright()
    dark = np.random.default_rng(3).integers(0, 30, (24, 32), np.uint8)
    pictures = [scene(wall=np.roll(WALL, n, axis=1) if n % 2 else WALL // 2 + dark) for n in range(2)]
    moving = [np.where(np.arange(320) < 100 + 2 * n, pictures[0], pictures[1]).astype(np.uint8) for n in range(50)]
    watch(Following(search, SETTINGS, SeesBright()), moving, make_frame)
    assert search.begun == 9  # every six frames of fifty, 0.24 s


@pytest.mark.parametrize("fps", [0.2, 1, 2, 3, 5, 8])
def test_leaping_face_is_found_in_each_frame(fps: float, make_frame: MakeFrame) -> None:
    """However rare the frames, one face in each, where it is then, and nothing where it was."""
    detector = Following(Bright(), SETTINGS, SeesBright())
    places = [((20, 120, 220)[n % 3], 80, 50) for n in range(12)]
    for number, place in enumerate(places):
        boxes = detector.detect(make_frame(number, scene(place), time=number / fps))
        assert len(boxes) == 1
        assert near(boxes[0], *place)


@pytest.mark.parametrize("fast_frames", range(1, 5))
def test_late_frame_is_searched_itself(fast_frames: int, make_frame: MakeFrame) -> None:
    """If frames come late in the middle of a search, the late one is searched: what began earlier is of the past."""
    detector = Following(Bright(), SETTINGS, SeesBright())
    watch(detector, [scene()] * 60, make_frame)
    watch(detector, [scene((20, 80, 50))] * fast_frames, make_frame, begin=60)
    now = (60 + fast_frames) / 25
    for number, late in enumerate((0.7, 1.4, 2.1)):
        (box,) = detector.detect(make_frame(99 + number, scene((220, 80 + 10 * number, 50)), time=now + late))
        assert near(box, 220, 80 + 10 * number, 50)


def test_rare_frames_get_every_kind(make_frame: MakeFrame) -> None:
    """A frame that comes later than the turn of the next kind of search is searched by all kinds."""
    for fps, kinds in ((1, [0, 1]), (3, [0, 1]), (5, [0])):
        search = TwoKinds()
        detector = Following(search, SETTINGS, SeesBright())
        detector.detect(make_frame(0, scene(), time=0.0))
        search.asked.clear()
        detector.detect(make_frame(1, scene(wall=np.asarray(255 - WALL, np.uint8)), time=1 / fps))
        assert search.asked == kinds


def test_cut_replaces_the_face(make_frame: MakeFrame) -> None:
    """At a cut the old face is gone in the next frame, and the new one found after it."""
    search = Bright()
    detector = Following(search, SETTINGS, SeesBright())
    watch(detector, [scene((60, 80, 50))] * 10, make_frame)
    other = np.random.default_rng(4).integers(90, 120, (24, 32), np.uint8)
    after = watch(detector, [scene((200, 100, 60), wall=other)] * 5, make_frame, begin=10)
    assert after[0] == []
    assert all(len(boxes) == 1 and near(boxes[0], 200, 100, 60) for boxes in after[1:])


def test_flicker_does_not_restart_searches(make_frame: MakeFrame) -> None:
    """A flickering light, which looks like cuts, does not keep a search from its end."""
    search = Bright()
    picture = scene((60, 80, 50))
    flicker = [picture if n % 2 else (picture * 0.7).astype(np.uint8) for n in range(40)]
    seen = watch(Following(search, SETTINGS, SeesBright()), flicker, make_frame)
    assert search.slices >= 3 * (search.begun - 1)
    assert sum(map(len, seen)) >= 36


def test_lost_face_is_dropped(make_frame: MakeFrame) -> None:
    """A face that left is dropped after `patience_seconds`, and not checked any more."""
    verifier = SeesBright()
    detector = Following(Bright(), SETTINGS, verifier)
    watch(detector, [scene((60, 80, 50))] * 10, make_frame)
    assert not any(watch(detector, [scene()] * 60, make_frame, begin=10))
    looks = verifier.looks
    watch(detector, [scene()] * 20, make_frame, begin=70)
    assert verifier.looks == looks  # a dropped face is not checked any more


def test_hidden_face_is_found_again(make_frame: MakeFrame) -> None:
    """With patience a face that is hidden for a moment is found again without a search."""
    search = Bright()
    detector = Following(search, replace(SETTINGS, patience_seconds=1.0), SeesBright())
    watch(detector, [scene((60, 80, 50))] * 30, make_frame)
    begun = search.begun
    hidden = watch(detector, [scene()] * 8, make_frame, begin=30)
    back = watch(detector, [scene((62, 80, 50))] * 10, make_frame, begin=38)
    assert not any(hidden)
    assert len(back[-1]) == 1
    assert search.begun <= begun + 1  # something moved


def test_newcomer_where_another_stood_is_found(make_frame: MakeFrame) -> None:
    """Motion that a known face explains is explained until the next search, not for ever."""
    detector = Following(Bright(), SETTINGS, SeesBright())
    walk = [(20 + min(4 * n, 180), 80, 50) for n in range(65)]  # at its end long before the search at 2 s
    watch(detector, [scene(place) for place in walk], make_frame)
    seen = watch(detector, [scene(walk[-1], (20, 80, 50))] * 10, make_frame, begin=65)
    assert len(seen[-1]) == 2
    assert near(seen[-1][1], 20, 80, 50)


def test_faces_that_merge_are_one(make_frame: MakeFrame) -> None:
    """Of two that came to lie on one face the longer known stays."""
    detector = Following(Bright(), replace(SETTINGS, look_seconds=60), SeesBright())
    standing = (240, 80, 50)
    watch(detector, [scene(standing)] * 10, make_frame)
    coming = [scene((100 + 4 * n, 80, 60), standing) for n in range(31)]
    seen = watch(detector, coming, make_frame, begin=10)
    assert len(seen[15]) == 2
    assert len(seen[-1]) == 1
    assert near(seen[-1][0], *standing)


class FixedPlace(Bright):
    """A search that finds a face at `place`."""

    def __init__(self, place: Candidate) -> None:
        super().__init__()
        self.place = place

    def candidates(self) -> list[Candidate]:
        return [self.place]


class Timed(FakeFaceVerifier):
    """Finds a face in every square, unless `empty`; `checked` has the times of its looks, one each."""

    def __init__(self) -> None:
        super().__init__()
        self.empty, self.now = False, 0.0
        self.checked: list[float] = []

    def locate(self, grey: Pixels, near: Candidate) -> Candidate:
        self.checked += [self.now] if self.now not in self.checked else []
        return near._replace(score=0.001) if self.empty else super().locate(grey, near)


def test_a_missed_look_is_soon_repeated(make_frame: MakeFrame) -> None:
    """After a check that found no face the next comes within 0.2 s; one that finds it restores the usual interval."""
    search, verifier = FixedPlace(Candidate(100, 80, 60, 0.9)), Timed()
    detector = Following(search, replace(SETTINGS, look_seconds=1.0, patience_seconds=10), verifier)
    for number in range(100):
        verifier.now, verifier.empty = number / 25, 20 <= number < 30
        boxes = detector.detect(make_frame(number, scene((100, 80, 60))))
        assert len(boxes) == 1
    pauses = [later - earlier for earlier, later in pairwise(verifier.checked)]
    assert pauses == pytest.approx([1.0, 0.2, 1.0, 1.0], abs=0.05)


def test_check_recovers_a_changed_face(make_frame: MakeFrame) -> None:
    """A face that matches its pattern no more is found by the next check."""
    search = FixedPlace(Candidate(100, 80, 60, 0.9))
    detector = Following(search, replace(SETTINGS, look_seconds=60), FakeFaceVerifier())
    turned = [patterned(100, 80, 1, 0)] * 10 + [patterned(100, 80, 0, 1)] * 5
    assert all(len(boxes) == 1 for boxes in watch(detector, turned, make_frame)[1:])


@pytest.mark.parametrize("place", [(250, 105), (40, 105), (145, 208), (145, 2)])
def test_newcomers_beside_a_face_are_found(place: tuple[int, int], make_frame: MakeFrame) -> None:
    """A known face explains what moves about it, half a side far, and no more."""
    detector = Following(Bright(), replace(SETTINGS, rest_seconds=60), SeesBright())
    known = (120, 80, 80)
    watch(detector, [scene(known)] * 10, make_frame)
    seen = watch(detector, [scene(known, (*place, 30))] * 6, make_frame, begin=10)
    assert len(seen[-1]) == 2


@pytest.mark.parametrize(("x", "y"), [(0, 0), (262, 182)])
def test_corner_face_starts_no_search(x: int, y: int, make_frame: MakeFrame) -> None:
    """A known face in the corner explains its own motion."""
    search = FixedPlace(Candidate(x, y, 58, 0.9))
    detector = Following(search, replace(SETTINGS, rest_seconds=60), FakeFaceVerifier())
    turns = [(np.cos(angle), np.sin(angle)) for angle in np.linspace(0, np.pi / 2, 50)]
    assert all(watch(detector, [patterned(x, y, *turn) for turn in turns], make_frame)[1:])
    assert search.begun == 1


class Sliced(Bright):
    """A search in twelve slices."""

    def begin(self, picture: Pixels, smallest: float, kind: int) -> int:
        super().begin(picture, smallest, kind)
        return 12

    def slice(self, number: int) -> None:
        self.slices += 1


@pytest.mark.parametrize(
    ("fps", "spread", "after_cut"),
    [(25, [4, 4, 4], [6, 6]), (15, [6, 6], [6, 6]), (10, [6, 6], [6, 6]), (5, [12], [12])],
)
def test_search_is_spread_over_time(fps: float, spread: list[int], after_cut: list[int], make_frame: MakeFrame) -> None:
    """Within an eighth of a second, in the first frame at once, and sooner after a cut, where no face is known yet."""
    search, slices = Sliced(), list[int]()
    detector = Following(search, SETTINGS, SeesBright())
    wait = max(round(2 * fps), 1)
    other = np.asarray(255 - WALL, np.uint8)
    for number in range(2 * wait + 3):
        before = search.slices
        wall = other if number > wait + 2 else WALL
        detector.detect(make_frame(number, scene(wall=wall), time=number / fps))
        slices.append(search.slices - before)
    rest = [0] * (wait - 1)
    assert slices[: wait + 3] == [12, *rest, *spread, *rest, *[0] * 9][: wait + 3]
    assert slices[wait + 3 :][: len(after_cut)] == after_cut


def test_textured_background_is_ignored(make_frame: MakeFrame) -> None:
    """A face is matched by itself, not by the wall beside it."""
    search, verifier = FixedPlace(Candidate(60, 80, 60, 0.9)), FakeFaceVerifier()
    detector = Following(search, replace(SETTINGS, look_seconds=60, rest_seconds=60, search_seconds=60), verifier)
    wall = np.random.default_rng(6).integers(60, 190, (48, 64), np.uint8)
    behind = np.asarray(cv2.resize(wall, (320, 240), interpolation=cv2.INTER_LINEAR), np.uint8)
    for number in range(80):
        x, y = 60 + 1.5 * number, 80 + 0.75 * number
        picture = behind.copy()
        picture[round(y) : round(y) + 60, round(x) : round(x) + 60] = patterned(0, 0, 1)[:60, :60]
        boxes = detector.detect(make_frame(number, picture))
        assert near(boxes[0], x, y, 60)
    assert verifier.looks == 2  # at the candidate


def test_follows_up_to_max_faces(make_frame: MakeFrame) -> None:
    """No more than `max_faces` are followed."""
    three = scene((20, 30, 50), (120, 90, 50), (230, 40, 50))
    for most, wanted in ((8, 3), (2, 2)):
        detector = Following(Bright(), DetectorSettings(max_faces=most), SeesBright())
        assert len(watch(detector, [three] * 6, make_frame)[-1]) == wanted


PATTERNS, _ = np.linalg.qr(np.hstack([np.ones((144, 1)), np.random.default_rng(5).normal(size=(144, 3))]))


def patterned(x: float, y: float, *shares: float) -> Pixels:
    """A grey frame with a square of 60 pixels at (x, y) that mixes patterns without likeness to one another."""
    mix = PATTERNS[:, 1 : len(shares) + 1] @ shares / np.linalg.norm(shares)
    square = np.clip(125 + 400 * mix, 0, 255).astype(np.uint8).reshape(12, 12)
    matrix = np.array([[5.0, 0, x], [0, 5.0, y]])
    return np.asarray(
        cv2.warpAffine(square, matrix, (320, 240), borderMode=cv2.BORDER_CONSTANT, borderValue=(125,)), np.uint8
    )


def test_slowly_changing_face_is_followed(make_frame: MakeFrame) -> None:
    """The pattern is updated while the face changes."""
    search, verifier = FixedPlace(Candidate(100, 80, 60, 0.9)), FakeFaceVerifier()
    detector = Following(search, replace(SETTINGS, look_seconds=60), verifier)
    turns = [(np.cos(angle), np.sin(angle)) for angle in np.linspace(0, np.pi / 2, 60)]
    seen = watch(detector, [patterned(100, 80, *turn) for turn in turns], make_frame)
    assert all(len(boxes) == 1 and near(boxes[0], 100, 80, 60) for boxes in seen[1:])
    assert verifier.looks == 2  # at the candidate


def test_a_doubtful_look_is_not_learnt(make_frame: MakeFrame) -> None:
    """What resembles the face a little is followed; what resembles no more than that is another."""
    search, verifier = FixedPlace(Candidate(100, 80, 60, 0.9)), Timed()
    detector = Following(search, replace(SETTINGS, look_seconds=60, patience_seconds=60), verifier)
    face, doubtful, other = (patterned(100, 80, *mix) for mix in ((1, 0, 0), (0.5, 0.85, 0), (0, 0.6, 0.8)))
    watch(detector, [face] * 5, make_frame)
    verifier.empty = True
    assert all(watch(detector, [doubtful] * 20, make_frame, begin=5))
    assert not any(watch(detector, [other] * 5, make_frame, begin=25))
    assert all(watch(detector, [face] * 5, make_frame, begin=30))


def test_slow_faces_are_followed_smoothly(make_frame: MakeFrame) -> None:
    """A face that moves by a fifth of its pattern's pixel a frame is neither left behind nor jerks."""
    search, verifier = FixedPlace(Candidate(100, 80, 60, 0.9)), FakeFaceVerifier()
    detector = Following(search, replace(SETTINGS, look_seconds=60, rest_seconds=60, search_seconds=60), verifier)
    places = [(100 + 0.5 * n, 80 + 0.25 * n) for n in range(75)]
    seen = watch(detector, [patterned(*place, 1) for place in places], make_frame)[1:]
    for (box,), place in zip(seen, places[1:], strict=True):
        assert near(box, *place, 60, off=2)
    assert max(abs(b.x - a.x) for (a,), (b,) in pairwise(seen)) <= 1
    assert verifier.looks == 2  # at the candidate


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (2000, 20), (480, 640)])
def test_accepts_frames_of_any_shape(shape: tuple[int, int], make_frame: MakeFrame) -> None:
    """Frames may have any shape, and change it."""
    detector = haar(SETTINGS, FaceVerifier(), still=False)
    watch(detector, [scene((60, 80, 50))] * 3, make_frame)  # type: ignore[arg-type]
    flat = np.full(shape, 128, np.uint8)
    assert not any(watch(detector, [flat] * 20, make_frame, begin=3))  # type: ignore[arg-type]


def test_stopped_clock_is_harmless(make_frame: MakeFrame) -> None:
    """Faces are followed even if all frames have the same time."""
    detector = Following(Bright(), SETTINGS, SeesBright())
    seen = [detector.detect(make_frame(n, scene((60 + n, 80, 50)), time=0.0)) for n in range(20)]
    assert all(len(boxes) == 1 for boxes in seen[1:])


@pytest.mark.slow
def test_haar_follows_the_demo_face(make_frame: MakeFrame) -> None:
    """In good light the demo's face is followed in all frames but two."""
    clip, detector = Clip(), haar(DetectorSettings(), FaceVerifier(), still=False)
    found = 0
    for number in range(5 * FPS):
        grey = np.asarray(cv2.cvtColor(clip.draw(number), cv2.COLOR_BGR2GRAY), np.uint8)
        found += len(detector.detect(make_frame(number, grey)))
    assert found >= 5 * FPS - 2


# --- the pieces ---


@pytest.mark.parametrize(
    ("values", "index", "peak"),
    [
        ([1, 4, 3], 1, 1.25),
        ([3, 4, 1], 1, 0.75),
        ([0, 2, 2], 1, 1.5),
        ([4, 3, 1], 0, 0),
        ([1, 3, 4], 2, 2),
        ([1] * 3, 1, 1),
    ],
)
def test_a_peak_may_lie_between_values(values: list[float], index: int, peak: float) -> None:
    """The parabola through three values says where it is highest; at an end, or on a plain, the value itself is it."""
    assert _peak(values, index) == peak


PLACES = [
    Candidate(20, 80, 56, 0.85),
    Candidate(230, 80, 50, 0.95),
    Candidate(25, 85, 50, 0.8),
    Candidate(120, 80, 53, 0.9),
]


class Listed(Bright):
    """A search of 320 x 240 that finds the places it is given."""

    def __init__(self, *places: Candidate) -> None:
        super().__init__()
        self.places = list(places)

    def candidates(self) -> list[Candidate]:
        return self.places


def test_the_surest_come_first(make_frame: MakeFrame) -> None:
    """Sorted by the score of their verification, whatever their order; two candidates on one face are one."""
    boxes = FullSearch(Listed(*PLACES), SETTINGS, FakeFaceVerifier()).detect(make_frame(0, scene()))
    assert [box.x for box in boxes] == pytest.approx([230, 120, 20], abs=1)


@pytest.mark.parametrize(("most", "wanted"), [(3, [230, 120, 20]), (2, [120, 20]), (1, [20])])
def test_largest_faces_of_a_picture(
    most: int, wanted: list[int], make_frame: MakeFrame, caplog: pytest.LogCaptureFixture
) -> None:
    """Of more than `max_faces` the largest are kept, not the surest, and each picture says so."""
    detector = FullSearch(Listed(*PLACES), replace(SETTINGS, max_faces=most), FakeFaceVerifier())
    boxes = detector.detect(make_frame(0, scene()))
    assert [box.x for box in boxes] == pytest.approx(wanted, abs=1)
    said = f"test: 3 faces found, the {most} largest are read; a higher detector.max_faces (--max-faces) reads more"
    assert caplog.messages == [said] * (most < 3)


def test_single_pictures_are_searched_whole(make_frame: MakeFrame) -> None:
    search = Bright()
    detector = FullSearch(search, DetectorSettings(picture_width=160), SeesBright())
    for _ in range(2):
        (box,) = detector.detect(make_frame(0, scene((100, 60, 80))))
        assert near(box, 100, 60, 80, off=5)
    assert search.slices == 6
