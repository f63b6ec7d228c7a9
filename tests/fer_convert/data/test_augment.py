"""Changed faces stay faces, the same seed gives the same ones, and off leaves every byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fer_convert.data.augment import NO_AUGMENTATION, Augmentation, augment
from fer_edge.errors import SettingsError


@pytest.fixture
def faces() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([np.clip(rng.normal(130, 40, (64, 64)), 0, 255).astype(np.uint8) for _ in range(40)])


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_no_augmentation_keeps_every_byte(faces: np.ndarray) -> None:
    """With all strengths at 0 the network sees the device's bytes."""
    assert augment(faces, NO_AUGMENTATION, rng()).tobytes() == faces.tobytes()


def test_seed_decides(faces: np.ndarray) -> None:
    """The same seed gives the same faces, another seed others."""
    first, again, other = (augment(faces, Augmentation(), rng(seed)) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert first.shape == faces.shape
    assert first.dtype == np.uint8


def test_flip_mirrors(faces: np.ndarray) -> None:
    """A flip reverses the columns."""
    np.testing.assert_array_equal(augment(faces, replace(NO_AUGMENTATION, flip=1), rng()), faces[:, :, ::-1])


@pytest.mark.parametrize(
    "change",
    [{"shift": 0.1}, {"rotation": 15.0}, {"zoom": 0.2}, {"blur": 1.0}, {"noise": 1.0}, {"erasing": 1.0}],
)
def test_changes_are_moderate(faces: np.ndarray, change: dict[str, float]) -> None:
    """Each change has an effect, and the face stays recognizable."""
    # A smooth picture, so that moving it a little changes little.
    smooth = np.tile(np.linspace(40, 200, 64, dtype=np.uint8), (20, 64, 1))
    out = augment(smooth, replace(NO_AUGMENTATION, **change), rng())
    assert (out != smooth).any()
    assert np.corrcoef(out.ravel(), smooth.ravel())[0, 1] > 0.8


def test_dimming_range(faces: np.ndarray) -> None:
    """Dimming leaves between a fifth and all of the light."""
    light = augment(faces, replace(NO_AUGMENTATION, dim=1), rng()).mean(axis=(1, 2)) / faces.mean(axis=(1, 2))
    assert 0.19 < light.min() < 0.3
    assert 0.9 < light.max() < 1.01


def test_contrast_keeps_the_mean(faces: np.ndarray) -> None:
    """Contrast changes the spread and keeps the mean."""
    out = augment(faces, replace(NO_AUGMENTATION, contrast=0.5), rng())
    assert abs(out.mean() - faces.mean()) < 2
    spread = out.std(axis=(1, 2)) / faces.std(axis=(1, 2))
    assert spread.min() < 0.7
    assert spread.max() > 1.2


def test_blur_grows_with_the_size() -> None:
    """The blur is in proportion to the face's size."""
    small, large = np.zeros((1, 48, 48), np.uint8), np.zeros((1, 96, 96), np.uint8)
    small[:, 24, 24] = large[:, 48, 48] = 255
    how = replace(NO_AUGMENTATION, blur=1)
    assert (augment(large, how, rng()) > 0).sum() > (augment(small, how, rng()) > 0).sum()


@pytest.mark.parametrize(("name", "value"), [("flip", 1.5), ("shift", -0.1), ("dim_to", 0.0), ("rotation", 181)])
def test_strength_out_of_range(name: str, value: float) -> None:
    """The refusal names the option and the value."""
    with pytest.raises(SettingsError, match=f"--{name.replace('_', '-')} {value}: allowed is"):
        Augmentation(**{name: value})


def flat(grey: int, count: int = 100) -> np.ndarray:
    return np.full((count, 48, 48), grey, np.uint8)


def dot(height: int, width: int, y: int, x: int, count: int = 60) -> np.ndarray:
    """Black faces with one white square of 3 x 3 pixels about (y, x)."""
    faces = np.zeros((count, height, width), np.uint8)
    faces[:, y - 1 : y + 2, x - 1 : x + 2] = 255
    return faces


def centres(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the brightness of each face has its centre: y and x, pixels."""
    mass = faces.sum(axis=(1, 2), dtype=float)
    y = (faces * np.arange(faces.shape[1])[:, None]).sum(axis=(1, 2)) / mass
    x = (faces * np.arange(faces.shape[2])).sum(axis=(1, 2)) / mass
    return y, x


def test_input_is_left_alone(faces: np.ndarray) -> None:
    """The faces that are given are not changed."""
    before = faces.copy()
    for strengths in (Augmentation(), replace(NO_AUGMENTATION, erasing=1)):
        augment(faces, strengths, rng())
        np.testing.assert_array_equal(faces, before)


def test_flip_is_a_share() -> None:
    """Half of the faces are mirrored if flip is a half."""
    faces = dot(48, 48, 24, 10, count=400)
    _, x = centres(augment(faces, replace(NO_AUGMENTATION, flip=0.5), rng()))
    assert 0.42 < (x > 24).mean() < 0.58


def test_shift_goes_all_ways() -> None:
    """Up to a tenth of the width to the left and right, and of the height up and down."""
    y, x = centres(augment(dot(40, 80, 20, 40), replace(NO_AUGMENTATION, shift=0.1), rng()))
    for moved, most in ((y - 20, 4), (x - 40, 8)):
        assert -most - 0.1 < moved.min() < -most / 2
        assert most / 2 < moved.max() < most + 0.1


def test_rotation_goes_both_ways() -> None:
    """Up to 15 degrees about the centre, clockwise and counter-clockwise."""
    y, x = centres(augment(dot(65, 65, 32, 56), replace(NO_AUGMENTATION, rotation=15), rng()))
    angles = np.degrees(np.arctan2(y - 32, x - 32))
    assert -15.5 < angles.min() < -9
    assert 9 < angles.max() < 15.5
    np.testing.assert_allclose(np.hypot(y - 32, x - 32), 24, atol=0.5)


def test_zoom_goes_both_ways() -> None:
    """Up to a fifth larger and smaller about the centre."""
    _, x = centres(augment(dot(65, 65, 32, 48), replace(NO_AUGMENTATION, zoom=0.2), rng()))
    size = (x - 32) / 16
    assert 0.78 < size.min() < 0.9
    assert 1.1 < size.max() < 1.22


def test_moving_repeats_the_edge() -> None:
    """A flat face stays flat, without a black border."""
    moved = augment(flat(100), replace(NO_AUGMENTATION, shift=0.2, rotation=20, zoom=0.2), rng())
    assert (moved == 100).all()


def test_noise_sigma_and_mean() -> None:
    """Sigma is even from 0 to the strongest; the mean stays."""
    noisy = augment(flat(128), replace(NO_AUGMENTATION, noise=1, noise_sigma=6), rng()).astype(float)
    sigmas = noisy.std(axis=(1, 2))
    assert sigmas.max() < 6.3
    assert 2.5 < sigmas.mean() < 3.5
    assert abs(noisy.mean() - 128) < 0.1


def test_blur_has_its_sigma() -> None:
    """Sigma is between a fifth of the strongest and the strongest."""
    blurred = augment(dot(48, 48, 24, 24), replace(NO_AUGMENTATION, blur=1, blur_sigma=2), rng()).astype(float)
    weights = blurred / blurred.sum(axis=(1, 2), keepdims=True)
    variance = (weights * (np.arange(48) - 24.0) ** 2).sum(axis=(1, 2)) - 2 / 3  # less that of three pixels
    sigmas = np.sqrt(np.maximum(variance, 0))
    assert 1.6 < sigmas.max() < 2.05
    assert sigmas.min() < 0.8


def test_erasing_covers_its_area() -> None:
    """Between 2 and 15 % of the face, anywhere, with noise of all greys."""
    erased = augment(flat(100, 300), replace(NO_AUGMENTATION, erasing=1, erasing_area=0.15), rng())
    covered = erased != 100
    areas = covered.mean(axis=(1, 2))
    assert areas.max() < 0.17
    assert 0.065 < areas.mean() < 0.105
    assert erased.max() > 250
    assert erased.min() < 5
    often = covered.mean(axis=0)
    assert often[24, 24] > 0.05
    assert often[-3:, -3:].max() > 0


def test_contrast_of_dark_faces() -> None:
    """Contrast turns about the face's own mean, not about a fixed grey."""
    dark = np.clip(np.random.default_rng(0).normal(60, 10, (40, 48, 48)), 0, 255).astype(np.uint8)
    out = augment(dark, replace(NO_AUGMENTATION, contrast=0.5), rng())
    np.testing.assert_allclose(out.mean(axis=(1, 2)), dark.mean(axis=(1, 2)), atol=1)


def test_brightness_goes_both_ways() -> None:
    """Up to 25 grey levels darker and brighter."""
    out = augment(flat(128), replace(NO_AUGMENTATION, brightness=25), rng()).mean(axis=(1, 2)) - 128
    assert -25.1 < out.min() < -15
    assert 15 < out.max() < 25.1


def test_dimming_is_even_in_the_logarithm() -> None:
    """Half of the faces keep less than the root of a fifth of the light."""
    light = augment(flat(250, 600), replace(NO_AUGMENTATION, dim=1, dim_to=0.2), rng()).mean(axis=(1, 2)) / 250
    assert np.median(light) == pytest.approx(np.sqrt(0.2), abs=0.04)


def test_dimming_comes_after_brightness() -> None:
    """What brightness adds or takes is dimmed, too, so that no face is darker than a fifth of the darkest."""
    out = augment(flat(100, 300), replace(NO_AUGMENTATION, brightness=25, dim=1, dim_to=0.2), rng())
    assert out.min() >= 15


def test_greys_are_rounded() -> None:
    """A dimmed ramp goes through black, not half a level below."""
    ramp = np.tile(np.arange(256, dtype=np.uint8), (60, 4, 1))
    dimmed = augment(ramp, replace(NO_AUGMENTATION, dim=1, dim_to=0.3), rng())[:, 0].astype(float)
    offsets = np.polynomial.polynomial.polyfit(np.arange(256), dimmed.T, 1)[0]
    assert abs(offsets.mean()) < 0.1
