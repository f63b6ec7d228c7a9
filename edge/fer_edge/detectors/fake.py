"""A detector without a model: one face in the middle of every frame that is not black. For tests."""

from __future__ import annotations

from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.settings import DetectorSettings
from fer_edge.types import Box, Frame


class FakeDetector:
    """Finds a square in the middle, half as wide as the shorter side, unless the frame is black."""

    def detect(self, frame: Frame) -> list[Box]:
        """At most one face in `frame`."""
        height, width = frame.grey.shape
        side = min(height, width) // 2
        return [Box((width - side) // 2, (height - side) // 2, side, side)] if frame.grey.any() else []


def detector(settings: DetectorSettings, face_verifier: FaceVerifier, still: bool) -> FakeDetector:  # noqa: ARG001 - every detector has these
    """The detector without a model."""
    return FakeDetector()
