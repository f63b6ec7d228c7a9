"""Faces by OpenCV's Haar cascade (Viola and Jones 2001; Lienhart and Maydt 2002)."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.detectors.following import detector_for
from fer_edge.detectors.framing import Framing
from fer_edge.detectors.search import Candidate
from fer_edge.errors import ModelError
from fer_edge.settings import DetectorSettings
from fer_edge.types import Detector, Pixels

# Of OpenCV's frontal cascades alt2 has the fewest false positives, a tenth of the default's, which finds other faces.
CASCADES = ("haarcascade_frontalface_alt2.xml", "haarcascade_frontalface_default.xml")
GROUP_EPS = 0.2  # relative difference of hits that are grouped; OpenCV's own value
SLICE_COUNT = 6  # of a whole search, about
# Mean grey level below which a picture's contrast is raised (CLAHE) before it is searched. The cascade skips windows
# with a standard deviation under about 10 grey levels. CLAHE took the recall in the dark from 0.77 to 0.90; in daylight
# it causes false positives.
DARK_MEAN_LEVEL = 70.0
# Log odds of a face by the number of hits in a crop: a logistic regression on log(1 + hits), with and without raised
# contrast, on 1,358 candidates in drawn scenes, bright, dark and crowded, of which a quarter were not faces; the
# intercept is half a unit lower. Hits with raised contrast separate faces best. With the face verifier, by day: at a
# score of 0.7 the recall was 0.88 with 0.03 false boxes a frame, at 0.8 0.87 with 0.02, at 0.9 0.86 with 0.01.
INTERCEPT, HITS_WEIGHT, CONTRAST_HITS_WEIGHT = -4.1, 0.55, 1.94


class Haar:
    """The cascades as a `Search`: face sizes by `scale_step`, from the smallest up. In crops alt2 alone is used."""

    framing = Framing(scale=1.02, right=0.0, down=0.01)
    crop_face_px = 48
    kinds = len(CASCADES)

    def __init__(self, settings: DetectorSettings) -> None:
        """Raises ModelError if this OpenCV has no cascades."""
        self._step = settings.scale_step
        if not hasattr(cv2, "CascadeClassifier"):
            raise ModelError(
                f"detector haar: OpenCV {cv2.__version__} has no Haar cascades (5.0 dropped them); "
                "fix it with: pip install 'opencv-python-headless<5'"
            )
        self._cascades = [_cascade(Path(cv2.__file__).parent / "data" / name) for name in CASCADES]
        self._contrast = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(4, 4))
        self._picture = np.zeros((1, 1), np.uint8)
        self._plan: list[tuple[int, int]] = []
        self._kind, self._hits = 0, list[list[int]]()

    def begin(self, picture: Pixels, smallest: float, kind: int) -> int:
        """See `Search`. The contrast of a dark picture is raised, once for all slices."""
        if self._picture.shape != picture.shape:
            self._picture = np.empty_like(picture)
        if float(picture[::4, ::4].mean()) < DARK_MEAN_LEVEL:
            self._contrast.apply(picture, self._picture)
        else:
            np.copyto(self._picture, picture)
        window, _ = self._cascades[kind].getOriginalWindowSize()
        self._plan = plan_slices(min(picture.shape), smallest, self._step, window)
        self._kind, self._hits = kind, []
        return len(self._plan)

    def slice(self, number: int) -> None:
        """See `Search`."""
        low, high = self._plan[number]
        cascade = self._cascades[self._kind]
        found = cascade.detectMultiScale(self._picture, self._step, 0, minSize=(low, low), maxSize=(high, high))
        self._hits += np.asarray(found, int).reshape(-1, 4).tolist()

    def candidates(self) -> list[Candidate]:
        """See `Search`: squares on which two or more hits agree."""
        if not self._hits:
            return []
        groups, counts = cv2.groupRectangles(self._hits, 1, GROUP_EPS)
        found = [Candidate(x, y, side, 1 - 1 / count) for (x, y, side, _), count in zip(groups, counts, strict=True)]
        return sorted(found, key=lambda square: square.score, reverse=True)

    def detect_in_crop(self, crop: Pixels, thorough: bool) -> Candidate | None:
        """See `Search`: the median of all hits, and a score by their number with and without raised contrast."""
        raised: Pixels = self._contrast.apply(crop)  # type: ignore[assignment]
        hits = self._hits_in_crop(raised, 1.05 if thorough else 1.1)
        if not len(hits):
            return None
        x, y, side = np.median(hits[:, :3], axis=0).tolist()
        if not thorough:
            return Candidate(x, y, side, 1.0)
        plain = len(self._hits_in_crop(crop, 1.05))
        log_odds = INTERCEPT + HITS_WEIGHT * math.log1p(plain) + CONTRAST_HITS_WEIGHT * math.log1p(len(hits))
        return Candidate(x, y, side, 1 / (1 + math.exp(-log_odds)))

    def _hits_in_crop(self, crop: Pixels, step: float) -> np.ndarray:
        """Hits of about the expected size, (n, 4): x, y, width, height."""
        low, high = round(self.crop_face_px * 0.75), round(self.crop_face_px * 1.33)
        found = self._cascades[0].detectMultiScale(crop, step, 0, minSize=(low, low), maxSize=(high, high))
        return np.asarray(found, np.float64).reshape(-1, 4)


def _cascade(path: Path) -> cv2.CascadeClassifier:
    cascade = cv2.CascadeClassifier(str(path)) if path.is_file() else cv2.CascadeClassifier()
    if cascade.empty():
        raise ModelError(
            f"detector haar: {path} is missing or damaged; "
            "fix it with: pip install --force-reinstall 'opencv-python-headless<5'"
        )
    return cascade


def plan_slices(side: int, smallest: float, step: float, window: int) -> list[tuple[int, int]]:
    """Face sizes from `smallest` to `side` pixels, each `step` times the last, in slices (first, last) of similar cost.

    `window` is the smallest face that the cascade can find, pixels.
    """
    sizes, factor = [], 1.0
    while round(window * factor) <= side:  # the sizes that OpenCV itself uses
        if round(window * factor) >= smallest:
            sizes.append(round(window * factor))
        factor *= step
    costs = [size**-2.0 for size in sizes]  # in proportion to the number of windows in the picture
    slice_cost, cost = sum(costs) / SLICE_COUNT, 0.0
    plan: list[tuple[int, int]] = []
    for size, size_cost in zip(sizes, costs, strict=True):
        if not plan or cost + size_cost / 2 > slice_cost:
            plan.append((size, size))
            cost = 0.0
        plan[-1] = (plan[-1][0], size)
        cost += size_cost
    return plan


def detector(settings: DetectorSettings, face_verifier: FaceVerifier, still: bool) -> Detector:
    """The detector that uses the cascades. Raises ModelError."""
    return detector_for(Haar(settings), settings, face_verifier, still)
