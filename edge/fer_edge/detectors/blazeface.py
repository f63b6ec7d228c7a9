"""Faces by BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047), MediaPipe's network, in the TFLite interpreter.

MediaPipe has two networks of this form: "back", with an input of 256 x 256 pixels, for a whole room, and "short range",
of 128 x 128, for faces that take a fifth of the picture's shorter side or more. Both give 896 candidates, one for each
anchor: a box, six landmarks and a score.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_edge.classifiers.runtimes import invoke, load_interpreter
from fer_edge.detectors.brighten import brighten
from fer_edge.detectors.candidate import Candidate, log_odds, probability
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.files import model_path
from fer_edge.detectors.following import detector_for
from fer_edge.detectors.framing import ASPECT_RATIO, Framing
from fer_edge.errors import ModelError, first_line
from fer_edge.settings import DetectorSettings
from fer_edge.types import Detector, Pixels

GRIDS = ((16, 2), (8, 6))  # of the anchors: cells a side, and anchors in the middle of each cell
# By the input's side, in pixels, how the box in a crop becomes FER2013's framing: medians over 240 of its training
# faces in drawn scenes, bright and dark. The frames of the others then overlap by 0.73 (intersection over union) with
# FER2013's, the cascade's by 0.81.
FRAMINGS = {256: Framing(scale=1.16, right=0.0, down=-0.057), 128: Framing(scale=1.15, right=0.0, down=-0.092)}
COORDINATES = 16  # of a candidate: centre, size and six landmarks, in pixels of the input, from its anchor
NMS_IOU = 0.3  # intersection over union from which candidates are one face, as in MediaPipe
# Log odds of a face by those of the network's score, which the face verifier's are added to: a logistic regression on
# 1,579 candidates in drawn scenes, whose intercept was -1.65: half a unit less leaves out two of three false boxes in
# the dark and finds as many faces there; in the bright scene it loses one face in seventy. A low score counts too: with
# the verifier they find more faces at the same number of false boxes than the network alone at its best threshold.
MIN_SCORE, SCORE_WEIGHT, INTERCEPT = 0.15, 0.9, -2.15
MAX_FACE_SIDES = 2.0  # of a face that is larger than the input, in sides of it; a damaged file may give any number
MIN_FACE_SHARE = 0.07  # of a square that is searched: smaller faces are often missed
MIN_SQUARE_PX = 64  # of a square: smaller faces cannot be read either
TILE_OVERLAP = 0.4  # of these squares, a share of their side
_REINSTALL = "install it again with: fer-edge detectors install blazeface"


class BlazeFace:
    """The network as a `Search`: a slice for each of the squares that cover the picture."""

    kinds = 1
    order: tuple[int, ...] = (0,)

    def __init__(self, settings: DetectorSettings) -> None:
        """Load `settings.model`, or the installed file. Raises ModelError if there is none, or it is no BlazeFace."""
        path = model_path("blazeface", settings.model)
        try:
            content = Path(path).read_bytes()
        except OSError as cause:
            raise ModelError(f"detector blazeface: {path}: {cause.strerror}; set detector.model to another") from None
        _, self._interpreter = load_interpreter(Path(path), content, threads=settings.threads or 1)
        self._input, self._boxes, self._scores, self._side = _tensors(path, self._interpreter)
        self._framing = FRAMINGS[self._side]
        self._anchors = anchors()
        self._picture: Pixels = np.zeros((1, 1), np.uint8)
        self._tiles: list[tuple[int, int, int]] = []
        self._smallest, self._found = 0.0, list[Candidate]()
        self._try_out(path)

    def _try_out(self, path: str) -> None:
        """Search an empty picture. Raises ModelError if the network fails, or gives what is no number."""
        try:
            self._detect(np.zeros((self._side, self._side), np.uint8))
            results = [self._interpreter.get_tensor(index) for index in (self._boxes, self._scores)]
        except Exception as cause:  # the runtimes raise RuntimeError, ValueError and more
            raise ModelError(
                f"detector blazeface: {path}: cannot be run ({first_line(cause)}); {_REINSTALL}"
            ) from cause
        if not all(np.isfinite(result).all() for result in results):
            raise ModelError(f"detector blazeface: {path}: gives what is no number; {_REINSTALL}")

    def begin(self, picture: Pixels, smallest: float, kind: int) -> int:  # noqa: ARG002 - there is one kind
        """See `Search`."""
        bright = brighten(picture)
        self._picture = picture.copy() if bright is picture else bright
        height, width = picture.shape
        self._tiles = tiles(height, width, smallest)
        self._smallest, self._found = smallest, []
        return len(self._tiles)

    def slice(self, number: int) -> None:
        """See `Search`."""
        left, top, side = self._tiles[number]
        tile = self._picture[top : top + side, left : left + side]
        found = (square.mapped(left, top, 1.0) for square in self._detect(tile))
        self._found += [square for square in found if square.side >= self._smallest]

    def candidates(self) -> list[Candidate]:
        """See `Search`."""
        return sorted(map(self._framing.apply, self._found), key=lambda square: square.score, reverse=True)

    def _detect(self, picture: Pixels) -> list[Candidate]:
        """The faces in `picture` (height, width), which is shrunk or enlarged to fill the input one way."""
        height, width = picture.shape
        scale = self._side / max(height, width)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        left, top = (self._side - size[0]) // 2, (self._side - size[1]) // 2
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(picture, size, interpolation=method)
        view = self._interpreter.tensor(self._input)()[0]
        view.fill(-1.0)
        view[top : top + size[1], left : left + size[0]] = small[:, :, None] / np.float32(127.5) - 1
        del view  # into the interpreter's memory, which invoke() may move
        invoke(self._interpreter)
        scores = self._interpreter.get_tensor(self._scores)[0, :, 0]
        rows = decode(self._interpreter.get_tensor(self._boxes)[0], scores, self._anchors, self._side, MIN_SCORE)
        return [
            Candidate((x - left) / scale, (y - top) / scale, side / scale, score)
            for x, y, side, score in map(_square, rows)
            if 1 <= side <= MAX_FACE_SIDES * self._side
        ]


def _square(row: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Left, top, side and probability of a face, of the square about the box of a `row` of `decode`."""
    x, y, width, height = row[:4].tolist()
    side = max(width, height)
    return x - side / 2, y - side / 2, side, probability(INTERCEPT + SCORE_WEIGHT * log_odds(float(row[-1])))


def anchors() -> NDArray[np.float32]:
    """The centres (896, 2), x and y, of the anchors, as shares of the input's side."""
    centres = []
    for cells, count in GRIDS:
        middle = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(middle, middle, indexing="ij")
        centres.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), count, axis=0))
    return np.concatenate(centres).astype(np.float32)


def decode(
    raw: NDArray[np.float32], scores: NDArray[np.float32], centres: NDArray[np.float32], side: int, lowest: float
) -> list[NDArray[np.float64]]:
    """The faces in the network's output, the most probable first.

    `raw` (896, 16) and `scores` (896,) are its two tensors, `centres` its anchors. Each face is a row (17,): the box's
    centre and size, the six landmarks as x and y, all in pixels of the input of `side` pixels, and its score, `lowest`
    or more. Boxes that overlap are merged by their mean, weighted by the scores, as MediaPipe does it.
    """
    probabilities = 1 / (1 + np.exp(-np.clip(scores.astype(np.float64), -80, 80)))
    kept = np.flatnonzero(probabilities >= lowest)
    kept = kept[np.argsort(-probabilities[kept], kind="stable")]
    points = raw[kept].astype(np.float64).reshape(len(kept), COORDINATES // 2, 2)
    others = [0, *range(2, COORDINATES // 2)]  # all but the size lie about the anchor
    points[:, others] += side * centres[kept][:, None]
    rows, found = np.hstack([points.reshape(len(kept), COORDINATES), probabilities[kept][:, None]]), []
    rows = rows[np.isfinite(rows).all(axis=1)]  # a damaged file may give what is no number
    while len(rows):
        same = _iou(rows[0], rows) > NMS_IOU
        same[0] = True  # a box without any area overlaps nothing
        merged = np.average(rows[same], axis=0, weights=rows[same, -1])
        merged[-1] = rows[0, -1]
        found.append(merged)
        rows = rows[~same]
    return found


def _iou(row: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union (n,) of the box of `row` with those of n `rows`."""
    low = np.maximum(row[:2] - row[2:4] / 2, rows[:, :2] - rows[:, 2:4] / 2)
    high = np.minimum(row[:2] + row[2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2)
    shared = np.clip(high - low, 0, None).prod(axis=1)
    union = row[2:4].prod() + rows[:, 2:4].prod(axis=1) - shared
    overlap: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap


def tiles(height: int, width: int, smallest: float) -> list[tuple[int, int, int]]:
    """Squares (left, top, side) in which faces of `smallest` pixels or more are found, the largest squares first.

    One about the whole picture, or two and more along it if it is wider or taller than 4:3; then ones of half the side,
    and so on, until the smallest face takes MIN_FACE_SHARE of a square.
    """
    longer, shorter = max(height, width), min(height, width)
    side = min(longer, math.ceil(shorter * ASPECT_RATIO))
    least = max(math.floor(smallest / MIN_FACE_SHARE), MIN_SQUARE_PX)
    found = _grid(height, width, side)
    while side > least:
        side = least if side < 3 * least else math.ceil(side / 2)  # two levels of almost one size find the same
        found += _grid(height, width, side)
    return found


def _grid(height: int, width: int, side: int) -> list[tuple[int, int, int]]:
    lefts, tops = _starts(width, side), _starts(height, side)
    return [(left, top, side) for top in tops for left in lefts]


def _starts(length: int, side: int) -> list[int]:
    """Where squares of `side` begin along `length` pixels, so that they overlap by TILE_OVERLAP at least."""
    room = max(length - side, 0)
    count = 1 + math.ceil(room / (side * (1 - TILE_OVERLAP)))
    starts: list[int] = np.linspace(0, room, count).round().astype(int).tolist()
    return starts


def _tensors(path: str, interpreter: Any) -> tuple[int, int, int, int]:
    """Indices of the input, the boxes and the scores, and the input's side, pixels. Raises ModelError."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    taken = [(tuple(int(side) for side in entry["shape"]), np.dtype(entry["dtype"]).name) for entry in inputs]
    given = {tuple(int(side) for side in entry["shape"]): entry["index"] for entry in outputs}
    count = len(anchors())
    wanted = [([((1, side, side, 3), "float32")], side) for side in FRAMINGS]
    side = next((side for tensors, side in wanted if tensors == taken), 0)
    if not side or set(given) != {(1, count, COORDINATES), (1, count, 1)}:
        raise ModelError(
            f"detector blazeface: {path}: takes {taken} and gives {sorted(given)}, so it is no BlazeFace; set "
            "detector.model to MediaPipe's face_detection_back.tflite or face_detection_short_range.tflite"
        )
    return inputs[0]["index"], given[1, count, COORDINATES], given[1, count, 1], side


def detector(settings: DetectorSettings, face_verifier: FaceVerifier, still: bool) -> Detector:
    """The detector that uses the network. Raises ModelError."""
    return detector_for(BlazeFace(settings), settings, face_verifier, still)
