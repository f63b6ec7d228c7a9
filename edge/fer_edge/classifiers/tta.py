"""Test-time augmentation (TTA): a face is classified in several views of it, so that errors average out.

A face that holds still gives the same pixels, and so the same error, in every frame. Averaging the predictions of
shifted and mirrored crops makes fewer errors (Krizhevsky et al., "ImageNet Classification with Deep Convolutional
Neural Networks", 2012, section 4.1); most of it is the mirror image's doing (docs/research.md has the figures).

In a video each frame has one view, another one in turn, and the smoother averages over the frames, so TTA costs
nothing. A new face is classified in several views in its first frame, or the first label shown would be the least
reliable one. In a single picture a face is classified twice, once in its mirror image.
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_edge.tracking.tracker import MIN_IOU, iou
from fer_edge.types import Box, Classifier, Pixels, Prediction, TiltedBox

SHIFTS = ((0.0, 0.0), (0.04, 0.04), (-0.04, -0.04), (0.04, -0.04), (-0.04, 0.04))  # right and down, in sides of the box
ZOOMS = (1.0, 0.92, 1.08)  # with five shifts: fifteen different views, and as many mirrored


class _Augmented:
    """What is `classifier` but for its predictions."""

    def __init__(self, classifier: Classifier) -> None:
        self.labels = classifier.labels
        self.classifier = classifier

    @property
    def name(self) -> str:
        """See `Classifier`."""
        return self.classifier.name

    @property
    def identity(self) -> str:
        """See `Classifier`."""
        return self.classifier.identity


class MirrorAveraging(_Augmented):
    """`classifier`, which gives the mean of each face and its mirror image. For single pictures."""

    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]:
        """See `Classifier`."""
        return [_mean(self.classifier.predict(grey, [box, TiltedBox(*box, box.tilt, True)])) for box in boxes]


class TestTimeAugmentation(_Augmented):
    """`classifier`, with boxes that vary from call to call. For moving pictures only."""

    __test__ = False  # or pytest would collect it, for its name

    def __init__(self, classifier: Classifier) -> None:
        super().__init__(classifier)
        self._known: list[Box] = []
        self._count = 0

    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]:
        """See `Classifier`."""
        predictions = [self._predict_face(grey, box) for box in boxes]
        self._known, self._count = list(boxes), self._count + 1
        return predictions

    def _predict_face(self, grey: Pixels, box: Box) -> Prediction:
        known = any(iou(box, other) >= MIN_IOU for other in self._known)
        views = [view(box, self._count + more) for more in range(1 if known else len(SHIFTS))]
        return _mean(self.classifier.predict(grey, views))


def _mean(predictions: Sequence[Prediction]) -> Prediction:
    columns = zip(*(prediction.scores for prediction in predictions), strict=True)
    return Prediction(predictions[0].labels, tuple(sum(column) / len(predictions) for column in columns))


def view(box: Box, number: int) -> Box:
    """`box`, shifted, zoomed and mirrored as in view `number`; the views repeat after thirty."""
    (right, down), zoom = SHIFTS[number % len(SHIFTS)], ZOOMS[number % len(ZOOMS)]
    width, height = box.width * zoom, box.height * zoom
    x = box.x + box.width * (0.5 + right) - width / 2
    y = box.y + box.height * (0.5 + down) - height / 2
    return TiltedBox(round(x), round(y), round(width), round(height), box.tilt, number % 2 == 1)
