"""Faces by YuNet (Wu, Peng, Yu 2023, doi:10.1007/s11633-023-1423-y) through OpenCV's FaceDetectorYN.

The model file is the user's to name: fer-edge ships none.
"""

from __future__ import annotations

import os

import cv2
import numpy as np

from edge.detectors.framing import Framing, shrink
from edge.errors import ModelError, first_line
from edge.settings import DetectorSettings
from edge.types import Box, Pixels

FRAMING = Framing(scale=0.95, right=0.0, down=0.0)
SMALLEST = 64  # pixels, of a searched picture's sides
OVERLAP = 0.3  # boxes that overlap more are one face (non-maximum suppression; OpenCV's default)


class YuNetDetector:
    """Runs the network named in `settings.model` on the shrunk frame."""

    def __init__(self, settings: DetectorSettings, width: int) -> None:
        """Frames are searched at `width` pixels. Raises ModelError where the file is missing or no YuNet."""
        self._settings, self._width = settings, width
        if not settings.model:
            raise ModelError("detector yunet: needs its model file; set detector.model to the path of YuNet's .onnx")
        if not os.path.isfile(settings.model):  # noqa: PTH113 - Path.is_file raises in a closed folder
            raise ModelError(f"detector yunet: {settings.model}: no such file; set detector.model to YuNet's .onnx")
        self._size = (width, width)
        try:
            self._net = cv2.FaceDetectorYN.create(settings.model, "", self._size, settings.score, OVERLAP)
            self._search(np.zeros((width, width, 3), np.uint8))  # a file that is another network fails here
        except (cv2.error, ValueError) as cause:
            raise ModelError(
                f"detector yunet: {settings.model}: not a YuNet model ({first_line(cause)}); choose another"
            ) from None

    def detect(self, grey: Pixels) -> list[Box]:
        """Faces in the frame `grey` (height, width) uint8."""
        small, factor = shrink(grey, self._width)
        smallest = self._settings.min_face * min(small.shape)
        found = self._search(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR))  # type: ignore[arg-type]
        return [FRAMING.apply(*(value * factor for value in row[:4])) for row in found if max(row[2:4]) >= smallest]

    def _search(self, picture: Pixels) -> list[list[float]]:
        # OpenCV rounds sides up to 32, and at 32 reads memory that it never wrote: every second frame shows a face.
        down, right = (max(SMALLEST - side, 0) for side in picture.shape[:2])
        if down or right:
            picture = np.asarray(cv2.copyMakeBorder(picture, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)
        size = picture.shape[1], picture.shape[0]
        if size != self._size:
            self._net.setInputSize(size)
            self._size = size
        _, found = self._net.detect(picture)
        rows: list[list[float]] = [] if found is None else found.tolist()
        return rows
