"""Faces by YuNet (Wu, Peng, Yu 2023, doi:10.1007/s11633-023-1423-y) through OpenCV's FaceDetectorYN.

The model file is the user's to name: fer-edge ships none.
"""

from __future__ import annotations

import math
import os
from typing import Any

import cv2
import numpy as np

from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.following import found_by
from fer_edge.detectors.framing import Framing
from fer_edge.detectors.search import Candidate
from fer_edge.errors import ModelError, first_line
from fer_edge.settings import DetectorSettings
from fer_edge.types import Detector, Pixels

SMALLEST = 64  # pixels, of a searched picture's sides
# A dark picture is made brighter: grey levels of the mean below which it is dark and to which it is raised, and by what
# factor at most. It raised the recall in two dark scenes from 0.85 to 0.88 and 0.87; CLAHE, which helps the cascade,
# helped less. White it must not become: that took the recall of bright faces before dark walls from 0.95 to 0.92.
DARK, LIGHT, BRIGHTER = 70.0, 110.0, 4.0
OVERLAP = 0.3  # boxes that overlap more are one face (non-maximum suppression; OpenCV's default)


class YuNet:
    """The network named in `settings.model` as a `Search`: in one slice, since it finds all sizes at once."""

    framing = Framing(scale=0.95, right=0.0, down=0.0)
    patch = 56
    kinds = 1

    def __init__(self, settings: DetectorSettings) -> None:
        """Raises ModelError where the file is missing or no YuNet."""
        if not settings.model:
            raise ModelError("detector yunet: needs its model file; set detector.model to the path of YuNet's .onnx")
        if not os.path.isfile(settings.model):  # noqa: PTH113 - Path.is_file raises in a closed folder
            raise ModelError(f"detector yunet: {settings.model}: no such file; set detector.model to YuNet's .onnx")
        self._size = (settings.width, settings.width)
        self._picture = np.zeros((1, 1), np.uint8)
        self._smallest, self._found = 0.0, list[Candidate]()
        try:
            lowest = _own(min(settings.score, settings.keep_score))
            self._net = cv2.FaceDetectorYN.create(settings.model, "", self._size, lowest, OVERLAP)
            self._search(np.zeros((settings.width, settings.width), np.uint8))  # another network's file fails here
        except (cv2.error, ValueError) as cause:
            raise ModelError(
                f"detector yunet: {settings.model}: not a YuNet model ({first_line(cause)}); choose another"
            ) from None

    def begin(self, picture: Pixels, smallest: float, kind: int) -> int:  # noqa: ARG002 - there is one
        """See `Search`."""
        self._picture, self._smallest, self._found = lit(picture), smallest, []
        return 1

    def slice(self, number: int) -> None:  # noqa: ARG002 - there is one
        """See `Search`."""
        self._found = [square for square in self._search(self._picture) if square.side >= self._smallest]

    def candidates(self) -> list[Candidate]:
        """See `Search`."""
        return sorted(self._found, key=lambda square: square.score, reverse=True)

    def look(self, picture: Pixels, thorough: bool) -> Candidate | None:  # noqa: ARG002 - there is one way to look
        """See `Search`."""
        picture = lit(picture)
        height, width = picture.shape

        def off(square: Candidate) -> Any:
            right, down = square.x + square.side / 2 - width / 2, square.y + square.side / 2 - height / 2
            return right * right + down * down

        return min(self._search(picture), key=off, default=None)

    def _search(self, picture: Pixels) -> list[Candidate]:
        # OpenCV rounds sides up to 32, and at 32 reads memory that it never wrote: every second frame shows a face.
        down, right = (max(SMALLEST - side, 0) for side in picture.shape[:2])
        if down or right:
            picture = np.asarray(cv2.copyMakeBorder(picture, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)  # type: ignore[assignment]
        size = picture.shape[1], picture.shape[0]
        if size != self._size:
            self._net.setInputSize(size)
            self._size = size
        _, found = self._net.detect(picture)
        rows: list[list[float]] = [] if found is None else found.tolist()
        return [_square(x, y, width, height, row[-1]) for row in rows for x, y, width, height in [row[:4]]]


def lit(picture: Pixels) -> Pixels:
    """`picture`, multiplied towards a mean of `LIGHT` if it is dark; what is bright in it stays below white."""
    some = picture[::4, ::4]
    mean = float(some.mean())
    if mean >= DARK:
        return picture
    factor = min(BRIGHTER, LIGHT / max(mean, 1.0), 255 / max(float(np.percentile(some, 98)), 1.0))
    return cv2.convertScaleAbs(picture, alpha=max(factor, 1.0))  # type: ignore[return-value]


# Its scores are modest: at 0.45 as many boxes are faces as of the cascades' at 0.75, this much more in log odds.
MODEST = 1.3


def _sure(own: float) -> float:
    """The network's `own` score as odds that other detectors' scores are."""
    return 1 / (1 + (1 - own) / max(own, 1e-6) * math.exp(-MODEST))


def _own(score: float) -> float:
    """The network's score of what is as sure as `score`."""
    return 1 / (1 + (1 - score) / max(score, 1e-6) * math.exp(MODEST))


def _square(x: float, y: float, width: float, height: float, score: float) -> Candidate:
    side = max(width, height)
    return Candidate(x + (width - side) / 2, y + (height - side) / 2, side, _sure(score))


def detector(settings: DetectorSettings, face_verifier: FaceVerifier, still: bool) -> Detector:  # noqa: ARG001 - as every one
    """Faces by the network, which needs no witness: with one as many were found, right and wrong. Raises ModelError."""
    return found_by(YuNet(settings), settings, None, still)
