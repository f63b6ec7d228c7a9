"""Faces by OpenCV's Haar cascade (Viola and Jones 2001; Lienhart and Maydt 2002)."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.following import found_by
from fer_edge.detectors.framing import Framing
from fer_edge.detectors.search import Candidate
from fer_edge.errors import ModelError
from fer_edge.settings import DetectorSettings
from fer_edge.types import Detector, Pixels

# Of OpenCV's frontal cascades alt2 raises the fewest false alarms, a tenth of the default's, which finds other faces.
CASCADES = ("haarcascade_frontalface_alt2.xml", "haarcascade_frontalface_default.xml")
OVERLAP = 0.2  # how alike hits are that are grouped; OpenCV's own value
SLICES = 6  # of a whole search, when all sizes are equally many
# Mean grey level below which a picture's contrast is raised before it is searched. The cascade passes over windows
# whose deviation is under about 10 grey levels; CLAHE took the recall in the dark from 0.77 to 0.90, and cost false
# alarms in daylight.
DARK = 70.0
# Hits in a close look and what they are worth: a logistic regression on 1,358 candidates in drawn scenes, bright, dark
# and crowded, of which a quarter were no faces; less half a unit. Raising the contrast tells faces from others best.
# What a score is worth, with the witness: at 0.7 recall was 0.88 by day with 0.03 false boxes a frame, at 0.8 0.87 with
# 0.02, at 0.9 0.86 with 0.01.
PLAIN, RAISED, NONE = 0.55, 1.94, -4.1


class Haar:
    """The cascades as a `Search`: sizes a `scale_step` apart, from the smallest face up. alt2 looks closely."""

    framing = Framing(scale=1.02, right=0.0, down=0.01)
    patch = 48
    kinds = len(CASCADES)

    def __init__(self, settings: DetectorSettings) -> None:
        """Raises ModelError where this OpenCV has no cascade."""
        self._step = settings.scale_step
        if not hasattr(cv2, "CascadeClassifier"):
            raise ModelError(
                f"detector haar: OpenCV {cv2.__version__} has no Haar cascades (5.0 dropped them); "
                "mend it with: pip install 'opencv-python-headless<5'"
            )
        self._cascades = [_cascade(Path(cv2.__file__).parent / "data" / name) for name in CASCADES]
        self._contrast = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(4, 4))
        self._picture = np.zeros((1, 1), np.uint8)
        self._plan: list[tuple[int, int]] = []
        self._kind, self._hits = 0, list[list[int]]()

    def begin(self, picture: Pixels, smallest: float, kind: int) -> int:
        """See `Search`. A dark picture gets more contrast, once for all its slices."""
        if self._picture.shape != picture.shape:
            self._picture = np.empty_like(picture)
        if float(picture[::4, ::4].mean()) < DARK:
            self._contrast.apply(picture, self._picture)
        else:
            np.copyto(self._picture, picture)
        window, _ = self._cascades[kind].getOriginalWindowSize()
        self._plan = slices(min(picture.shape), smallest, self._step, window)
        self._kind, self._hits = kind, []
        return len(self._plan)

    def slice(self, number: int) -> None:
        """See `Search`."""
        low, high = self._plan[number]
        cascade = self._cascades[self._kind]
        found = cascade.detectMultiScale(self._picture, self._step, 0, minSize=(low, low), maxSize=(high, high))
        self._hits += np.asarray(found, int).reshape(-1, 4).tolist()

    def candidates(self) -> list[Candidate]:
        """See `Search`: squares that two hits or more agree on."""
        if not self._hits:
            return []
        groups, counts = cv2.groupRectangles(self._hits, 1, OVERLAP)
        found = [Candidate(x, y, side, 1 - 1 / count) for (x, y, side, _), count in zip(groups, counts, strict=True)]
        return sorted(found, key=lambda square: square.score, reverse=True)

    def look(self, picture: Pixels, thorough: bool) -> Candidate | None:
        """See `Search`: the middle of all hits, and a score by their number with and without raised contrast."""
        raised: Pixels = self._contrast.apply(picture)  # type: ignore[assignment]
        hits = self._near(raised, 1.05 if thorough else 1.1)
        if not len(hits):
            return None
        x, y, side = np.median(hits[:, :3], axis=0).tolist()
        if not thorough:
            return Candidate(x, y, side, 1.0)
        plain = len(self._near(picture, 1.05))
        worth = NONE + PLAIN * math.log1p(plain) + RAISED * math.log1p(len(hits))
        return Candidate(x, y, side, 1 / (1 + math.exp(-worth)))

    def _near(self, picture: Pixels, step: float) -> np.ndarray:
        low, high = round(self.patch * 0.75), round(self.patch * 1.33)
        found = self._cascades[0].detectMultiScale(picture, step, 0, minSize=(low, low), maxSize=(high, high))
        return np.asarray(found, np.float64).reshape(-1, 4)


def _cascade(path: Path) -> cv2.CascadeClassifier:
    cascade = cv2.CascadeClassifier(str(path)) if path.is_file() else cv2.CascadeClassifier()
    if cascade.empty():
        raise ModelError(
            f"detector haar: {path} is missing or damaged; "
            "mend it with: pip install --force-reinstall 'opencv-python-headless<5'"
        )
    return cascade


def slices(side: int, smallest: float, step: float, window: int) -> list[tuple[int, int]]:
    """Sizes of faces from `smallest` to `side` pixels, `step` apart, as slices (first, last) of about equal cost.

    `window` is the cascade's own smallest face, pixels.
    """
    sizes, factor = [], 1.0
    while round(window * factor) <= side:  # the sizes that OpenCV itself goes through
        if round(window * factor) >= smallest:
            sizes.append(round(window * factor))
        factor *= step
    costs = [size**-2.0 for size in sizes]  # windows that fit into the picture, about
    share, cost = sum(costs) / SLICES, 0.0
    plan: list[tuple[int, int]] = []
    for size, more in zip(sizes, costs, strict=True):
        if not plan or cost + more / 2 > share:
            plan.append((size, size))
            cost = 0.0
        plan[-1] = (plan[-1][0], size)
        cost += more
    return plan


def detector(settings: DetectorSettings, face_verifier: FaceVerifier, still: bool) -> Detector:
    """Faces by the cascade. Raises ModelError."""
    return found_by(Haar(settings), settings, face_verifier, still)
