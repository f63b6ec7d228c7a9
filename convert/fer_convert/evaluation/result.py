"""The result of an evaluation: a model, the data that it was measured on, and every figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fer_convert.evaluation.metrics import Metrics, Parity

Value = float | Parity | str  # a share, 0 to 1; the parity with float32; or a text that says why there is none


@dataclass(frozen=True)
class Evaluation:
    """A model, the data that it was measured on, and what was measured."""

    model: str  # the file's own name
    data: str
    data_sha256: str
    metrics: Metrics
    unseen: Metrics | None  # without the faces that are also in the training split; None if those are none or all
    also_trained_on: int = 0  # faces that are also in the training split
    conditions: Mapping[str, Value] = field(default_factory=dict)  # by name; empty if they were not asked for

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "model": self.model,
            "data": {"name": self.data, "sha256": self.data_sha256},
            **self.metrics.as_json(),
            "unseen": self.unseen.summary() if self.unseen else None,
            "also_trained_on": self.also_trained_on,
            "conditions": {
                name: asdict(value) if isinstance(value, Parity) else value for name, value in self.conditions.items()
            },
        }
