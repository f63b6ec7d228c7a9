"""A detector without a model: one face in the middle of every frame that is not black; and a verifier. For tests."""

from __future__ import annotations

from fer_edge.detectors.candidate import Candidate
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.settings import DetectorSettings
from fer_edge.types import Box, Frame, Pixels


class FakeDetector:
    """Finds a square in the middle, half as wide as the shorter side, unless the frame is black."""

    def detect(self, frame: Frame) -> list[Box]:
        """At most one face in `frame`."""
        height, width = frame.grey.shape
        side = min(height, width) // 2
        return [Box((width - side) // 2, (height - side) // 2, side, side)] if frame.grey.any() else []


class FakeFaceVerifier(FaceVerifier):
    """Takes every square for a face of the same probability, `score`, 0 to 1, and counts its looks."""

    def __init__(self, score: float = 0.95) -> None:
        self.score, self.looks = score, 0

    def locate(self, grey: Pixels, near: Candidate) -> Candidate:  # noqa: ARG002 - every face verifier has these
        """The square itself."""
        self.looks += 1
        return near._replace(score=self.score)


def detector(settings: DetectorSettings, face_verifier: FaceVerifier, still: bool) -> FakeDetector:  # noqa: ARG001 - every detector has these
    """The detector without a model."""
    return FakeDetector()
