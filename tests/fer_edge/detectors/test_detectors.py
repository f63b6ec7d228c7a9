"""Detectors find the faces that are there, framed as the network's training faces are, and nothing on a bare wall."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.demo import PORTRAIT
from fer_edge.demo.clip import FIRST, FPS, Clip
from fer_edge.detectors.brighten import brighten
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.framing import Framing, shrink
from fer_edge.detectors.haar import CASCADES, Haar, plan_slices
from fer_edge.detectors.haar import detector as haar
from fer_edge.detectors.yunet import YuNet, _network_score, _probability
from fer_edge.detectors.yunet import detector as yunet
from fer_edge.errors import ModelError
from fer_edge.settings import DetectorSettings
from fer_edge.types import Box, Detector, Frame, Pixels

MakeFrame = Callable[..., Frame]

NO_OPINION = FaceVerifier(FakeClassifier())  # its log odds are always 0


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    picture = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture


@pytest.fixture(params=["haar", "yunet"])
def detector(request: pytest.FixtureRequest) -> Detector:
    if request.param == "haar":
        return haar(DetectorSettings(), NO_OPINION, still=True)
    shared: Path = request.getfixturevalue("shared")
    return yunet(DetectorSettings(model=str(shared / "peers" / "yunet_n_320_320.onnx")), NO_OPINION, still=True)


def test_finds_the_portraits_face(detector: Detector, portrait: Pixels, make_frame: MakeFrame) -> None:
    """The portrait has one face, and its box is where the face is."""
    (box,) = detector.detect(make_frame(0, portrait))
    assert abs(box.x + box.width / 2 - 224) < 12
    assert abs(box.y + box.height / 2 - 112) < 16
    assert box.width == box.height
    assert 80 < box.width < 125


def test_boxes_are_in_frame_pixels(detector: Detector, portrait: Pixels, make_frame: MakeFrame) -> None:
    """A frame may have any size; boxes are in its pixels."""
    for factor in (0.5, 2.0):
        frame = cv2.resize(portrait, None, fx=factor, fy=factor)
        (box,) = detector.detect(make_frame(0, frame))
        assert abs((box.x + box.width / 2) / factor - 224) < 14
        assert 75 < box.width / factor < 130


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
    clip, detector, found = Clip(), haar(DetectorSettings(), NO_OPINION, still=True), 0
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
    (middle,) = middles(haar(DetectorSettings(), NO_OPINION, still=True).detect(make_frame(0, tilted)))
    assert middle == pytest.approx((224, 112), abs=14)


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_haar_finds_faces_of_any_size(factor: float, portrait: Pixels, make_frame: MakeFrame) -> None:
    """A face of 28 pixels, and one that is larger than the picture that is searched would show it."""
    frame = cv2.resize(portrait, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    (box,) = haar(DetectorSettings(), NO_OPINION, still=True).detect(make_frame(0, frame))
    assert [value / factor for value in box] == pytest.approx([174, 65, 102, 102], abs=10)


@pytest.mark.slow
@pytest.mark.parametrize("still", [True, False], ids=["still", "moving"])
@pytest.mark.parametrize(("light", "haze"), [(0.15, 0), (0.12, 45)])
def test_haar_finds_dark_faces(still: bool, light: float, haze: int, portrait: Pixels, make_frame: MakeFrame) -> None:
    """At 15 % of the light, or in a dark haze, the cascades see nothing unless the contrast is raised."""
    dark, detector = cv2.convertScaleAbs(portrait, alpha=light, beta=haze), haar(DetectorSettings(), NO_OPINION, still)
    for number in range(4):  # a moving picture is searched in slices
        found = detector.detect(make_frame(number, dark))
    (middle,) = middles(found)
    assert middle == pytest.approx((224, 112), abs=14)


@pytest.mark.slow
@pytest.mark.parametrize("still", [True, False], ids=["still", "moving"])
def test_haar_finds_both_of_two_faces(still: bool, portrait: Pixels, make_frame: MakeFrame) -> None:
    two = np.hstack([portrait, portrait[:, ::-1]])
    detector = haar(DetectorSettings(width=213), NO_OPINION, still)
    for number in range(5):
        found = detector.detect(make_frame(number, two))
    left, right = sorted(middles(found))
    assert left == pytest.approx((224, 112), abs=14)
    assert right == pytest.approx((512 + 288, 112), abs=14)


def test_haar_scores_clear_faces_higher(portrait: Pixels) -> None:
    """Hits that agree raise the score; a blurred face scores less than a clear one, and a bare wall has none."""
    search = Haar(DetectorSettings())
    clear = np.ascontiguousarray(portrait[37:187, 149:299])
    sharp, blurred = cv2.resize(clear, (77, 77)), cv2.GaussianBlur(cv2.resize(clear, (77, 77)), (0, 0), 3.5)
    found = [search.detect_in_crop(picture, thorough=True) for picture in (sharp, blurred)]
    assert all(found)
    assert 0.75 < found[1].score < found[0].score < 1
    assert search.detect_in_crop(sharp, thorough=False).score == 1
    assert search.detect_in_crop(np.full((77, 77), 128, np.uint8), thorough=True) is None


def test_haars_candidates_come_surest_first(portrait: Pixels) -> None:
    """The more hits agree, the higher the score; two hits make a candidate, a single hit none."""
    search = Haar(DetectorSettings())
    assert search.candidates() == []
    search._hits = [[10, 10, 30, 30]] * 2 + [[100, 100, 40, 40]] * 5 + [[200, 10, 30, 30]]
    assert [(x, y, side) for x, y, side, _ in search.candidates()] == [(100, 100, 40), (10, 10, 30)]
    assert [candidate.score for candidate in search.candidates()] == pytest.approx([0.8, 0.5])


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
    assert haar(DetectorSettings(min_face=0.5), NO_OPINION, still=True).detect(frame) == []
    assert len(haar(DetectorSettings(min_face=0.1), NO_OPINION, still=True).detect(frame)) == 1


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
    found = haar(DetectorSettings(), NO_OPINION, still=True).detect(frame)
    assert len(found) == 12
    largest = haar(DetectorSettings(max_faces=4), NO_OPINION, still=True).detect(frame)
    assert sorted(largest) == sorted(sorted(found, key=lambda box: box.width)[-4:])


@pytest.mark.slow
@pytest.mark.parametrize("still", [True, False], ids=["still", "moving"])
@pytest.mark.parametrize("turned", [False, True], ids=["wide", "upright"])
def test_haar_finds_faces_in_panoramas(still: bool, turned: bool, portrait: Pixels, make_frame: MakeFrame) -> None:
    """A face in each half of a frame of 32:9, as stereo cameras give it, or of 1:2."""
    half = np.full((720, 1280), 110, np.uint8)
    half[100:612, 100:612] = portrait
    frame = np.vstack([half[:, :720]] * 2) if turned else np.hstack([half] * 2)
    detector = haar(DetectorSettings(), NO_OPINION, still)
    for number in range(4):
        first, second = sorted(middles(detector.detect(make_frame(number, frame))))
    assert first == pytest.approx((324, 212), abs=16)
    assert second == pytest.approx((324, 932) if turned else (1604, 212), abs=16)


@pytest.mark.slow
@pytest.mark.parametrize("fps", [1, 2, 3, 5, 10])
def test_haar_finds_a_walker_at_any_rate(fps: int, portrait: Pixels, make_frame: MakeFrame) -> None:
    """A person who walks to and fro is found in all frames, once in each."""
    detector = haar(DetectorSettings(), NO_OPINION, still=False)
    walker = cv2.resize(portrait, (300, 300), interpolation=cv2.INTER_AREA)
    for number in range(8 * fps):
        frame, left = np.full((360, 640), 110, np.uint8), round(170 + 170 * math.sin(0.6 * number / fps))
        frame[40:340, left : left + 300] = walker
        (middle,) = middles(detector.detect(make_frame(number, frame, time=number / fps)))
        assert middle == pytest.approx((left + 131, 106), abs=16)


@pytest.mark.parametrize("window", [20, 24], ids=["alt2", "default"])
def test_slices_have_equal_cost(window: int) -> None:
    """Slices cost about the same, and together they contain every face size."""
    plan = plan_slices(side=240, smallest=24, step=1.1, window=window)
    sizes = [round(window * 1.1**k) for k in range(27) if 24 <= round(window * 1.1**k) <= 240]
    assert [first for first, _ in plan] == [s for s in sizes if any(s == first for first, _ in plan)]
    covered = [s for s in sizes if any(first <= s <= last for first, last in plan)]
    assert covered == sizes
    costs = [sum(s**-2.0 for s in sizes if first <= s <= last) for first, last in plan]
    assert 4 <= len(plan) <= 7
    assert max(costs) < 1.5 * sum(costs) / len(costs)
    assert plan_slices(side=10, smallest=24, step=1.1, window=window) == []


def test_slices_equal_one_search(portrait: Pixels) -> None:
    """Searched in slices, both cascades have the same hits as in one search."""
    small, _ = shrink(portrait, 320)
    haar = Haar(DetectorSettings())
    for kind, name in enumerate(CASCADES):
        count = haar.begin(small, 24.0, kind)
        for number in range(count):
            haar.slice(number)
        whole = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / name))
        hits = whole.detectMultiScale(small, 1.1, 0, minSize=(24, 24))
        assert sorted(map(tuple, haar._hits)) == sorted(map(tuple, np.asarray(hits).tolist()))


def test_framing_shifts_the_centre() -> None:
    """Framing gives a square with a shifted centre."""
    assert Framing(1.0, 0.0, 0.0).apply(10, 20, 30) == Box(10, 20, 30, 30)
    assert Framing(1.5, 0.0, 0.1).apply(100, 100, 40) == Box(90, 96, 60, 60)


def test_frames_are_only_ever_made_smaller() -> None:
    frame = np.zeros((480, 640), np.uint8)
    small, factor = shrink(frame, 320)
    assert (small.shape, factor) == ((240, 320), 2.0)
    for width in (640, 960):
        same, factor = shrink(frame, width)
        assert same is frame
        assert factor == 1.0


def test_framing_moves_both_ways() -> None:
    """`right` and `down` are shares of the square's side; a face of no size still is a pixel."""
    assert Framing(2.0, 0.25, -0.25).apply(100, 100, 40) == Box(100, 60, 80, 80)
    assert Framing(0.5, 0.0, 0.0).apply(10.6, 20.4, 41) == Box(21, 31, 20, 20)
    assert Framing(1.0, 0.0, 0.0).apply(10, 20, 0.2) == Box(10, 20, 1, 1)


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
    assert [square[:3] for square in search.candidates()] == [(200, 30, 50), (10, 30, 60)]
    assert [square.score for square in search.candidates()] == [
        pytest.approx(_probability((level - 125) / 130)) for level in (250, 200)
    ]
    search.begin(bright(), 24.0, 0)
    assert search.candidates() == []


def test_yunet_looks_at_the_middle(fake_yunet: Callable[..., YuNet]) -> None:
    """Of several faces in a crop the one nearest the middle is returned, whatever the others' scores."""
    search = fake_yunet()
    for x, y in ((10, 40), (60, 40), (40, 10), (40, 60)):
        found = search.detect_in_crop(bright((x, y, 20, 20, 255), (34, 34, 22, 22, 200), size=(90, 90)), thorough=True)
        assert found is not None
        assert found[:3] == (34, 34, 22)
    assert search.detect_in_crop(bright(size=(90, 90)), thorough=False) is None


@pytest.mark.parametrize("shape", [(1, 1), (32, 320), (320, 32), (100, 64)])
def test_yunet_takes_pictures_of_any_shape(shape: tuple[int, int], fake_yunet: Callable[..., YuNet]) -> None:
    search = fake_yunet()
    assert search.detect_in_crop(np.full(shape, 100, np.uint8), thorough=True) is None
    assert search.detect_in_crop(np.full(shape, 200, np.uint8), thorough=True) is not None
    assert search._net.size == (max(shape[1], 64), max(shape[0], 64))  # no larger than it must be


def test_yunet_detects_in_the_frames_pixels(
    fake_yunet: Callable[..., YuNet], tmp_path: Path, make_frame: MakeFrame
) -> None:
    """Still or moving, the box is framed as FER2013 frames it, 0.95 of what the network says."""
    settings = DetectorSettings(model=str(tmp_path / "yunet.onnx"))
    for still in (True, False):
        detector = yunet(settings, NO_OPINION, still)
        for number in range(3):
            boxes = detector.detect(make_frame(number, bright((400, 100, 160, 200, 250), size=(480, 640))))
        (box,) = boxes
        assert box == pytest.approx((385, 105, 190, 190), abs=8)


def test_yunets_scores_are_as_the_cascades() -> None:
    """At 0.45 as many of the network's boxes are faces as of the cascades' at 0.75."""
    assert _probability(0.45) == pytest.approx(0.75, abs=0.005)
    assert (_probability(0), _probability(1), _network_score(1)) == (pytest.approx(0, abs=1e-5), 1, 1)
    assert [_network_score(_probability(score)) for score in (0.1, 0.45, 0.9)] == pytest.approx([0.1, 0.45, 0.9])


@pytest.mark.parametrize(("score", "keep"), [(0.75, 0.6), (0.6, 0.75)])
def test_yunet_threshold_fits_both_scores(score: float, keep: float, fake_yunet: Callable[..., YuNet]) -> None:
    """A new face and one that is kept need scores of their own: the network must give what satisfies either."""
    search = fake_yunet(score=score, keep_score=keep)
    level = round(125.5 + 130 * _network_score(0.61))
    assert search.detect_in_crop(bright((30, 30, 40, 40, level), size=(90, 90)), thorough=True) is not None
    assert search.detect_in_crop(bright((30, 30, 40, 40, level - 5), size=(90, 90)), thorough=True) is None


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
