"""A detector without a model: one face in the middle of every frame that is not black. For tests."""

from __future__ import annotations

from edge.settings import DetectorSettings
from edge.types import Box, Pixels


class FakeDetector:
    """Finds the middle half of the shorter side, unless the frame is black."""

    def __init__(self, settings: DetectorSettings | None = None, width: int = 0) -> None:
        """Takes what every detector takes, and needs none of it."""

    def detect(self, grey: Pixels) -> list[Box]:
        """At most one face in the frame `grey` (height, width) uint8."""
        height, width = grey.shape
        side = min(height, width) // 2
        return [Box((width - side) // 2, (height - side) // 2, side, side)] if grey.any() else []
