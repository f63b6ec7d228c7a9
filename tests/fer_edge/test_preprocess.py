"""Preprocessing exists once: exact pixels where nothing is resized, repeated edges, no floating point."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from fer_edge import preprocess
from fer_edge.types import Box, Pixels, TiltedBox
from hypothesis import given
from hypothesis import strategies as st

FRAME = np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)


def test_inner_box_is_a_view() -> None:
    """A box inside the frame is a view of its pixels."""
    face = preprocess.crop(FRAME, Box(10, 20, 30, 25))
    assert np.shares_memory(face, FRAME)
    np.testing.assert_array_equal(face, FRAME[20:45, 10:40])


def test_boxes_at_the_edges_are_views() -> None:
    """A box that touches all edges lies inside the frame."""
    assert preprocess.crop(FRAME, Box(0, 0, 80, 60)).base is FRAME


@pytest.mark.parametrize("box", [(-1, 20, 30, 30), (20, -1, 30, 30), (51, 20, 30, 30), (20, 31, 30, 30)])
def test_one_edge_is_enough(box: tuple[int, int, int, int]) -> None:
    """Of a box that reaches over a single edge by a pixel the edge is repeated."""
    x, y, width, height = box
    padded = cv2.copyMakeBorder(FRAME, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    face = preprocess.crop(FRAME, Box(*box))
    np.testing.assert_array_equal(face, padded[y + 1 : y + 1 + height, x + 1 : x + 1 + width])


@given(st.integers(-200, 200), st.integers(-200, 200), st.integers(1, 100), st.integers(1, 100))
def test_edge_pixels_are_repeated(x: int, y: int, width: int, height: int) -> None:
    """Beyond the frame's edge the edge pixels are repeated."""
    padded = cv2.copyMakeBorder(FRAME, 300, 300, 300, 300, cv2.BORDER_REPLICATE)
    face = preprocess.crop(FRAME, Box(x, y, width, height))
    np.testing.assert_array_equal(face, padded[y + 300 : y + 300 + height, x + 300 : x + 300 + width])


def test_matching_size_is_unchanged() -> None:
    """A face of the network's own size is not changed."""
    np.testing.assert_array_equal(preprocess.face_pixels(FRAME, Box(3, 4, 48, 48), (48, 48)), FRAME[4:52, 3:51])


@pytest.mark.parametrize("side", [20, 48, 64, 65, 200])
def test_output_has_the_networks_size(side: int) -> None:
    """Any face becomes uint8 pixels of the network's size."""
    face = preprocess.face_pixels(FRAME, Box(0, 0, side, side), (64, 64))
    assert (face.shape, face.dtype) == ((64, 64), np.uint8)


def test_output_array_is_used() -> None:
    """The result is written into the given array."""
    tensor = np.zeros((1, 64, 64, 1), np.uint8)
    preprocess.face_pixels(FRAME, Box(0, 0, 50, 50), (64, 64), out=tensor[0, :, :, 0])
    np.testing.assert_array_equal(tensor[0, :, :, 0], preprocess.face_pixels(FRAME, Box(0, 0, 50, 50), (64, 64)))


def test_shrinking_averages_instead_of_skipping_pixels() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (128, 64))
    assert set(preprocess.resize(stripes, (64, 64)).ravel().tolist()) <= {127, 128}


def test_shrinking_counts_every_column() -> None:
    """One dark column in four darkens the mean by a quarter, whichever of the four it is."""
    for dark in range(4):
        columns = np.where(np.arange(256) % 4 == dark, 0, 255).astype(np.uint8)
        for rows in (256, 64):  # also where only one side shrinks
            face = np.tile(columns, (rows, 1))
            assert set(preprocess.resize(face, (64, 64)).ravel().tolist()) == {191}
            assert set(preprocess.resize(face.T, (64, 64)).ravel().tolist()) == {191}


def test_a_size_is_height_and_width() -> None:
    assert preprocess.face_pixels(FRAME, Box(0, 0, 40, 40), (20, 30)).shape == (20, 30)


def test_enlarging_makes_a_soft_edge() -> None:
    """A face that is enlarged, if only in one direction, has no blocks: grey levels lie between the pixels'."""
    edge = np.tile(np.repeat(np.array([0, 200], np.uint8), 8), (64, 1))
    for size in ((64, 64), (8, 64)):
        for levels in (preprocess.resize(edge, size)[0], preprocess.resize(edge.T, size[::-1])[:, 0]):
            assert levels.tolist() == sorted(levels)
            assert len(set(levels)) > 3


# --- turned squares ---

SMOOTH = np.asarray(
    cv2.GaussianBlur(np.random.default_rng(3).integers(0, 256, (300, 400), np.uint8), (0, 0), 4), np.uint8
)
SMOOTH = np.asarray(cv2.normalize(SMOOTH, None, 0, 255, cv2.NORM_MINMAX), np.uint8)


def turned(picture: Pixels, middle: tuple[float, float], degrees: float) -> Pixels:
    """`picture` turned clockwise about `middle`, counted as a Box is."""
    matrix = cv2.getRotationMatrix2D((middle[0] - 0.5, middle[1] - 0.5), -degrees, 1)
    return np.asarray(cv2.warpAffine(picture, matrix, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)


def differ(a: Pixels, b: Pixels) -> float:
    """Mean difference, grey levels."""
    assert a.shape == b.shape
    assert a.dtype == b.dtype == np.uint8
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.parametrize(("x", "y", "side"), [(100, 80, 48), (20, 15, 48), (395, 299, 48), (-10, 150, 48)])
def test_upright_square_is_the_crop(x: int, y: int, side: int) -> None:
    """Without tilt, at its own size, it is the same pixels, also beyond the frame's edge."""
    box = Box(x - side // 2, y - side // 2, side, side)
    np.testing.assert_array_equal(preprocess.turned_square(SMOOTH, x, y, side, 0.0, side), preprocess.crop(SMOOTH, box))


@pytest.mark.parametrize("side", [30, 71, 72, 73, 96, 150, 200, 333])
@pytest.mark.parametrize(("x", "y"), [(200, 150), (20, 40)])
def test_upright_square_is_resized(x: int, y: int, side: int) -> None:
    """At another size it is what `crop` and `resize` give, but for a grey level or two; no pixel is shifted."""
    box = Box(x - side // 2, y - side // 2, side, side)
    middle = box.x + side / 2, box.y + side / 2
    wanted = preprocess.resize(preprocess.crop(SMOOTH, box), (48, 48))
    found = preprocess.turned_square(SMOOTH, *middle, side, 0.0, 48)
    assert differ(found, wanted) < 7  # least at the middle of the frame, where no edge is averaged
    unit = side / 48
    for right, down in ((unit, 0), (-unit, 0), (0, unit), (0, -unit)):
        shifted = preprocess.turned_square(SMOOTH, middle[0] + right, middle[1] + down, side, 0.0, 48)
        assert differ(shifted, wanted) > 1.5 * differ(found, wanted)


@pytest.mark.parametrize("degrees", [-40.0, -10.0, 30.0, 90.0])
@pytest.mark.parametrize("side", [48, 90, 160])
def test_turned_head_comes_upright(degrees: float, side: int) -> None:
    """What is tilted clockwise by some degrees is upright again, for either way, at any size."""
    middle = 210.0, 160.0
    wanted = preprocess.turned_square(SMOOTH, *middle, side, 0.0, 48)
    found = preprocess.turned_square(turned(SMOOTH, middle, degrees), *middle, side, degrees, 48)
    assert differ(found, wanted) < 3
    other = preprocess.turned_square(turned(SMOOTH, middle, degrees), *middle, side, -degrees, 48)
    assert differ(other, wanted) > 10


@pytest.mark.parametrize("tilt", [0.0, 33.0, -170.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (50, 60)])
@pytest.mark.parametrize("side", [0.01, 1.0, 47.3, 5e3, 1e7])
@pytest.mark.parametrize(("x", "y"), [(25.0, 30.0), (-1e3, 30.0), (25.0, 1e8), (1e9, -1e9)])
def test_any_square_is_defined(x: float, y: float, side: float, shape: tuple[int, int], tilt: float) -> None:
    """Of any size and place, also wholly outside the frame, where its edge pixels are."""
    found = preprocess.turned_square(np.full(shape, 77, np.uint8), x, y, side, tilt, 48)
    assert (found.shape, found.dtype) == ((48, 48), np.uint8)
    assert (found == 77).all()


def test_square_outside_repeats_the_edge() -> None:
    """Beyond the left edge lies what is at it, in the same rows."""
    found = preprocess.turned_square(SMOOTH, -60, 150, 48, 0.0, 48)
    np.testing.assert_array_equal(found, np.repeat(SMOOTH[126:174, :1], 48, axis=1))


def test_large_squares_are_averaged() -> None:
    """Noise does not come through where a square is shrunk: every pixel counts."""
    noise = np.random.default_rng(5).integers(0, 256, (900, 900), np.uint8)
    for tilt in (0.0, 20.0):
        assert preprocess.turned_square(noise, 450, 450, 600, tilt, 48).std() < 14  # of single pixels 74


@pytest.mark.parametrize("size", [(48, 48), (64, 64), (64, 48)])
def test_tilted_face_is_turned_upright(size: tuple[int, int]) -> None:
    """The network gets a tilted head as it gets an upright one; an upright box is cropped as it always was."""
    middle, box = (210.0, 160.0), Box(160, 110, 100, 100)
    wanted = preprocess.face_pixels(SMOOTH, box, size)
    tilted = turned(SMOOTH, middle, 30.0)
    assert differ(preprocess.face_pixels(tilted, TiltedBox(*box, tilt=30.0), size), wanted) < 3
    assert differ(preprocess.face_pixels(tilted, box, size), wanted) > 10
    np.testing.assert_array_equal(preprocess.face_pixels(SMOOTH, TiltedBox(*box), size), wanted)


@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_mirrored_face_is_its_mirror_image(tilt: float) -> None:
    """Also straight into the network's input; the frame itself stays as it is."""
    before, tensor = SMOOTH.copy(), np.zeros((1, 64, 64, 1), np.uint8)
    for side in (64, 100):
        face = preprocess.face_pixels(SMOOTH, TiltedBox(160, 110, side, side, tilt), (64, 64))
        mirrored = TiltedBox(160, 110, side, side, tilt, mirrored=True)
        preprocess.face_pixels(SMOOTH, mirrored, (64, 64), out=tensor[0, :, :, 0])
        np.testing.assert_array_equal(tensor[0, :, :, 0], face[:, ::-1])
        np.testing.assert_array_equal(preprocess.face_pixels(SMOOTH, mirrored, (64, 64)), face[:, ::-1])
    np.testing.assert_array_equal(SMOOTH, before)


def test_tilted_face_goes_into_the_tensor() -> None:
    tensor = np.zeros((1, 64, 64, 1), np.uint8)
    box = TiltedBox(160, 110, 100, 100, 20.0)
    preprocess.face_pixels(SMOOTH, box, (64, 64), out=tensor[0, :, :, 0])
    np.testing.assert_array_equal(tensor[0, :, :, 0], preprocess.face_pixels(SMOOTH, box, (64, 64)))
    assert tensor.any()


# --- even light ---


@pytest.mark.parametrize(("gain", "haze"), [(1.0, 0), (0.2, 0), (0.15, 60), (0.6, 90)])
def test_light_is_evened(gain: float, haze: int) -> None:
    """Mean and deviation are the same however dark or flat the picture was, and so is what it shows."""
    wanted = preprocess.even_light(SMOOTH)
    dim = np.asarray(cv2.convertScaleAbs(SMOOTH, alpha=gain, beta=haze), np.uint8)
    even = preprocess.even_light(dim)
    assert even.dtype == np.uint8
    assert even.mean() == pytest.approx(preprocess.MEAN_LEVEL, abs=3)
    assert even.std() == pytest.approx(preprocess.DEVIATION, abs=4)
    assert differ(even, wanted) < 4


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_flat_picture_stays_flat(level: int) -> None:
    """There is no contrast to raise; and a little noise on a wall is not made a picture."""
    assert (preprocess.even_light(np.full((48, 48), level, np.uint8)) == preprocess.MEAN_LEVEL).all()
    noise = np.random.default_rng(1).integers(0, 2, (48, 48), np.uint8) + np.uint8(min(level, 254))
    assert preprocess.even_light(noise).std() < preprocess.DEVIATION / 4


def test_even_light_changes_no_input() -> None:
    before = SMOOTH.copy()
    preprocess.even_light(SMOOTH)
    np.testing.assert_array_equal(SMOOTH, before)
