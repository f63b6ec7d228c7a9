"""The detector of the tour: the faces are where its script has them, and nothing is looked for."""

from __future__ import annotations

from fer_edge.demo import tour
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.settings import DetectorSettings
from fer_edge.types import INVENTED_SOURCE, Box, Frame


class TourDetector:
    """Gives the boxes of fer_edge.demo.tour, with what its script says of each face."""

    def detect(self, frame: Frame) -> list[Box]:
        """Faces in `frame` of the tour, those in front first; in another picture none."""
        return tour.boxes(frame.time % tour.LENGTH_S) if frame.source == INVENTED_SOURCE else []


def detector(settings: DetectorSettings, face_verifier: FaceVerifier, still: bool) -> TourDetector:  # noqa: ARG001 - every detector has these
    """The detector of the tour."""
    return TourDetector()
