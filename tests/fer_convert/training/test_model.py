"""The optimizer's settings for data sets of any size."""

from __future__ import annotations

from fer_convert.training.model import ema_momentum
from fer_convert.training.recipe import Recipe


def test_ema_momentum_by_number_of_faces() -> None:
    """FER2013 keeps the recipe's momentum, a hundred faces get less."""
    assert ema_momentum(Recipe(), 28_709) == Recipe.average
    assert ema_momentum(Recipe(), 100) == 0.75
    assert ema_momentum(Recipe(average=0.5), 100) == 0.5
