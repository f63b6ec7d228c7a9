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
