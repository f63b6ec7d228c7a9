"""The learning rate over a run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fer_convert.training.recipe import Recipe
from fer_convert.training.train import learning_rate


def test_learning_rate_rises_and_falls() -> None:
    """It rises over the first half epoch and falls as a cosine; constant stays."""
    recipe = Recipe(epochs=10, learning_rate=0.01)
    rates = [learning_rate(recipe, done, 1.0) for done in np.arange(0, 10, 0.1)]
    assert rates[0] < 0.1 * max(rates)
    assert max(rates) == pytest.approx(0.01, rel=0.02)
    assert rates[-1] < 0.01 * max(rates)
    assert learning_rate(replace(recipe, schedule="constant"), 9.0, 0.5) == pytest.approx(0.005)
