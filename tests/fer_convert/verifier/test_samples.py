"""What the verifier learns from is true: each face is where its target says, and what has no face says so."""

from __future__ import annotations

import numpy as np
import pytest
from fer_convert.verifier import samples, textures
from fer_convert.verifier.samples import (
    FACE,
    FACE_PX,
    LOG_SCALE,
    MAX_LOG_SCALE,
    MAX_SHIFT,
    MAX_TILT,
    Backgrounds,
    draw,
    what_cascades_find,
)
from fer_edge.detectors.face_verifier import OUTPUTS, SIDE_PX, UNITS
from fer_edge.detectors.haar import load_cascades
from fer_edge.preprocess import DEVIATION, MEAN_LEVEL
from fer_edge.types import Pixels
from numpy.typing import NDArray

GREY = np.full((1, 48, 48), 128, np.uint8)
UP_PX = 15  # from the middle of a marked face to its dark spot


@pytest.fixture(autouse=True)
def _few_textures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is drawn, which takes milliseconds."""
    monkeypatch.setattr(samples, "TEXTURES", 12)


@pytest.fixture
def grey_textures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textures, "draw", lambda rng: np.full((240, 320), 128, np.uint8))


def marked() -> NDArray[np.uint8]:
    """A grey face with a bright spot in its middle and a dark one above it: the same in a mirror."""
    face = GREY.copy()
    face[0, 22:26, 22:26] = 255
    face[0, 22 - UP_PX : 26 - UP_PX, 22:26] = 0
    return face


def centroid(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Right and down, counted as a Box is."""
    rows, columns = np.indices(weights.shape) + 0.5
    return np.array(((columns * weights).sum(), (rows * weights).sum())) / weights.sum()


@pytest.mark.usefixtures("grey_textures")
def test_faces_are_where_targets_say() -> None:
    """Place, size and tilt, with the signs that `FaceVerifier.locate` gives them."""
    rng, count = np.random.default_rng(1), 0
    backgrounds = Backgrounds([], GREY, rng)
    for _ in range(400):
        square, target = samples._sample(marked(), backgrounds, np.repeat(GREY, 2, axis=0), rng)
        if not target[0]:
            continue
        count += 1
        right, down, log_scale, tilt = target[1:-1] * UNITS
        said = SIDE_PX / 2 + np.array((right, down)) * FACE_PX
        rows, columns = np.indices(square.shape) + 0.5  # around the face its edge is mirrored, sometimes
        in_face = np.hypot(columns - said[0], rows - said[1]) < 0.48 * np.exp(log_scale) * FACE_PX
        level = np.where(in_face, square.astype(float) - 128, 0)
        middle, up = centroid(np.clip(level - 20, 0, None)), centroid(np.clip(-level - 20, 0, None))
        assert middle == pytest.approx(said, abs=0.7)
        x, y = up - middle
        assert np.hypot(x, y) == pytest.approx(UP_PX * np.exp(log_scale) * FACE_PX / 48, rel=0.12)
        assert np.degrees(np.arctan2(x, -y)) == pytest.approx(tilt, abs=5)  # clockwise: what is above comes right
    assert count == pytest.approx(400 * FACE, abs=50)


def test_half_of_the_squares_are_faces() -> None:
    """The others have no place, and that counts for nothing; each is in even light."""
    rng = np.random.default_rng(2)
    faces = rng.integers(0, 256, (5, 48, 48), np.uint8)
    found = draw(faces, Backgrounds([], faces, rng), faces, 600, rng)
    assert (found.pixels.shape, found.pixels.dtype) == ((600, SIDE_PX, SIDE_PX), np.uint8)
    assert (found.targets.shape, found.targets.dtype) == ((600, OUTPUTS + 1), np.float32)
    is_face = found.targets[:, 0] == 1
    assert is_face.mean() == pytest.approx(FACE, abs=0.08)
    assert (found.targets[~is_face] == 0).all()
    assert (found.targets[is_face, -1] == 1).all()
    places = found.targets[is_face, 1:-1] * UNITS
    assert (np.abs(places).max(axis=0) <= np.array((MAX_SHIFT, MAX_SHIFT, MAX_LOG_SCALE, MAX_TILT)) + 1e-5).all()
    assert places[:, 2].std() == pytest.approx(LOG_SCALE, rel=0.3)
    assert np.abs(places[:, 3]).max() > 0.8 * MAX_TILT
    assert np.abs(places.mean(axis=0) / places.std(axis=0)).max() < 0.25
    assert np.median(found.pixels.mean(axis=(1, 2))) == pytest.approx(MEAN_LEVEL, abs=3)
    assert np.median(found.pixels.std(axis=(1, 2))) == pytest.approx(DEVIATION, abs=4)


def test_seed_decides_everything() -> None:
    faces = np.random.default_rng(3).integers(0, 256, (5, 48, 48), np.uint8)

    def drawn(seed: int) -> samples.Samples:
        rng = np.random.default_rng(seed)
        backgrounds = Backgrounds([np.asarray(faces[0])], faces, rng)
        return draw(faces, backgrounds, what_cascades_find(backgrounds, 10, rng), 40, rng)

    first, same, other = drawn(1), drawn(1), drawn(2)
    np.testing.assert_array_equal(first.pixels, same.pixels)
    np.testing.assert_array_equal(first.targets, same.targets)
    assert (first.pixels != other.pixels).any()


def test_faces_elsewhere_are_not_in_the_middle() -> None:
    """A part of a face, one that is far too small, or one beside the middle: never what `locate` should accept."""
    rng = np.random.default_rng(4)
    for _ in range(500):
        right, down, log_scale = samples._elsewhere(rng)
        distance = np.hypot(right, down)
        assert log_scale >= 0.8 or log_scale <= -0.9 or distance >= 0.6
        assert max(distance - 1.6 * np.exp(log_scale), 0) < 0.8  # it is still in the square, at least in part


def test_cascades_hit_what_is_drawn_from_them() -> None:
    """Squares about what the cascades take for a face; most are hit again in the square itself."""
    rng = np.random.default_rng(5)
    found = what_cascades_find(Backgrounds([], GREY, rng), 30, rng)
    assert (found.shape, found.dtype) == ((30, SIDE_PX, SIDE_PX), np.uint8)
    cascades, again = load_cascades(), 0
    for square in found:
        large = np.kron(square, np.ones((3, 3), np.uint8))
        again += any(len(cascade.detectMultiScale(large, 1.05, 0, minSize=(60, 60))) for cascade in cascades)
    assert again > 15


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (640, 1), (5, 7)])
def test_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(6)
    backgrounds = Backgrounds([np.full(shape, 50, np.uint8)], GREY, rng)
    for _ in range(40):
        square: Pixels = backgrounds.square()
        assert (square.shape, square.dtype) == ((SIDE_PX, SIDE_PX), np.uint8)
    assert len(what_cascades_find(backgrounds, 3, rng)) == 3


def test_textures_differ() -> None:
    """Pictures of full size and some contrast, each another one."""
    rng = np.random.default_rng(7)
    drawn = [textures.draw(rng) for _ in range(24)]
    assert {(picture.shape, picture.dtype) for picture in drawn} == {((240, 320), np.dtype(np.uint8))}
    assert len({picture.tobytes() for picture in drawn}) == 24
    assert np.median([picture.std() for picture in drawn]) > 15
