"""The result of an evaluation: a model, the data that it was measured on, and every figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fer_convert.evaluation.metrics import Metrics, Parity
from fer_convert.evaluation.people import People


@dataclass(frozen=True)
class Scores:
    """The figures under one condition; shares, 0 to 1."""

    accuracy: float
    macro_recall: float
    macro_f1: float


# A share, 0 to 1; with votes scores under a condition; the parity with float32, or a text that says why there is none
Value = float | Scores | Parity | str


@dataclass(frozen=True)
class Evaluation:
    """A model, the data that it was measured on, and what was measured.

    With votes, all figures but those of `people` are of the consensus faces, labelled with what the majority sees.
    """

    model: str  # the file's own name
    data: str
    data_sha256: str
    metrics: Metrics
    unseen: Metrics | None  # without the faces that are also in the training split; None if those are none or all
    also_trained_on: int = 0  # faces that are also in the training split
    conditions: Mapping[str, Value] = field(default_factory=dict)  # by name; empty if they were not asked for
    people: People | None = None  # None without votes

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "model": self.model,
            "data": {"name": self.data, "sha256": self.data_sha256},
            **self.metrics.as_json(),
            "unseen": self.unseen.summary() if self.unseen else None,
            "also_trained_on": self.also_trained_on,
            "conditions": {
                name: asdict(value) if isinstance(value, Parity | Scores) else value
                for name, value in self.conditions.items()
            },
            "people": self.people.as_json() if self.people else None,
        }
