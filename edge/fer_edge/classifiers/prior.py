"""A model's class prior: how far frequent classes stay ahead, and how the device changes that.

A network learns how frequent each class is. `fer-convert quantize` leaves a share of that in (of its logarithm), and
divides by a temperature, so a model gives softmax((z - (1 - share) log f) / T). With another share p in its place each
class has one more factor, exp((p - share) log(f) / T); the rest is normalisation (Menon et al., "Long-tail learning via
logit adjustment", arXiv:2007.07314, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TEMPERATURE_RANGE = (0.05, 20.0)  # beyond it the card is wrong
MAX_LOG_FACTOR = 80.0  # a float32 holds no more than e to the 88


@dataclass(frozen=True)
class Prior:
    """What a card says of its model's prior."""

    share: float  # of the classes' log frequencies that is in its predictions, 0 to 1
    temperature: float  # by which its logits are divided
    frequencies: tuple[float, ...]  # of the labels, in their order, in what it learned from; above 0, to 1

    def factors(self, share: float) -> tuple[float, ...]:
        """What to multiply the probability of each label by, so that `share`, 0 to 1, is left in; the least is 1."""
        logs = [(share - self.share) * math.log(frequency) / self.temperature for frequency in self.frequencies]
        return tuple(math.exp(min(log - min(logs), MAX_LOG_FACTOR)) for log in logs)


def parse_prior(entry: Any, labels: Sequence[str]) -> Prior | None:
    """The entry `prior` of a card with `labels`; None without one.

    Raises ValueError and KeyError for a wrong one, and what Python raises for one of another form.
    """
    if entry is None:
        return None
    share, temperature = float(entry["share"]), float(entry["temperature"])
    frequencies = {str(label): float(value) for label, value in entry["frequencies"].items()}
    low, high = TEMPERATURE_RANGE
    if not (0 <= share <= 1 and low < temperature < high):  # NaN fails this too
        raise ValueError(
            f"prior: share {share}, temperature {temperature}; must be 0 to 1, and between {low} and {high}"
        )
    if set(frequencies) != set(labels) or not all(0 < value <= 1 for value in frequencies.values()):
        raise ValueError(f"prior: frequencies {frequencies}; must be a share above 0 for each label")
    return Prior(share, temperature, tuple(frequencies[label] for label in labels))
