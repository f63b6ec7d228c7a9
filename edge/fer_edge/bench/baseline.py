"""The baseline: the loop that most tutorials teach, which searches every frame in full.

OpenCV's default Haar cascade with the usual scale factor 1.1 and 5 neighbours searches the whole frame, and an int8
model classifies each face. Nothing is shrunk, tracked, smoothed or logged.
"""

from __future__ import annotations

from pathlib import Path

import cv2

from fer_edge.errors import ModelError
from fer_edge.files import path_in_utf8
from fer_edge.types import Box, Classifier, Pixels, Prediction

CASCADE = "haarcascade_frontalface_default.xml"
SCALE_FACTOR, NEIGHBOURS = 1.1, 5


class TutorialLoop:
    """The baseline loop. It has no state, so a sample of the frames gives the cost of a frame."""

    def __init__(self, classifier: Classifier) -> None:
        """`classifier` predicts the emotions. Raises ModelError if this OpenCV has no Haar cascades."""
        path = Path(cv2.__file__).parent / "data" / CASCADE
        if not hasattr(cv2, "CascadeClassifier") or not path.is_file():
            raise ModelError(
                f"tutorial loop: OpenCV {cv2.__version__} has no {CASCADE}; "
                "fix it with: pip install 'opencv-python-headless<5'"
            )
        with path_in_utf8(path) as text:
            self._cascade = cv2.CascadeClassifier(text)
        self._classifier = classifier

    def predict(self, grey: Pixels) -> list[Prediction]:
        """A Prediction for each face in the frame `grey` (height, width) uint8."""
        found = self._cascade.detectMultiScale(grey, scaleFactor=SCALE_FACTOR, minNeighbors=NEIGHBOURS)
        return self._classifier.predict(grey, [Box(*(int(side) for side in box)) for box in found])
