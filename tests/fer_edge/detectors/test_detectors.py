"""Detectors find the faces that are there, framed as the network's training faces are, and nothing on a bare wall."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge.demo import PORTRAIT
from fer_edge.demo.clip import FIRST, FPS, Clip
from fer_edge.detectors.brighten import brighten
from fer_edge.detectors.candidate import Candidate
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.fake import FakeFaceVerifier
from fer_edge.detectors.framing import MIN_TILT, Framing, bounding_box, shrink
from fer_edge.detectors.haar import (
    CASCADES,
    DENSITY,
    KINDS,
    MAX_TURNED_ASPECT,
    OCTAVE,
    OCTAVE_HITS,
    SLICE_COUNT,
    TURNED_SCALE,
    Haar,
    plan_slices,
    turned,
)
from fer_edge.detectors.haar import detector as haar
from fer_edge.detectors.yunet import FRAMING, YuNet
from fer_edge.detectors.yunet import detector as yunet
from fer_edge.errors import ModelError
from fer_edge.settings import DetectorSettings
from fer_edge.types import Box, Detector, Frame, Pixels, TiltedBox
from frame_rates import RATES, recall

MakeFrame = Callable[..., Frame]


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    picture = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture


@pytest.fixture(params=["haar", "yunet"])
def detector(request: pytest.FixtureRequest) -> Detector:
    if request.param == "haar":
        return haar(DetectorSettings(), FaceVerifier(), still=True)
    shared: Path = request.getfixturevalue("shared")
    return yunet(DetectorSettings(model=str(shared / "peers" / "yunet_n_320_320.onnx")), FaceVerifier(), still=True)


def test_finds_the_portraits_face(detector: Detector, portrait: Pixels, make_frame: MakeFrame) -> None:
    """The portrait has one face, and its box is where the face is."""
    (box,) = detector.detect(make_frame(0, portrait))
    assert abs(box.x + box.width / 2 - 224) < 12
    assert abs(box.y + box.height / 2 - 112) < 16
    assert box.width == box.height
    assert 85 < box.width < 140


def test_boxes_are_in_frame_pixels(detector: Detector, portrait: Pixels, make_frame: MakeFrame) -> None:
    """A frame may have any size; boxes are in its pixels."""
    for factor in (0.5, 2.0):
        frame = cv2.resize(portrait, None, fx=factor, fy=factor)
        (box,) = detector.detect(make_frame(0, frame))
        assert abs((box.x + box.width / 2) / factor - 224) < 14
        assert 75 < box.width / factor < 140


@pytest.mark.parametrize("shape", [(480, 640), (1, 1), (3, 900), (2000, 20), (32, 320)])
def test_nothing_is_found_where_nothing_is(detector: Detector, shape: tuple[int, int], make_frame: MakeFrame) -> None:
    for _ in range(20):  # a result from uninitialized memory would differ from time to time
        assert detector.detect(make_frame(0, np.full(shape, 128, np.uint8))) == []


def test_accepts_a_strided_plane(detector: Detector, portrait: Pixels, make_frame: MakeFrame) -> None:
    """A luma plane with padding gives the same faces as one without."""
    padded = np.zeros((portrait.shape[0], portrait.shape[1] + 64), np.uint8)
    padded[:, : portrait.shape[1]] = portrait
    view = padded[:, : portrait.shape[1]]
    assert not view.flags.c_contiguous
    assert detector.detect(make_frame(0, view)) == detector.detect(make_frame(0, portrait))


@pytest.mark.slow
def test_haar_finds_the_demo_face(make_frame: MakeFrame) -> None:
    """In good light the demo's face is found in 24 of 25 frames."""
    clip, detector, found = Clip(), haar(DetectorSettings(), FaceVerifier(), still=True), 0
    for number in range(0, 5 * FPS, 5):
        grey = np.asarray(cv2.cvtColor(clip.draw(number), cv2.COLOR_BGR2GRAY), np.uint8)
        found += len(detector.detect(make_frame(number, grey)))
    assert FIRST[0].second == 0
    assert found >= 24  # of 25


def middles(boxes: list[Box]) -> list[tuple[float, float]]:
    return [(box.x + box.width / 2, box.y + box.height / 2) for box in boxes]


@pytest.mark.parametrize("degrees", [-12, 12])
def test_haar_finds_a_tilted_face(degrees: float, portrait: Pixels, make_frame: MakeFrame) -> None:
    matrix = cv2.getRotationMatrix2D((224, 112), degrees, 1)
    tilted = cv2.warpAffine(portrait, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    (middle,) = middles(haar(DetectorSettings(), FaceVerifier(), still=True).detect(make_frame(0, tilted)))
    assert middle == pytest.approx((224, 112), abs=14)


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_haar_finds_faces_of_any_size(factor: float, portrait: Pixels, make_frame: MakeFrame) -> None:
    """A face of 28 pixels, and one that is larger than the picture that is searched would show it."""
    frame = cv2.resize(portrait, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    (box,) = haar(DetectorSettings(), FaceVerifier(), still=True).detect(make_frame(0, frame))
    assert [value / factor for value in box] == pytest.approx([166, 56, 116, 116], abs=20)


@pytest.mark.slow
@pytest.mark.parametrize("still", [True, False], ids=["still", "moving"])
@pytest.mark.parametrize(("light", "haze"), [(0.15, 0), (0.12, 45)])
def test_haar_finds_dark_faces(still: bool, light: float, haze: int, portrait: Pixels, make_frame: MakeFrame) -> None:
    """At 15 % of the light, or in a dark haze, the cascades see nothing unless the contrast is raised."""
    dark = cv2.convertScaleAbs(portrait, alpha=light, beta=haze)
    detector = haar(DetectorSettings(), FaceVerifier(), still)
    for number in range(4):  # a moving picture is searched in slices
        found = detector.detect(make_frame(number, dark))
    (middle,) = middles(found)
    assert middle == pytest.approx((224, 112), abs=14)


@pytest.mark.slow
@pytest.mark.parametrize("still", [True, False], ids=["still", "moving"])
def test_haar_finds_both_of_two_faces(still: bool, portrait: Pixels, make_frame: MakeFrame) -> None:
    two = np.hstack([portrait, portrait[:, ::-1]])
    detector = haar(DetectorSettings(width=213), FaceVerifier(), still)
    for number in range(5):
        found = detector.detect(make_frame(number, two))
    left, right = sorted(middles(found))
    assert left == pytest.approx((224, 112), abs=14)
    assert right == pytest.approx((512 + 288, 112), abs=14)


def search_all(search: Haar | YuNet, picture: Pixels, smallest: float = 24.0, kind: int = 0) -> list[Candidate]:
    for number in range(search.begin(picture, smallest, kind)):
        search.slice(number)
    return search.candidates()


def test_haar_scores_clear_faces_higher(portrait: Pixels) -> None:
    """Hits that agree raise the score; a blurred face scores less than a clear one, and a bare wall has none."""
    search = Haar(DetectorSettings())
    clear = np.ascontiguousarray(portrait[:256, 96:352])
    sharp, *_ = search_all(search, clear)
    blurred, *_ = search_all(search, np.asarray(cv2.GaussianBlur(clear, (0, 0), 7), np.uint8))
    assert 0.5 < blurred.score < sharp.score < 1
    assert search_all(search, np.full((77, 77), 128, np.uint8)) == []


def test_haars_candidates_come_surest_first(portrait: Pixels) -> None:
    """The more hits agree, the higher the score; a single hit is a candidate, too."""
    search = Haar(DetectorSettings())
    assert search.candidates() == []
    search._hits = [[10, 10, 30, 30]] * 2 + [[100, 100, 40, 40]] * 5 + [[200, 10, 30, 30]]
    found = search.candidates()
    middles = [(square.x + square.side / 2, square.y + square.side / 2) for square in found]
    assert middles == [pytest.approx(place, abs=3) for place in ((120, 120), (25, 25), (215, 25))]
    assert [square.side for square in found] == pytest.approx([40, 30, 30], rel=0.2)
    assert 1 > found[0].score > found[1].score > found[2].score > 0


def test_haars_searches_share_nothing(portrait: Pixels) -> None:
    """The frame may be written over while a search goes on, and the next search has none of this one's hits."""
    search, frame = Haar(DetectorSettings()), shrink(portrait, 320)[0].copy()
    count = search.begin(frame, 24.0, 0)
    frame[:] = 128
    for number in range(count):
        search.slice(number)
    assert search.candidates()
    for number in range(search.begin(frame, 24.0, 0)):
        search.slice(number)
    assert search.candidates() == []


def test_min_face_is_a_frame_share(portrait: Pixels, make_frame: MakeFrame) -> None:
    """`min_face` is a share of the frame's shorter side."""
    frame = make_frame(0, portrait)
    assert haar(DetectorSettings(min_face=0.5), FaceVerifier(), still=True).detect(frame) == []
    assert len(haar(DetectorSettings(min_face=0.1), FaceVerifier(), still=True).detect(frame)) == 1


@pytest.mark.slow
def test_haar_finds_everybody_in_a_group(portrait: Pixels, make_frame: MakeFrame) -> None:
    """Twelve faces at three sizes, the smallest about a twelfth of the shorter side."""
    group = np.full((720, 1280), 110, np.uint8)
    for row, (side, top) in enumerate(((150, 40), (230, 210), (270, 445))):
        small = cv2.resize(portrait[:, 40:424], (side, side * 512 // 384), interpolation=cv2.INTER_AREA)
        for column in range(4):
            left = 40 + 310 * column + 10 * row
            group[top : top + small.shape[0], left : left + side] = small[: 720 - top]
    frame = make_frame(0, group)
    found = haar(DetectorSettings(), FaceVerifier(), still=True).detect(frame)
    assert len(found) == 12
    largest = haar(DetectorSettings(max_faces=4), FaceVerifier(), still=True).detect(frame)
    assert sorted(largest) == sorted(sorted(found, key=lambda box: box.width)[-4:])


@pytest.mark.slow
@pytest.mark.parametrize("still", [True, False], ids=["still", "moving"])
@pytest.mark.parametrize("turned", [False, True], ids=["wide", "upright"])
def test_haar_finds_faces_in_panoramas(still: bool, turned: bool, portrait: Pixels, make_frame: MakeFrame) -> None:
    """A face in each half of a frame of 32:9, as stereo cameras give it, or of 1:2."""
    half = np.full((720, 1280), 110, np.uint8)
    half[100:612, 100:612] = portrait
    frame = np.vstack([half[:, :720]] * 2) if turned else np.hstack([half] * 2)
    detector = haar(DetectorSettings(), FaceVerifier(), still)
    for number in range(4):
        first, second = sorted(middles(detector.detect(make_frame(number, frame))), key=sum)
    assert first == pytest.approx((324, 212), abs=16)
    assert second == pytest.approx((324, 932) if turned else (1604, 212), abs=16)


@pytest.mark.slow
@pytest.mark.parametrize("fps", RATES)
def test_haar_finds_a_walker_at_any_rate(fps: int) -> None:
    """A person who walks to and fro is found in all frames, and nothing else is."""
    assert recall(DetectorSettings(name="haar"), fps, seconds=6) == 1


@pytest.mark.parametrize("octaves", [False, True], ids=["one picture", "octaves"])
@pytest.mark.parametrize("window", [20, 24], ids=["alt2", "default"])
def test_slices_have_equal_cost(window: int, octaves: bool) -> None:
    """Slices cost about the same, by the places at which OpenCV looks, and together they contain every face size."""
    plan = plan_slices(side=240, smallest=24, step=1.1, window=window, octaves=octaves)
    factors = [1.1**k for k in range(8 if octaves else 27)]  # below two in an octave
    sizes = {(octave, round(window * factor)): factor for octave in range(6 if octaves else 1) for factor in factors}
    found, costs = [], []
    for ranges in plan:
        costs.append(0.0)
        for part in ranges:
            for octave, size in sizes:
                if octave == part.octave and part.first <= size <= part.last:
                    found.append((octave, size))
                    density = DENSITY if sizes[octave, size] >= OCTAVE else 1
                    costs[-1] += density / (size * OCTAVE**octave) ** 2
    assert found == [(octave, size) for octave, size in sizes if 24 <= size * OCTAVE**octave <= 240]
    assert 4 <= len(plan) <= SLICE_COUNT
    assert max(costs) < 1.6 * sum(costs) / len(costs)
    assert plan_slices(side=10, smallest=24, step=1.1, window=window, octaves=octaves) == []


@pytest.mark.parametrize("name", CASCADES)
def test_opencv_looks_more_closely_for_large_faces(name: str, portrait: Pixels) -> None:
    """What the octaves are for: the same face, twice as large, gives several times as many hits.

    If a later OpenCV does otherwise, DENSITY and the octaves are out of date.
    """
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / name))
    window, _ = cascade.getOriginalWindowSize()
    hits = []
    for octave in (1, OCTAVE):
        picture = cv2.resize(portrait, (100 * octave, 100 * octave), interpolation=cv2.INTER_AREA)
        first, last = window * octave, window * octave * 3 // 2
        hits.append(len(cascade.detectMultiScale(picture, 1.01, 0, minSize=(first, first), maxSize=(last, last))))
    assert hits[1] > DENSITY / 2 * hits[0] > 0


def test_slices_equal_one_search(portrait: Pixels) -> None:
    """Searched in slices, each turned kind has the same hits as its cascade in one search of the turned picture."""
    small, _ = shrink(portrait, 320)
    haar = Haar(DetectorSettings())
    assert {cascade for cascade, _ in KINDS} == {0, 1}
    for kind, (cascade, turn) in enumerate(KINDS):
        search_all(haar, small, 24.0, kind)
        whole = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / CASCADES[cascade]))
        window, _ = whole.getOriginalWindowSize()
        scale = TURNED_SCALE if turn else 1.0
        least = math.ceil(24 * scale)
        picture = turned(small, turn, scale)[0]
        expected = []
        for octave in range(1 if turn else 4):
            side = 0 if turn else OCTAVE * window - 1  # the largest of an octave
            hits = whole.detectMultiScale(picture, 1.1, 0, minSize=(least, least), maxSize=(side, side))
            expected += (np.asarray(hits, int).reshape(-1, 4) * OCTAVE**octave).tolist() * (
                OCTAVE_HITS if octave else 1
            )
            picture, least = (
                np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8),
                1,
            )
        assert sorted(haar._hits) == sorted(expected)
        assert haar._hits


@pytest.mark.parametrize("degrees", [-30, 30])
def test_haar_finds_strongly_tilted_heads(degrees: float, portrait: Pixels) -> None:
    """A picture turned by as much shows them upright: one kind of search finds them, where they are, and how tilted."""
    small, factor = shrink(portrait, 320)
    middle = 224 / factor, 112 / factor
    matrix = cv2.getRotationMatrix2D(middle, -degrees, 1)
    tilted = np.asarray(cv2.warpAffine(small, matrix, small.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)
    search, surest = Haar(DetectorSettings()), list[Candidate]()
    for kind in range(search.kinds):
        surest += search_all(search, tilted, 24.0, kind)[:1]
    best = max(surest, key=lambda square: square.score)
    assert (best.x + best.side / 2, best.y + best.side / 2) == pytest.approx(middle, abs=8)
    assert best.tilt == pytest.approx(degrees, abs=15)


@pytest.mark.parametrize("angle", [-30.0, 30.0, 12.5])
def test_turned_pictures_map_back(angle: float) -> None:
    """Each point of the picture is somewhere in the turned one, and comes back to where it was."""
    picture = np.full((240, 320), 60, np.uint8)
    for x, y in ((5, 5), (310, 5), (160, 120), (5, 230), (250, 180)):
        spot = picture.copy()
        spot[y - 2 : y + 3, x - 2 : x + 3] = 255
        result, back = turned(spot, angle)
        bright = np.clip(result.astype(float) - 130, 0, None)
        rows, columns = np.indices(result.shape)
        middle = ((columns * bright).sum() / bright.sum(), (rows * bright).sum() / bright.sum())
        assert back @ (*middle, 1) == pytest.approx((x, y), abs=0.6)


def test_turned_heads_are_upright(portrait: Pixels) -> None:
    """Clockwise is positive: a picture whose head is tilted clockwise by 30 degrees comes back upright."""
    matrix = cv2.getRotationMatrix2D((256, 256), -30, 1)  # OpenCV counts counter-clockwise
    tilted = np.asarray(cv2.warpAffine(portrait, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    result, _ = turned(tilted, 30.0)
    left, top = (result.shape[1] - 512) // 2, (result.shape[0] - 512) // 2
    upright = result[top : top + 512, left : left + 512]
    assert np.abs(upright[150:350, 150:350].astype(int) - portrait[150:350, 150:350]).mean() < 6
    same, back = turned(portrait, 0.0)
    assert same is portrait
    assert back.tolist() == np.eye(2, 3).tolist()


def test_long_pictures_are_not_turned(portrait: Pixels) -> None:
    """Turned, a panorama would be mostly corners; it is searched upright alone."""
    search = Haar(DetectorSettings())
    long = np.full((100, round(100 * MAX_TURNED_ASPECT) + 1), 110, np.uint8)
    for picture, is_turned in ((long, False), (long.T, False), (long[:, :-1], True)):
        counts = [search.begin(np.ascontiguousarray(picture), 24.0, kind) for kind in range(search.kinds)]
        assert [count > 0 for count in counts] == [is_turned or turn == 0 for _, turn in KINDS]


def test_framing_shifts_the_centre() -> None:
    """Framing gives a square with a shifted centre; `right` and `down` are shares of its side."""
    found = Candidate(100.5, 100, 40, 0.8, 12.0)
    assert Framing(1.0, 0.0, 0.0).apply(found) == found
    assert Framing(1.5, 0.0, 0.1).apply(found) == pytest.approx((90.5, 96, 60, 0.8, 12.0))
    assert Framing(2.0, 0.25, -0.25).apply(found) == pytest.approx((100.5, 60, 80, 0.8, 12.0))
    assert Framing(0.5, 0.0, 0.0).apply(found) == pytest.approx((110.5, 110, 20, 0.8, 12.0))


def test_boxes_are_whole_pixels() -> None:
    """A face of no size still is a pixel; a head is said to be tilted from MIN_TILT on, to either side."""
    assert bounding_box(Candidate(10.6, 20.4, 20.5, 0.9)) == Box(11, 20, 20, 20)
    assert bounding_box(Candidate(10, 20, 0.2, 0.9)) == Box(10, 20, 1, 1)
    for tilt in (0.0, MIN_TILT - 0.1, 0.1 - MIN_TILT):
        box = bounding_box(Candidate(10, 20, 30, 0.9, tilt))
        assert (type(box), box.tilt) == (Box, 0.0)
    for tilt in (MIN_TILT, -MIN_TILT, 40.0):
        box = bounding_box(Candidate(10, 20, 30, 0.9, tilt))
        assert isinstance(box, TiltedBox)
        assert (box, box.tilt) == (Box(10, 20, 30, 30), tilt)


def test_frames_are_only_ever_made_smaller() -> None:
    frame = np.zeros((480, 640), np.uint8)
    small, factor = shrink(frame, 320)
    assert (small.shape, factor) == ((240, 320), 2.0)
    for width in (640, 960):
        same, factor = shrink(frame, width)
        assert same is frame
        assert factor == 1.0


def test_shrinking_reuses_only_what_fits() -> None:
    """The last picture is written over if it has the right size, never the frame itself."""
    frame = np.full((480, 640), 77, np.uint8)
    small, _ = shrink(frame, 320)
    assert shrink(frame, 320, small)[0] is small
    assert shrink(frame[:478], 320, small)[0].shape == (240, 321)
    assert shrink(frame[:200], 320, small)[0].shape == (200, 640)
    assert shrink(frame, 160, small)[0].shape == (120, 160)
    assert shrink(frame[:1], 320)[0].shape == (1, 640)
    assert (frame == 77).all()


@pytest.mark.parametrize(
    ("size", "shrunk"),
    [
        ((640, 480), (320, 240)),
        ((480, 640), (240, 320)),
        ((1280, 720), (427, 240)),
        ((720, 1280), (240, 427)),
        ((600, 600), (240, 240)),
        ((2560, 720), (853, 240)),
        ((12800, 2400), (1280, 240)),
        ((20000, 1000), (2479, 124)),
        ((1000, 20000), (124, 2479)),
        ((4096, 1), (4096, 1)),
        ((300, 200), (300, 200)),
    ],
)
def test_faces_keep_their_pixels_in_any_shape(size: tuple[int, int], shrunk: tuple[int, int]) -> None:
    """The shorter side is that of a 4:3 frame; a panorama costs at most four times as much as such a frame."""
    small, factor = shrink(np.zeros(size[::-1], np.uint8), 320)
    assert small.shape == shrunk[::-1]
    assert factor == pytest.approx(size[0] / shrunk[0], rel=0.01)
    assert small.size <= 4.01 * 320 * 240


def test_opencv_5_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    """An OpenCV without cascades is an error that names the fix."""
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(ModelError, match=r"has no Haar cascades.*pip install 'opencv-python-headless<5'"):
        Haar(DetectorSettings())


def test_missing_cascade_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing cascade file is an error that names the fix."""
    monkeypatch.setattr("fer_edge.detectors.haar.CASCADES", ("none.xml",))
    with pytest.raises(ModelError, match=r"none\.xml is missing or damaged.*pip install --force-reinstall"):
        Haar(DetectorSettings())


@pytest.mark.parametrize("content", [None, b"", b"no model", b"\x08\x07" * 500])
def test_bad_yunet_file_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    """A YuNet file that is missing or not a model is a one-line error with its path."""
    path = tmp_path / "yunet.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as raised:
        YuNet(DetectorSettings(model=str(path)))
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_yunet_needs_its_file_named() -> None:
    with pytest.raises(ModelError, match=r"set detector\.model"):
        YuNet(DetectorSettings(name="yunet"))


def test_yunet_brightens_dark_pictures() -> None:
    """YuNet gets a dark picture brighter, by four times at most, and a light one unchanged."""
    dark = np.full((40, 40), 22, np.uint8)
    assert brighten(dark).mean() == 88  # four times at most
    assert brighten(dark * 2).mean() == pytest.approx(110, abs=1)
    light = np.full((40, 40), 90, np.uint8)
    assert brighten(light) is light
    assert brighten(np.zeros((8, 8), np.uint8)).max() == 0


class FakeNet:
    """In place of YuNet: what is lighter than 125 is a face, with a higher score the lighter it is; 255 gives 1."""

    def __init__(self, model: str, config: str, size: tuple[int, int], lowest: float, overlap: float) -> None:
        self.size, self.lowest = size, lowest

    @classmethod
    def create(cls, *settings: Any) -> FakeNet:
        return cls(*settings)

    def setInputSize(self, size: tuple[int, int]) -> None:  # noqa: N802 - OpenCV's name
        self.size = size

    def detect(self, picture: np.ndarray) -> tuple[int, np.ndarray | None]:
        assert picture.shape == (self.size[1], self.size[0], 3)
        assert min(self.size) >= 64  # OpenCV reads memory that it never wrote where a side is 32
        grey = picture[:, :, 0]
        _, _, found, _ = cv2.connectedComponentsWithStats((grey > 125).astype(np.uint8))
        rows = [
            [x, y, w, h, *[0.0] * 10, score]
            for x, y, w, h, _ in found[1:].tolist()
            if (score := (float(grey[y : y + h, x : x + w].max()) - 125) / 130) >= self.lowest
        ]
        return 1, np.array(rows, np.float32) if rows else None


@pytest.fixture
def fake_yunet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., YuNet]:
    """Makes YuNet with other settings, on a network that needs no model file."""
    (tmp_path / "yunet.onnx").touch()
    monkeypatch.setattr(cv2, "FaceDetectorYN", FakeNet)
    return lambda **settings: YuNet(DetectorSettings(model=str(tmp_path / "yunet.onnx"), **settings))


def bright(*faces: tuple[int, int, int, int, int], size: tuple[int, int] = (240, 320)) -> Pixels:
    """A grey frame with a lighter rectangle (x, y, width, height, level) for each face."""
    picture = np.full(size, 100, np.uint8)
    for x, y, width, height, level in faces:
        picture[y : y + height, x : x + width] = level
    return picture


def test_yunets_candidates_are_squares_surest_first(fake_yunet: Callable[..., YuNet]) -> None:
    """Each about its face's middle, as wide as the face's longer side; smaller faces than wanted are left out."""
    search = fake_yunet()
    picture = bright((20, 30, 40, 60, 200), (200, 40, 50, 30, 250), (100, 180, 20, 20, 255))
    assert search.begin(picture, 24.0, 0) == 1
    search.slice(0)
    found = search.candidates()
    framed = [FRAMING.apply(Candidate(*place, 0.5)) for place in ((200, 30, 50), (10, 30, 60))]
    assert [square[:3] for square in found] == [pytest.approx(square[:3]) for square in framed]
    assert 1 > found[0].score > found[1].score > 0
    search.begin(bright(), 24.0, 0)
    assert search.candidates() == []


@pytest.mark.parametrize("shape", [(1, 1), (32, 320), (320, 32), (100, 64)])
def test_yunet_takes_pictures_of_any_shape(shape: tuple[int, int], fake_yunet: Callable[..., YuNet]) -> None:
    search = fake_yunet()
    assert search_all(search, np.full(shape, 100, np.uint8), 1.0) == []
    assert len(search_all(search, np.full(shape, 200, np.uint8), 1.0)) == 1
    assert search._net.size == (max(shape[1], 64), max(shape[0], 64))  # no larger than it must be


def test_yunet_detects_in_the_frames_pixels(
    fake_yunet: Callable[..., YuNet], tmp_path: Path, make_frame: MakeFrame
) -> None:
    """Still or moving."""
    settings = DetectorSettings(model=str(tmp_path / "yunet.onnx"))
    for still in (True, False):
        detector = yunet(settings, FakeFaceVerifier(), still)
        for number in range(3):
            boxes = detector.detect(make_frame(number, bright((400, 100, 160, 200, 250), size=(480, 640))))
        (box,) = boxes
        assert box == pytest.approx((385, 105, 190, 190), abs=8)


def test_yunets_low_scores_count(fake_yunet: Callable[..., YuNet]) -> None:
    """What the network is hardly sure of is a candidate, whatever score the settings ask for: the verifier decides."""
    search = fake_yunet(score=0.95, keep_score=0.95)
    (found,) = search_all(search, bright((30, 30, 40, 40, 145), size=(90, 90)))
    assert 0 < found.score < 0.5


def test_yunet_keeps_bright_parts_apart() -> None:
    """A dark picture is made brighter only so far that its light parts do not all become white."""
    picture = np.full((80, 80), 20, np.uint8)
    picture[:, :8] = 200
    picture[:, 4:8] = 230
    bright = brighten(picture)
    assert bright.mean() > picture.mean()
    assert bright[0, 0] < bright[0, 4] == 255
    white = picture.copy()
    white[:, :8] = 255
    np.testing.assert_array_equal(brighten(white), white)
