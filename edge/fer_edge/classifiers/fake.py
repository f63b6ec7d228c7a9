"""A classifier without a model: the brightness decides. For tests, and to try outputs without a face."""

from __future__ import annotations

from collections.abc import Sequence

from fer_edge import preprocess
from fer_edge.settings import ClassifierSettings
from fer_edge.types import EMOTIONS, Box, Pixels, Prediction


class FakeClassifier:
    """Predicts by each face's mean grey level: 0 is the first emotion, 255 the last; the confidence is always 0.7."""

    name = identity = "fake"
    labels: tuple[str, ...] = EMOTIONS

    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]:
        """A Prediction for each of `boxes`."""
        predictions = []
        for box in boxes:
            predicted = int(preprocess.crop(grey, box).mean() * len(self.labels) / 256)
            rest = 0.3 / (len(self.labels) - 1)
            predictions.append(
                Prediction(self.labels, tuple(0.7 if k == predicted else rest for k in range(len(self.labels))))
            )
        return predictions


def classifier(settings: ClassifierSettings) -> FakeClassifier:  # noqa: ARG001 - every classifier has these
    """The classifier without a model."""
    return FakeClassifier()
