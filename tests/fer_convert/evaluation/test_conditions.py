"""A condition is the same change of the same faces, to the pixel."""

from __future__ import annotations

import numpy as np
import pytest
from fer_convert.evaluation.conditions import CONDITIONS, blur, low_light, shift
from numpy.typing import NDArray


@pytest.fixture
def faces() -> NDArray[np.uint8]:
    return np.random.default_rng(6).integers(0, 256, (3, 48, 48), np.uint8)


def test_names_say_the_strength() -> None:
    """The names are keys of the JSON output and say how strong each change is."""
    assert list(CONDITIONS) == ["low light (x 0.25, noise 4)", "blur (sigma 1.2 px)", "shift (5 right, 4 down of 48)"]


@pytest.mark.parametrize("name", CONDITIONS)
def test_condition_is_repeatable(name: str, faces: NDArray[np.uint8]) -> None:
    """Each condition changes every face, always in the same way, and not in place."""
    before = faces.copy()
    changed = CONDITIONS[name](faces)
    assert changed.shape == faces.shape
    assert changed.dtype == np.uint8
    assert (changed != faces).any(axis=(1, 2)).all()
    np.testing.assert_array_equal(changed, CONDITIONS[name](faces))
    np.testing.assert_array_equal(faces, before)
    # what a face becomes does not depend on how many come after it
    np.testing.assert_array_equal(changed[:1], CONDITIONS[name](faces[:1]))


def test_low_light_dims_and_adds_noise() -> None:
    """A quarter of the light is left, with noise of sigma 4."""
    left = low_light(np.full((200, 48, 48), 160, np.uint8)) - 40.0
    # 460,800 draws: the mean's own deviation is 0.006, that of the deviation 0.004; rounding adds 1/12 to the variance
    assert left.mean() == pytest.approx(0.0, abs=0.03)
    assert left.std() == pytest.approx(np.sqrt(4**2 + 1 / 12), abs=0.03)
    assert (left[0] != left[1]).any()


def test_low_light_is_clipped_at_black() -> None:
    """Noise below 0 is 0, and does not wrap around to white."""
    dark = low_light(np.zeros((200, 48, 48), np.uint8))
    # half of the noise is below zero; what rounds to zero comes to it: P(noise < 0.5) with sigma 4
    assert float((dark == 0).mean()) == pytest.approx(0.5497, abs=0.005)
    assert dark.max() < 30


def test_blur_is_a_gaussian() -> None:
    """A single bright pixel becomes a Gaussian of sigma 1.2 pixels."""
    face = np.zeros((1, 48, 48), np.uint8)
    face[0, 20, 30] = 255
    weights = np.exp(-(np.arange(-4.0, 5.0) ** 2) / (2 * 1.2**2))
    weights /= weights.sum()
    expected = 255 * np.outer(weights, weights)
    np.testing.assert_allclose(blur(face)[0, 16:25, 26:35], expected, atol=1.0)


def test_blur_keeps_the_mean(faces: NDArray[np.uint8]) -> None:
    """Blur changes neither the mean nor a flat picture."""
    np.testing.assert_allclose(blur(faces).mean(axis=(1, 2)), faces.mean(axis=(1, 2)), atol=1.0)
    assert blur(faces).std() < faces.std() / 2
    flat = np.full((1, 48, 48), 77, np.uint8)
    np.testing.assert_array_equal(blur(flat), flat)


def test_shift_moves_left_and_up(faces: NDArray[np.uint8]) -> None:
    """A box 5 pixels too far right and 4 too far down moves the face left and up and repeats the edge."""
    expected = np.empty_like(faces)
    expected[:, :44, :43] = faces[:, 4:, 5:]
    expected[:, :44, 43:] = faces[:, 4:, 47:]
    expected[:, 44:, :43] = faces[:, 47:, 5:]
    expected[:, 44:, 43:] = faces[:, 47:, 47:]
    np.testing.assert_array_equal(shift(faces), expected)
