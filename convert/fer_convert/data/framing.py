"""Whether pictures are framed as the device frames a face: what a network learns from is what it must get there."""

from __future__ import annotations

import itertools
import math

import numpy as np
from fer_edge.detectors.candidate import Candidate
from fer_edge.detectors.face_verifier import FaceVerifier
from fer_edge.types import Pixels

from fer_convert.data.faces import Faces

SAMPLE_FACES = 100
SEARCHED_SIDES = (1.0, 0.7, 0.5, 0.35)  # of squares in a picture, sides of the picture
SEARCHED_SHIFTS = (-0.15, 0.0, 0.15)  # of their middles, sides of the picture
# Of 120 faces of FER2013's PublicTest 87 % are within these limits; cut 1.3 times as wide 9 %, 1.5 times and more none.
MIN_PROBABILITY = 0.5  # that the best square is a face
MAX_SHIFT = 0.15  # of its middle, sides of the picture
MAX_LOG_SCALE = 0.2  # of its side and the picture's
MIN_FRAMED_SHARE = 0.5  # below it training warns


def framed_share(faces: Faces) -> tuple[int, int]:
    """How many of some of `faces`, always the same, are framed as a detector frames them, and how many were looked at.

    Raises ModelError if the face verifier cannot be loaded.
    """
    verifier = FaceVerifier()
    rows = np.random.default_rng(0).permutation(len(faces))[:SAMPLE_FACES]
    return sum(_is_framed(picture, verifier) for picture in faces.pixels[rows]), len(rows)


def _is_framed(picture: Pixels, verifier: FaceVerifier) -> bool:
    """Whether the square in `picture` that most probably is a face fills it."""
    height, width = picture.shape
    whole = min(height, width)
    best = Candidate(0.0, 0.0, float(whole), 0.0)
    for share in SEARCHED_SIDES:
        side, shifts = whole * share, SEARCHED_SHIFTS if share < 1 else (0.0,)
        for right, down in itertools.product(shifts, shifts):
            x, y = (width - side) / 2 + right * whole, (height - side) / 2 + down * whole
            found = verifier.locate(picture, Candidate(x, y, side, 1.0))
            best = max(best, verifier.locate(picture, found), key=lambda face: face.score)
    right, down = best.x + (best.side - width) / 2, best.y + (best.side - height) / 2
    return (
        best.score >= MIN_PROBABILITY
        and max(abs(right), abs(down)) <= MAX_SHIFT * whole
        and abs(math.log(max(best.side, 1.0) / whole)) <= MAX_LOG_SCALE
    )
