"""A moving picture's faces are read a little differently each frame, so that their average over time is of many views.

A face that holds still gives the same pixels, and so the same mistake, in every frame. Averaging a classifier's answers
on shifted crops is an old way to make fewer mistakes (Krizhevsky et al., "ImageNet Classification with Deep
Convolutional Neural Networks", 2012, section 4.1). One crop a frame has the smoother do the averaging, at no cost; only
a face that was not there a frame ago is read several times at once, or the first label that it shows would be the
least considered one.
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_edge.tracking.tracker import OVERLAP, iou
from fer_edge.types import Box, Classifier, Pixels, Prediction

SHIFTS = ((0.0, 0.0), (0.04, 0.04), (-0.04, -0.04), (0.04, -0.04), (-0.04, 0.04))  # right and down, in sides of the box
ZOOMS = (1.0, 0.92, 1.08)  # five shifts, three zooms: fifteen views in turn


class TestTimeAugmentation:
    """`classifier`, with boxes that vary from call to call."""

    __test__ = False  # pytest takes classes named Test* for tests

    def __init__(self, classifier: Classifier) -> None:
        self.labels = classifier.labels
        self.classifier = classifier
        self._known: list[Box] = []
        self._count = 0

    @property
    def name(self) -> str:
        """See `Classifier`."""
        return self.classifier.name

    @property
    def identity(self) -> str:
        """See `Classifier`."""
        return self.classifier.identity

    @property
    def usual_entropy(self) -> tuple[float, float] | None:
        """See `Classifier`."""
        return self.classifier.usual_entropy

    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]:
        """See `Classifier`."""
        predictions = [self._one(grey, box) for box in boxes]
        self._known, self._count = list(boxes), self._count + 1
        return predictions

    def _one(self, grey: Pixels, box: Box) -> Prediction:
        known = any(iou(box, other) >= OVERLAP for other in self._known)
        views = [view(box, self._count + more) for more in range(1 if known else len(SHIFTS))]
        return _mean(self.classifier.predict(grey, views))


def _mean(predictions: Sequence[Prediction]) -> Prediction:
    columns = zip(*(prediction.scores for prediction in predictions), strict=True)
    return Prediction(predictions[0].labels, tuple(sum(column) / len(predictions) for column in columns))


def view(box: Box, number: int) -> Box:
    """`box` as the view of `number` has it."""
    (right, down), zoom = SHIFTS[number % len(SHIFTS)], ZOOMS[number % len(ZOOMS)]
    width, height = box.width * zoom, box.height * zoom
    x = box.x + box.width * (0.5 + right) - width / 2
    y = box.y + box.height * (0.5 + down) - height / 2
    return Box(round(x), round(y), round(width), round(height))
