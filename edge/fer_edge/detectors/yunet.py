"""Faces by YuNet (Wu, Peng, Yu 2023, doi:10.1007/s11633-023-1423-y) through OpenCV's FaceDetectorYN.

The user gives the model file: fer-edge ships none.
"""

from __future__ import annotations

import math
import os
from typing import Any

import cv2
import numpy as np

from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.following import detector_for
from fer_edge.detectors.framing import Framing
from fer_edge.detectors.search import Candidate
from fer_edge.errors import ModelError, first_line
from fer_edge.settings import DetectorSettings
from fer_edge.types import Detector, Pixels

MIN_SIDE_PX = 64  # of a picture that the network gets
# A picture with a mean grey level below DARK is multiplied until the mean is TARGET, by MAX_GAIN at most. That raised
# the recall in two dark scenes from 0.85 to 0.88 and 0.87; CLAHE, which helps the cascades, helped less. Bright parts
# must not be clipped to white: that lowered the recall of bright faces before dark walls from 0.95 to 0.92.
DARK_MEAN_LEVEL, TARGET_MEAN_LEVEL, MAX_GAIN = 70.0, 110.0, 4.0
NMS_IOU = 0.3  # intersection over union from which non-maximum suppression merges boxes; OpenCV's default
# The network's scores are low: at 0.45 as many of its boxes are faces as of the cascades' at 0.75. This is the
# difference in log odds.
SCORE_LOG_ODDS = 1.3


class YuNet:
    """The network in `settings.model` as a `Search`: with one slice, since it finds all sizes together."""

    framing = Framing(scale=0.95, right=0.0, down=0.0)
    crop_face_px = 56
    kinds = 1

    def __init__(self, settings: DetectorSettings) -> None:
        """Raises ModelError if the file is missing or not a YuNet."""
        if not settings.model:
            raise ModelError("detector yunet: needs its model file; set detector.model to the path of YuNet's .onnx")
        if not os.path.isfile(settings.model):  # noqa: PTH113 - Path.is_file raises in a closed folder
            raise ModelError(f"detector yunet: {settings.model}: no such file; set detector.model to YuNet's .onnx")
        self._size = (settings.width, settings.width)
        self._picture = np.zeros((1, 1), np.uint8)
        self._smallest, self._found = 0.0, list[Candidate]()
        try:
            lowest = _network_score(min(settings.score, settings.keep_score))
            self._net = cv2.FaceDetectorYN.create(settings.model, "", self._size, lowest, NMS_IOU)
            self._search(np.zeros((settings.width, settings.width), np.uint8))  # another network's file fails here
        except (cv2.error, ValueError) as cause:
            raise ModelError(
                f"detector yunet: {settings.model}: not a YuNet model ({first_line(cause)}); choose another"
            ) from None

    def begin(self, picture: Pixels, smallest: float, kind: int) -> int:  # noqa: ARG002 - there is one kind
        """See `Search`."""
        self._picture, self._smallest, self._found = brighten(picture), smallest, []
        return 1

    def slice(self, number: int) -> None:  # noqa: ARG002 - there is one slice
        """See `Search`."""
        self._found = [square for square in self._search(self._picture) if square.side >= self._smallest]

    def candidates(self) -> list[Candidate]:
        """See `Search`."""
        return sorted(self._found, key=lambda square: square.score, reverse=True)

    def detect_in_crop(self, crop: Pixels, thorough: bool) -> Candidate | None:  # noqa: ARG002 - both cost the same
        """See `Search`."""
        crop = brighten(crop)
        height, width = crop.shape

        def squared_distance(square: Candidate) -> Any:
            right, down = square.x + square.side / 2 - width / 2, square.y + square.side / 2 - height / 2
            return right * right + down * down

        return min(self._search(crop), key=squared_distance, default=None)

    def _search(self, picture: Pixels) -> list[Candidate]:
        # OpenCV rounds sides up to 32; at 32 it reads uninitialized memory, so that every second frame has a face.
        bottom, right = (max(MIN_SIDE_PX - side, 0) for side in picture.shape[:2])
        if bottom or right:
            picture = np.asarray(cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)  # type: ignore[assignment]
        size = picture.shape[1], picture.shape[0]
        if size != self._size:
            self._net.setInputSize(size)
            self._size = size
        _, found = self._net.detect(picture)
        rows: list[list[float]] = [] if found is None else found.tolist()
        return [_square(x, y, width, height, row[-1]) for row in rows for x, y, width, height in [row[:4]]]


def brighten(picture: Pixels) -> Pixels:
    """`picture`, multiplied towards a mean of TARGET_MEAN_LEVEL if it is dark; its bright parts stay below white."""
    sample = picture[::4, ::4]
    mean = float(sample.mean())
    if mean >= DARK_MEAN_LEVEL:
        return picture
    gain = min(MAX_GAIN, TARGET_MEAN_LEVEL / max(mean, 1.0), 255 / max(float(np.percentile(sample, 98)), 1.0))
    return cv2.convertScaleAbs(picture, alpha=max(gain, 1.0))  # type: ignore[return-value]


def _probability(score: float) -> float:
    """The network's `score` as a probability that compares with other detectors' scores; inverse of _network_score."""
    return 1 / (1 + (1 - score) / max(score, 1e-6) * math.exp(-SCORE_LOG_ODDS))


def _network_score(probability: float) -> float:
    """The network's score for a face of this `probability`."""
    return 1 / (1 + (1 - probability) / max(probability, 1e-6) * math.exp(SCORE_LOG_ODDS))


def _square(x: float, y: float, width: float, height: float, score: float) -> Candidate:
    side = max(width, height)
    return Candidate(x + (width - side) / 2, y + (height - side) / 2, side, _probability(score))


def detector(settings: DetectorSettings, face_verifier: FaceVerifier, still: bool) -> Detector:  # noqa: ARG001 - every detector has these
    """The detector that uses the network, without the verifier, which changed neither recall nor precision.

    Raises ModelError.
    """
    return detector_for(YuNet(settings), settings, None, still)
