"""Faces by OpenCV's Haar cascade (Viola and Jones 2001; Lienhart and Maydt 2002)."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_edge.detectors.candidate import Candidate, probability
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.following import detector_for
from fer_edge.detectors.framing import Framing
from fer_edge.errors import ModelError
from fer_edge.files import path_in_utf8
from fer_edge.settings import DetectorSettings
from fer_edge.types import Detector, Pixels

# Of OpenCV's frontal cascades alt2 has the fewest false positives, a tenth of the default's, which finds other faces.
CASCADES = ("haarcascade_frontalface_alt2.xml", "haarcascade_frontalface_default.xml")
GROUP_EPS = 0.2  # relative difference of hits that are grouped; OpenCV's own value
SLICE_COUNT = 6  # of a whole search, at most
# Mean grey level below which a picture's contrast is raised (CLAHE) before it is searched. The cascade skips windows
# with a standard deviation under about 10 grey levels. CLAHE took the recall in the dark from 0.77 to 0.90; in daylight
# it causes false positives.
DARK_MEAN_LEVEL = 70.0
# Log odds of a face by the number of hits, which the face verifier's are added to: about a logistic regression on
# 5,280 candidates in drawn scenes, bright, dark and crowded, of which more than half were no faces. The intercept is
# two units lower, since real walls are more varied than those scenes.
INTERCEPT, HITS_WEIGHT = -4.6, 1.5
# From OCTAVE times the cascade's window on, OpenCV looks at every place of its shrunk picture, below at every second
# one (`updateScaleData` in cascadedetect.cpp): at DENSITY times as many, for a face that is no harder to see. Upright,
# the faces of each octave are therefore searched in a picture half as large as that of the octave before, and a hit
# there counts as OCTAVE_HITS. That takes a third off the time of such a search, and finds as many faces. In turned
# pictures it found fewer tilted heads, so they are searched in one.
OCTAVE, DENSITY, OCTAVE_HITS = 2, 4, 3
FRAMING = Framing(scale=1.02, right=0.0, down=0.01)


# What is searched: which of the CASCADES, and how far the picture is turned, degrees. The cascades find heads tilted by
# up to about 15 degrees. Turned pictures cost more than upright ones and find fewer faces, so that in a video each has
# one turn in six.
TURN, MAX_TURNED_ASPECT = 30.0, 4.0
TURNED_SCALE = 0.75  # of the turned picture, which has twice the area with its corners
KINDS = ((0, 0.0), (1, 0.0), (0, -TURN), (0, TURN))
ORDER = (0, 1, 2, 0, 1, 3)


class Haar:
    """The cascades as a `Search`: face sizes by `scale_step`, from the smallest up."""

    kinds = len(KINDS)
    order: tuple[int, ...] = ORDER

    def __init__(self, settings: DetectorSettings) -> None:
        """Raises ModelError if this OpenCV has no cascades."""
        self._step = settings.scale_step
        self._cascades = load_cascades()
        self._contrast = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(4, 4))
        self._upright = self._turned = np.zeros((1, 1), np.uint8)  # their memory is reused
        self._pictures: list[Pixels] = []  # of each octave
        self._plan: list[list[Sizes]] = []
        self._kind, self._hits = KINDS[0], list[list[int]]()
        self._scale, self._back = 1.0, np.eye(2, 3)  # of the searched picture, and the way back to the given one

    def begin(self, picture: Pixels, smallest: float, kind: int) -> int:
        """See `Search`. The contrast of a dark picture is raised, once for all slices."""
        self._kind, self._hits = KINDS[kind], []
        cascade, turn = self._kind
        window, _ = self._cascades[cascade].getOriginalWindowSize()
        self._scale = TURNED_SCALE if turn else 1.0
        side = round(min(picture.shape) * self._scale)
        self._plan = plan_slices(side, smallest * self._scale, self._step, window, octaves=not turn)
        if turn and max(picture.shape) > MAX_TURNED_ASPECT * min(picture.shape):
            self._plan = []  # turned it would be mostly corners
        if not self._plan:
            return 0
        if self._upright.shape != picture.shape:
            self._upright = np.empty_like(picture)
        if float(picture[::4, ::4].mean()) < DARK_MEAN_LEVEL:
            self._contrast.apply(picture, self._upright)
        else:
            np.copyto(self._upright, picture)
        picture, self._back = turned(self._upright, turn, self._scale, self._turned)
        if turn:
            self._turned = picture
        self._pictures = [picture]
        for _ in range(self._plan[-1][-1].octave):
            height, width = (side // OCTAVE for side in self._pictures[-1].shape)
            smaller = cv2.resize(self._pictures[-1], (width, height), interpolation=cv2.INTER_AREA)
            self._pictures.append(np.asarray(smaller, np.uint8))
        return len(self._plan)

    def slice(self, number: int) -> None:
        """See `Search`."""
        cascade = self._cascades[self._kind[0]]
        for octave, low, high in self._plan[number]:
            picture = self._pictures[octave]
            found = cascade.detectMultiScale(picture, self._step, 0, minSize=(low, low), maxSize=(high, high))
            hits = (np.asarray(found, int).reshape(-1, 4) * OCTAVE**octave).tolist()
            self._hits += hits * (OCTAVE_HITS if octave else 1)

    def candidates(self) -> list[Candidate]:
        """See `Search`: the means of hits that agree, also of one alone; those with the most hits first."""
        if not self._hits:
            return []
        # Each hit is given twice, or OpenCV would leave out those that are alone.
        groups, counts = cv2.groupRectangles(self._hits + self._hits, 1, GROUP_EPS)
        found = []
        for (x, y, side, _), count in sorted(zip(groups, counts, strict=True), key=lambda group: -group[1]):
            middle, size = self._back @ (x + side / 2, y + side / 2, 1), float(side / self._scale)
            left, top = (middle - size / 2).tolist()
            score = probability(INTERCEPT + HITS_WEIGHT * math.log(count))
            found.append(FRAMING.apply(Candidate(left, top, size, score, self._kind[1])))
        return found


def turned(
    picture: Pixels, angle: float, scale: float = 1.0, out: Pixels | None = None
) -> tuple[Pixels, NDArray[np.float64]]:
    """`picture` turned so that heads tilted clockwise by `angle` degrees are upright, and the (2, 3) way back.

    All of it is there, at `scale` times its size; the corners that come to it are grey. Written into `out` if that has
    the right size.
    """
    if not angle:
        return picture, np.eye(2, 3)
    height, width = picture.shape
    cosine, sine = math.cos(math.radians(angle)), abs(math.sin(math.radians(angle)))
    size = round((width * cosine + height * sine) * scale), round((width * sine + height * cosine) * scale)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    out = out if out is not None and out.shape == size[::-1] else None
    level = float(cv2.mean(picture)[0])
    result = cv2.warpAffine(picture, matrix, size, out, borderMode=cv2.BORDER_CONSTANT, borderValue=level)
    return result, cv2.invertAffineTransform(matrix)  # type: ignore[return-value]


def load_cascades() -> list[cv2.CascadeClassifier]:
    """The CASCADES. Raises ModelError if this OpenCV has none."""
    if not hasattr(cv2, "CascadeClassifier"):
        raise ModelError(
            f"detector haar: OpenCV {cv2.__version__} has no Haar cascades (5.0 dropped them); "
            "fix it with: pip install 'opencv-python-headless<5'"
        )
    return [_cascade(Path(cv2.__file__).parent / "data" / name) for name in CASCADES]


def _cascade(path: Path) -> cv2.CascadeClassifier:
    cascade = cv2.CascadeClassifier()
    with suppress(OSError), path_in_utf8(path) as text:
        cascade.load(text)
    if cascade.empty():
        raise ModelError(
            f"detector haar: {path} is missing or damaged; "
            "fix it with: pip install --force-reinstall 'opencv-python-headless<5'"
        )
    return cascade


class Sizes(NamedTuple):
    """Some face sizes, which are searched in the picture that is OCTAVE**octave times smaller, in pixels of that."""

    octave: int
    first: int
    last: int


def plan_slices(side: int, smallest: float, step: float, window: int, octaves: bool) -> list[list[Sizes]]:
    """Face sizes from `smallest` to `side` pixels, each about `step` times the last, in slices of similar cost.

    `window` is the smallest face that the cascade can find, pixels. Without `octaves` all are searched in one picture.
    """
    sizes, costs = [], []
    octave, factor = 0, 1.0
    while (whole := round(window * factor) * OCTAVE**octave) <= side:
        if whole >= smallest:
            sizes.append((octave, round(window * factor)))  # as OpenCV itself rounds it
            costs.append((DENSITY if factor >= OCTAVE else 1) * whole**-2.0)  # in proportion to the places
        factor *= step
        if factor >= OCTAVE and octaves:
            octave, factor = octave + 1, 1.0
    plan: list[list[Sizes]] = [[] for _ in range(SLICE_COUNT)]
    slice_cost, cost = sum(costs) / SLICE_COUNT, 0.0
    for (octave, size), size_cost in zip(sizes, costs, strict=True):
        ranges = plan[int((cost + size_cost / 2) / slice_cost)]
        if ranges and ranges[-1].octave == octave:
            ranges[-1] = ranges[-1]._replace(last=size)
        else:
            ranges.append(Sizes(octave, size, size))
        cost += size_cost
    return [ranges for ranges in plan if ranges]


def detector(settings: DetectorSettings, face_verifier: FaceVerifier, still: bool) -> Detector:
    """The detector that uses the cascades. Raises ModelError."""
    return detector_for(Haar(settings), settings, face_verifier, still)
