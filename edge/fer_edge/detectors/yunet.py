"""Faces by YuNet (Wu, Peng, Yu 2023, doi:10.1007/s11633-023-1423-y) through OpenCV's FaceDetectorYN.

fer-edge ships no file of it: see fer_edge.detectors.files.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fer_edge.detectors.brighten import brighten
from fer_edge.detectors.candidate import Candidate, log_odds, probability
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.files import model_path
from fer_edge.detectors.following import detector_for
from fer_edge.detectors.framing import Framing
from fer_edge.errors import ModelError, first_line
from fer_edge.files import is_utf8
from fer_edge.settings import DetectorSettings
from fer_edge.types import Detector, Pixels

MIN_SIDE_PX = 64  # of a picture that the network gets
NMS_IOU = 0.3  # intersection over union from which non-maximum suppression merges boxes; OpenCV's default
# Log odds of a face by those of the network's score, which the face verifier's are added to: a logistic regression on
# 1,446 candidates in drawn scenes, with a unit less. A low score counts too.
MIN_SCORE, SCORE_WEIGHT, INTERCEPT = 0.05, 0.9, -1.5
FRAMING = Framing(scale=0.95, right=0.0, down=0.0)


class YuNet:
    """The network as a `Search`: with one slice, since it finds all sizes together."""

    kinds = 1
    order: tuple[int, ...] = (0,)

    def __init__(self, settings: DetectorSettings) -> None:
        """Load `settings.model`, or the installed file. Raises ModelError if there is none, or it is no YuNet."""
        path = model_path("yunet", settings.model)
        self._size = (settings.width, settings.width)
        self._picture = np.zeros((1, 1), np.uint8)
        self._smallest, self._found = 0.0, list[Candidate]()
        try:
            self._net = _load(path, self._size)
            self._search(np.zeros((settings.width, settings.width), np.uint8))  # another network's file fails here
        except OSError as cause:
            raise ModelError(f"detector yunet: {path}: {cause.strerror}; set detector.model to another") from None
        except (cv2.error, ValueError) as cause:
            raise ModelError(
                f"detector yunet: {path}: not a YuNet model ({first_line(cause)}); choose another"
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
        return sorted(map(FRAMING.apply, self._found), key=lambda square: square.score, reverse=True)

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


def _load(path: str, size: tuple[int, int]) -> cv2.FaceDetectorYN:
    """The network at `path`. Raises OSError, cv2.error."""
    if is_utf8(path):
        return cv2.FaceDetectorYN.create(path, "", size, MIN_SCORE, NMS_IOU)
    content, config = np.frombuffer(Path(path).read_bytes(), np.uint8), np.empty(0, np.uint8)
    return cv2.FaceDetectorYN.create("onnx", content, config, size, MIN_SCORE, NMS_IOU)


def _square(x: float, y: float, width: float, height: float, score: float) -> Candidate:
    side = max(width, height)
    return Candidate(
        x + (width - side) / 2, y + (height - side) / 2, side, probability(INTERCEPT + SCORE_WEIGHT * log_odds(score))
    )


def detector(settings: DetectorSettings, face_verifier: FaceVerifier, still: bool) -> Detector:
    """The detector that uses the network. Raises ModelError."""
    return detector_for(YuNet(settings), settings, face_verifier, still)
