"""Faces by OpenCV's Haar cascade (Viola and Jones 2001; Lienhart and Maydt 2002), on a shrunk frame."""

from __future__ import annotations

from pathlib import Path

import cv2

from edge.detectors.framing import Framing, shrink
from edge.errors import ModelError
from edge.settings import DetectorSettings
from edge.types import Box, Pixels

# Of OpenCV's frontal cascades, alt2 with three neighbours raises a tenth of the default's false alarms, at two points
# of recall.
CASCADE = "haarcascade_frontalface_alt2.xml"
WINDOW = 20  # pixels, the cascade's own smallest face
FRAMING = Framing(scale=1.04, right=0.0, down=0.015)


class HaarDetector:
    """Searches all sizes from `settings.min_face` of the shorter side up, `settings.scale_step` apart."""

    def __init__(self, settings: DetectorSettings, width: int) -> None:
        """Frames are searched at `width` pixels. Raises ModelError where this OpenCV has no cascade."""
        self._settings, self._width = settings, width
        if not hasattr(cv2, "CascadeClassifier"):
            raise ModelError(
                f"detector haar: OpenCV {cv2.__version__} has no Haar cascades (5.0 dropped them); "
                "mend it with: pip install 'opencv-python-headless<5'"
            )
        path = Path(cv2.__file__).parent / "data" / CASCADE
        self._cascade = cv2.CascadeClassifier(str(path)) if path.is_file() else cv2.CascadeClassifier()
        if self._cascade.empty():
            raise ModelError(
                f"detector haar: {path} is missing or damaged; "
                "mend it with: pip install --force-reinstall 'opencv-python-headless<5'"
            )

    def detect(self, grey: Pixels) -> list[Box]:
        """Faces in the frame `grey` (height, width) uint8."""
        small, factor = shrink(grey, self._width)
        side = max(round(self._settings.min_face * min(small.shape)), WINDOW)
        found = self._cascade.detectMultiScale(
            small, self._settings.scale_step, self._settings.neighbours, minSize=(side, side)
        )
        return [FRAMING.apply(x * factor, y * factor, w * factor, h * factor) for x, y, w, h in found]
