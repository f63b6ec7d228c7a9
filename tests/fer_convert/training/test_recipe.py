"""Settings are checked when they are made, and a difference between two is named."""

from __future__ import annotations

import pytest
from fer_convert.data.augment import NO_AUGMENTATION
from fer_convert.training.recipe import Recipe, differences
from fer_edge.errors import SettingsError


def test_defaults_are_allowed() -> None:
    """The defaults are within their own ranges."""
    assert Recipe().as_json()["augmentation"]["flip"] == 0.5


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, r"--epochs 0: allowed is 1 to 10000"),
        ("learning_rate", 5.0, r"--learning-rate 5.0: allowed"),
        ("schedule", "linear", r"--schedule linear: unknown; known are cosine, plateau, constant"),
        ("average", float("nan"), r"--average nan: allowed"),
    ],
)
def test_value_out_of_range_is_refused(name: str, value: object, message: str) -> None:
    """The refusal names the option, the value and what is allowed."""
    with pytest.raises(SettingsError, match=message):
        Recipe(**{name: value})  # type: ignore[arg-type]


def test_differences_are_named() -> None:
    """Two configurations differ by key, old and new value, nested ones too."""
    old, new = Recipe().as_json(), Recipe(epochs=3, augmentation=NO_AUGMENTATION).as_json()
    assert differences(old, old) == []
    found = differences(old, new)
    assert "epochs: 60 -> 3" in found
    assert "augmentation.flip: 0.5 -> 0" in found
