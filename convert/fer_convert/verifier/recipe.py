"""How the face verifier is trained."""

from __future__ import annotations

from dataclasses import dataclass

from fer_convert.data.augment import check_ranges
from fer_convert.training.recipe import setting


@dataclass(frozen=True)
class VerifierRecipe:
    """Every setting of a run. Raises SettingsError if a value is out of range."""

    samples: int = setting(300_000, (1_000, 10_000_000), "squares drawn, half of them with a face")
    cascade_squares: int = setting(20_000, (10, 1_000_000), "different squares without a face that Haar cascades find")
    epochs: int = setting(16, (1, 1_000), "how often each square is seen")
    seed: int = setting(1, (0, 2**31 - 1), "of the first weights, the squares and their order")

    def __post_init__(self) -> None:
        check_ranges(self)
