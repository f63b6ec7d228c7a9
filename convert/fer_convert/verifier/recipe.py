"""How the face verifier is trained."""

from __future__ import annotations

from dataclasses import dataclass, fields

from fer_edge.errors import SettingsError

from fer_convert.training.recipe import setting


@dataclass(frozen=True)
class VerifierRecipe:
    """Every setting of a run. Raises SettingsError if a value is out of range."""

    samples: int = setting(300_000, (1_000, 10_000_000), "squares drawn, half of them with a face")
    cascade_squares: int = setting(20_000, (10, 1_000_000), "different squares without a face that Haar cascades find")
    epochs: int = setting(16, (1, 1_000), "how often each square is seen")
    seed: int = setting(1, (0, 2**31 - 1), "of the first weights, the squares and their order")

    def __post_init__(self) -> None:
        for entry in fields(self):
            low, high = entry.metadata["allowed"]
            value = getattr(self, entry.name)
            if not low <= value <= high:
                raise SettingsError(f"--{entry.name.replace('_', '-')} {value}: allowed is {low} to {high}")
