"""The classifier of the tour: what its script says of each face, and nothing is read."""

from __future__ import annotations

from collections.abc import Sequence

from fer_edge.demo import tour
from fer_edge.settings import ClassifierSettings
from fer_edge.types import EMOTIONS, Box, Pixels, Prediction


class TourClassifier:
    """Gives the predictions that the boxes of the tour carry."""

    name = "none, the readings are invented"
    identity = "tour"
    labels: tuple[str, ...] = EMOTIONS

    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]:  # noqa: ARG002 - as a Classifier
        """The Prediction of each of `boxes`; of one that is not the tour's, that nothing is known."""
        return [box.prediction if isinstance(box, tour.InventedBox) else tour.UNKNOWN for box in boxes]


def classifier(settings: ClassifierSettings) -> TourClassifier:  # noqa: ARG001 - every classifier has these
    """The classifier of the tour."""
    return TourClassifier()
