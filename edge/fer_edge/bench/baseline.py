"""The loop that most tutorials teach, to measure ours against: every frame, in full, from nothing.

OpenCV's default Haar cascade with the usual scale factor 1.1 and 5 neighbours searches the whole frame, and an int8
model reads each face that it finds. Nothing is shrunk, followed, steadied or logged.
"""

from __future__ import annotations

from pathlib import Path

import cv2

from fer_edge.errors import ModelError
from fer_edge.types import Box, Classifier, Pixels, Prediction

CASCADE = "haarcascade_frontalface_default.xml"
SCALE_FACTOR, NEIGHBOURS = 1.1, 5


class TutorialLoop:
    """Has no memory, so a sample of the frames costs per frame what all of them do."""

    def __init__(self, classifier: Classifier) -> None:
        """`classifier` reads the faces. Raises ModelError where this OpenCV has no Haar cascade."""
        path = Path(cv2.__file__).parent / "data" / CASCADE
        if not hasattr(cv2, "CascadeClassifier") or not path.is_file():
            raise ModelError(
                f"tutorial loop: OpenCV {cv2.__version__} has no {CASCADE}; "
                "mend it with: pip install 'opencv-python-headless<5'"
            )
        self._cascade = cv2.CascadeClassifier(str(path))
        self._classifier = classifier

    def predict(self, grey: Pixels) -> list[Prediction]:
        """A Prediction for each face in the frame `grey` (height, width) uint8."""
        found = self._cascade.detectMultiScale(grey, scaleFactor=SCALE_FACTOR, minNeighbors=NEIGHBOURS)
        return self._classifier.predict(grey, [Box(*(int(side) for side in box)) for box in found])
