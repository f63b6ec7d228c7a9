"""Detectors find the faces that are there, framed as the network's training faces are, and nothing on a bare wall."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge import demo
from fer_edge.classifiers.fake import FakeClassifier
from fer_edge.demo.clip import FIRST, FPS, Clip
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.framing import Framing, shrink
from fer_edge.detectors.haar import CASCADES, Haar, slices
from fer_edge.detectors.haar import detector as haar
from fer_edge.detectors.yunet import YuNet, lit
from fer_edge.detectors.yunet import detector as yunet
from fer_edge.errors import ModelError
from fer_edge.settings import DetectorSettings
from fer_edge.types import Box, Detector, Frame, Pixels

MakeFrame = Callable[..., Frame]

NOBODY = FaceVerifier(FakeClassifier())  # has nothing to say


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    picture = cv2.imread(str(Path(demo.__file__).parent / "astronaut.jpg"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture


@pytest.fixture(params=["haar", "yunet"])
def detector(request: pytest.FixtureRequest) -> Detector:
    if request.param == "haar":
        return haar(DetectorSettings(), NOBODY, still=True)
    shared: Path = request.getfixturevalue("shared")
    return yunet(DetectorSettings(model=str(shared / "peers" / "yunet_n_320_320.onnx")), NOBODY, still=True)


def test_the_portrait_has_one_face_where_it_is(detector: Detector, portrait: Pixels, make_frame: MakeFrame) -> None:
    (box,) = detector.detect(make_frame(0, portrait))
    assert abs(box.x + box.width / 2 - 224) < 12
    assert abs(box.y + box.height / 2 - 112) < 16
    assert box.width == box.height
    assert 80 < box.width < 125


def test_a_frame_may_have_any_size_and_boxes_are_in_its_pixels(
    detector: Detector, portrait: Pixels, make_frame: MakeFrame
) -> None:
    for factor in (0.5, 2.0):
        frame = cv2.resize(portrait, None, fx=factor, fy=factor)
        (box,) = detector.detect(make_frame(0, frame))
        assert abs((box.x + box.width / 2) / factor - 224) < 14
        assert 75 < box.width / factor < 130


@pytest.mark.parametrize("shape", [(480, 640), (1, 1), (3, 900), (2000, 20), (32, 320)])
def test_nothing_is_found_where_nothing_is(detector: Detector, shape: tuple[int, int], make_frame: MakeFrame) -> None:
    for _ in range(20):  # an answer from memory that nobody wrote differs from time to time
        assert detector.detect(make_frame(0, np.full(shape, 128, np.uint8))) == []


def test_a_strided_luma_plane_is_read_as_it_lies(detector: Detector, portrait: Pixels, make_frame: MakeFrame) -> None:
    padded = np.zeros((portrait.shape[0], portrait.shape[1] + 64), np.uint8)
    padded[:, : portrait.shape[1]] = portrait
    view = padded[:, : portrait.shape[1]]
    assert not view.flags.c_contiguous
    assert detector.detect(make_frame(0, view)) == detector.detect(make_frame(0, portrait))


def test_haar_finds_the_demos_face_in_good_light(make_frame: MakeFrame) -> None:
    clip, detector, found = Clip(), haar(DetectorSettings(), NOBODY, still=True), 0
    for number in range(0, 5 * FPS, 5):
        grey = np.asarray(cv2.cvtColor(clip.draw(number), cv2.COLOR_BGR2GRAY), np.uint8)
        found += len(detector.detect(make_frame(number, grey)))
    assert FIRST[0].second == 0
    assert found >= 24  # of 25


def test_smallest_face_is_a_share_of_the_frame(portrait: Pixels, make_frame: MakeFrame) -> None:
    frame = make_frame(0, portrait)
    assert haar(DetectorSettings(min_face=0.5), NOBODY, still=True).detect(frame) == []
    assert len(haar(DetectorSettings(min_face=0.1), NOBODY, still=True).detect(frame)) == 1


def test_of_several_faces_the_surest_are_kept(portrait: Pixels, make_frame: MakeFrame) -> None:
    three = make_frame(0, np.hstack([portrait] * 3))
    assert len(haar(DetectorSettings(), NOBODY, still=True).detect(three)) == 3
    assert len(haar(DetectorSettings(max_faces=2), NOBODY, still=True).detect(three)) == 2


@pytest.mark.parametrize("window", [20, 24], ids=["alt2", "default"])
def test_slices_cost_about_the_same_and_leave_no_size_out(window: int) -> None:
    plan = slices(side=240, smallest=24, step=1.1, window=window)
    sizes = [round(window * 1.1**k) for k in range(27) if 24 <= round(window * 1.1**k) <= 240]
    assert [first for first, _ in plan] == [s for s in sizes if any(s == first for first, _ in plan)]
    covered = [s for s in sizes if any(first <= s <= last for first, last in plan)]
    assert covered == sizes
    costs = [sum(s**-2.0 for s in sizes if first <= s <= last) for first, last in plan]
    assert 4 <= len(plan) <= 7
    assert max(costs) < 2 * sum(costs) / len(costs)
    assert slices(side=10, smallest=24, step=1.1, window=window) == []


def test_sliced_both_cascades_look_at_what_they_look_at_in_one_go(portrait: Pixels) -> None:
    small, _ = shrink(portrait, 320)
    haar = Haar(DetectorSettings())
    for kind, name in enumerate(CASCADES):
        count = haar.begin(small, 24.0, kind)
        for number in range(count):
            haar.slice(number)
        whole = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / name))
        hits = whole.detectMultiScale(small, 1.1, 0, minSize=(24, 24))
        assert sorted(map(tuple, haar._hits)) == sorted(map(tuple, np.asarray(hits).tolist()))


def test_framing_makes_squares_about_a_moved_centre() -> None:
    assert Framing(1.0, 0.0, 0.0).apply(10, 20, 30) == Box(10, 20, 30, 30)
    assert Framing(1.5, 0.0, 0.1).apply(100, 100, 40) == Box(90, 96, 60, 60)


def test_frames_are_only_ever_made_smaller() -> None:
    frame = np.zeros((480, 640), np.uint8)
    small, factor = shrink(frame, 320)
    assert (small.shape, factor) == ((240, 320), 2.0)
    same, factor = shrink(frame, 960)
    assert same is frame
    assert factor == 1.0


def test_opencv_5_without_cascades_is_told_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(ModelError, match=r"has no Haar cascades.*pip install 'opencv-python-headless<5'"):
        Haar(DetectorSettings())


def test_a_missing_cascade_file_is_told_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer_edge.detectors.haar.CASCADES", ("none.xml",))
    with pytest.raises(ModelError, match=r"none\.xml is missing or damaged.*pip install --force-reinstall"):
        Haar(DetectorSettings())


@pytest.mark.parametrize("content", [None, b"", b"no model", b"\x08\x07" * 500])
def test_a_yunet_file_that_is_missing_or_no_model_is_said(tmp_path: Path, content: bytes | None) -> None:
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


def test_yunet_gets_a_dark_picture_brighter_and_a_light_one_as_it_is() -> None:
    dark = np.full((40, 40), 22, np.uint8)
    assert lit(dark).mean() == 88  # four times at most
    assert lit(dark * 2).mean() == pytest.approx(110, abs=1)
    light = np.full((40, 40), 90, np.uint8)
    assert lit(light) is light
    assert lit(np.zeros((8, 8), np.uint8)).max() == 0
