"""What the verifier learns from: squares that a detector might take for a face, with and without one.

A face of FER2013 is pasted on a background, about in the middle. How it is pasted varies (its square, an oval, head and
shoulders, its edge repeated over all), and so are things that are no faces pasted, so that nothing can be learned from
a pasted edge. Of the squares without a face in their middle a third are what Haar cascades take for faces, and a third
show a part of a face, or one that is far too small or beside the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from fer_edge.detectors.face_verifier import OUTPUTS, REACH, SIDE_PX, UNITS
from fer_edge.detectors.haar import load_cascades
from fer_edge.preprocess import even_light, turned_square
from fer_edge.types import Pixels
from numpy.typing import NDArray

from fer_convert.verifier import textures

FACE_PX = SIDE_PX / REACH  # a face in the middle, of the usual size, in the network's input
# How far the face is from where the detector puts it: standard deviation and limit
SHIFT, MAX_SHIFT = 0.09, 0.3  # sides of the face
LOG_SCALE, MAX_LOG_SCALE = 0.18, 0.45
TILT, MAX_TILT = 8.0, 45.0  # degrees, of half of the faces; the others have any tilt up to the most
# Shares of the samples: a face; what cascades find; background alone; a face elsewhere; one upside down; the rest is a
# pasted piece of background
FACE, CASCADE, BACKGROUND, ELSEWHERE, UPSIDE_DOWN = 0.5, 0.18, 0.08, 0.14, 0.04
# Of the backgrounds: textures, of which so many are drawn; pieces of faces upside down, which are skin, hair and cloth
TEXTURE_SHARE, TEXTURES, PIECE_SHARE = 0.2, 400, 0.25
MAX_HITS = 24  # of the cascades in one picture
PASTES = ("edge repeated", "square", "oval", "head and shoulders")


@dataclass(frozen=True)
class Samples:
    """`pixels` (n, SIDE_PX, SIDE_PX) uint8, and `targets` (n, OUTPUTS + 1) float32.

    A row of targets: 1 if a face is in the middle, else 0; its place in UNITS; and the weight of the place, 1 or 0.
    """

    pixels: NDArray[np.uint8]
    targets: NDArray[np.float32]


class Backgrounds:
    """Squares without faces: of `pictures` (height, width) uint8, of textures, and of pieces of `faces` (n, 48, 48)."""

    def __init__(self, pictures: Sequence[Pixels], faces: NDArray[np.uint8], rng: np.random.Generator) -> None:
        self._pictures, self._faces, self._rng = list(pictures), faces, rng
        self._textures = [textures.draw(rng) for _ in range(TEXTURES)]

    def picture(self, texture_share: float = TEXTURE_SHARE) -> Pixels:
        """One of the pictures, or of the textures."""
        rng = self._rng
        several = self._textures if not self._pictures or rng.random() < texture_share else self._pictures
        return several[int(rng.integers(len(several)))]

    def square(self) -> Pixels:
        """A square of any place and size, (SIDE_PX, SIDE_PX)."""
        rng = self._rng
        if rng.random() < PIECE_SHARE:
            upside_down = np.ascontiguousarray(self._faces[rng.integers(len(self._faces)), ::-1])
            x, y = rng.uniform(0, upside_down.shape[0], 2)
            return turned_square(upside_down, x, y, rng.uniform(8, 32), rng.uniform(-180, 180), SIDE_PX)
        picture = self.picture()
        height, width = picture.shape
        side = min(height, width) * float(np.exp(rng.uniform(np.log(0.1), np.log(0.9))))
        x, y = rng.uniform(side * 0.4, width - side * 0.4), rng.uniform(side * 0.4, height - side * 0.4)
        return mirrored(turned_square(picture, x, y, side, rng.uniform(-20, 20), SIDE_PX), rng)


def draw(
    faces: NDArray[np.uint8],
    backgrounds: Backgrounds,
    cascade_squares: NDArray[np.uint8],
    count: int,
    rng: np.random.Generator,
) -> Samples:
    """`count` samples of `faces` (n, 48, 48), on `backgrounds`, with `cascade_squares` (m, SIDE_PX, SIDE_PX)."""
    pixels = np.empty((count, SIDE_PX, SIDE_PX), np.uint8)
    targets = np.zeros((count, OUTPUTS + 1), np.float32)
    for index in range(count):
        square, targets[index] = _sample(faces, backgrounds, cascade_squares, rng)
        pixels[index] = even_light(_camera(square, rng))
    return Samples(pixels, targets)


def what_cascades_find(backgrounds: Backgrounds, count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Squares (count, SIDE_PX, SIDE_PX) of the backgrounds, turned and resized, that the device's cascades hit."""
    cascades, found = load_cascades(), list[Pixels]()
    contrast = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(4, 4))
    while len(found) < count:
        picture = mirrored(backgrounds.picture(0.4), rng)
        height, width = picture.shape
        tilt = rng.uniform(-180, 180) if rng.random() < 0.5 else rng.uniform(-15, 15)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), tilt, float(np.exp(rng.uniform(-0.7, 0.3))))
        turned: Pixels = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)  # type: ignore[assignment]
        if rng.random() < 0.5:
            turned = contrast.apply(turned)  # type: ignore[assignment]
        cascade = cascades[rng.integers(len(cascades))]
        hits = np.asarray(cascade.detectMultiScale(turned, 1.1, 0, minSize=(24, 24)), int).reshape(-1, 4)
        hits = hits[np.lexsort(hits.T)]  # OpenCV's threads give them in any order
        for x, y, side, _ in rng.permutation(hits)[:MAX_HITS].tolist():
            found.append(turned_square(turned, x + side / 2, y + side / 2, side * REACH, 0.0, SIDE_PX))
    return np.array(found[:count])


def mirrored(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """`picture`, or, every other time, its mirror image."""
    return np.ascontiguousarray(picture[:, ::-1]) if rng.random() < 0.5 else picture


def _sample(
    faces: NDArray[np.uint8], backgrounds: Backgrounds, cascade_squares: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[Pixels, NDArray[np.float32]]:
    target, kind = np.zeros(OUTPUTS + 1, np.float32), rng.random()
    if kind < FACE:
        right, down = np.clip(rng.normal(0, SHIFT, 2), -MAX_SHIFT, MAX_SHIFT)
        log_scale = float(np.clip(rng.normal(0, LOG_SCALE), -MAX_LOG_SCALE, MAX_LOG_SCALE))
        small_tilt, any_tilt = np.clip(rng.normal(0, TILT), -MAX_TILT, MAX_TILT), rng.uniform(-MAX_TILT, MAX_TILT)
        tilt = float(small_tilt if rng.random() < 0.5 else any_tilt)
        face = mirrored(faces[rng.integers(len(faces))], rng)
        target[0] = target[-1] = 1
        target[1:-1] = np.array((right, down, log_scale, tilt)) / UNITS
        return _paste(backgrounds.square(), face, right, down, log_scale, tilt, rng), target
    if kind < FACE + CASCADE:
        square = mirrored(cascade_squares[rng.integers(len(cascade_squares))], rng)
        scale, shift = float(np.exp(rng.uniform(-0.1, 0.25))), rng.uniform(-3, 3, 2)
        middle = SIDE_PX / 2 + shift
        return turned_square(square, middle[0], middle[1], SIDE_PX / scale, rng.uniform(-10, 10), SIDE_PX), target
    if kind < FACE + CASCADE + BACKGROUND:
        return backgrounds.square(), target
    if kind < FACE + CASCADE + BACKGROUND + ELSEWHERE:
        right, down, log_scale = _elsewhere(rng)
        face, tilt = faces[rng.integers(len(faces))], rng.uniform(-MAX_TILT, MAX_TILT)
        return _paste(backgrounds.square(), face, right, down, log_scale, tilt, rng), target
    if kind < FACE + CASCADE + BACKGROUND + ELSEWHERE + UPSIDE_DOWN:
        patch = np.ascontiguousarray(faces[rng.integers(len(faces)), ::-1])
    else:
        patch = backgrounds.square()
    right, down = rng.normal(0, SHIFT, 2)
    return _paste(backgrounds.square(), patch, right, down, rng.normal(0, 0.2), rng.uniform(-30, 30), rng), target


def _elsewhere(rng: np.random.Generator) -> tuple[float, float, float]:
    """Shift right and down, sides of a face in the middle, and log scale, of a face that is not one in the middle."""
    kind = rng.random()
    if kind < 0.4:  # a part of one
        log_scale = rng.uniform(0.8, 1.6)
        right, down = rng.uniform(-0.5, 0.5, 2) * np.exp(log_scale)
    elif kind < 0.6:  # a small one
        log_scale = rng.uniform(-1.8, -0.9)
        right, down = rng.uniform(-0.5, 0.5, 2)
    else:  # beside the middle
        log_scale, angle = rng.uniform(-0.5, 0.5), rng.uniform(0, 2 * np.pi)
        distance = rng.uniform(0.6, 1.1) * np.exp(max(log_scale, 0.0))
        right, down = distance * np.cos(angle), distance * np.sin(angle)
    return float(right), float(down), float(log_scale)


def _paste(
    square: Pixels, face: Pixels, right: float, down: float, log_scale: float, tilt: float, rng: np.random.Generator
) -> Pixels:
    """`square` with the `face` at that place in it; `right` and `down` in sides of a face in the middle."""
    side = face.shape[0]
    middle, scale = (side - 1) / 2, FACE_PX * float(np.exp(log_scale)) / side
    matrix: NDArray[np.float64] = cv2.getRotationMatrix2D((middle, middle), -tilt, scale)  # type: ignore[assignment]
    matrix[:, 2] += np.array((right, down)) * FACE_PX + (SIDE_PX - side) / 2
    edge = cv2.BORDER_REPLICATE if rng.random() < 0.7 else cv2.BORDER_REFLECT
    small = matrix[0, 0] ** 2 + matrix[0, 1] ** 2 < 0.25
    source = cv2.GaussianBlur(face, (0, 0), 0.3 / float(np.hypot(*matrix[0, :2]))) if small else face
    placed = cv2.warpAffine(source, matrix, (SIDE_PX, SIDE_PX), borderMode=edge)
    kind = PASTES[rng.integers(len(PASTES))]
    if kind == "edge repeated":
        return placed  # type: ignore[return-value]
    mask, margin = _mask(kind, side, rng)
    matrix[:, 2] -= matrix[:, :2].sum(axis=1) * margin
    share = cv2.warpAffine(mask, matrix, (SIDE_PX, SIDE_PX))
    blended: Pixels = (square * (1 - share) + placed * share).astype(np.uint8)
    return blended


def _mask(kind: str, side: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], int]:
    """What of a face and its surroundings is pasted, 0 to 1, and how many pixels of a face the surroundings are."""
    margin, middle = side // 2, side
    mask = np.zeros((side + 2 * margin, side + 2 * margin), np.float32)
    if kind == "square":
        wider = int(rng.uniform(0, 0.3) * side)
        mask[margin - wider : margin + side + wider, margin - wider : margin + side + wider] = 1
    elif kind == "oval":
        axes = (int(side * rng.uniform(0.42, 0.67)), int(side * rng.uniform(0.5, 0.75)))
        cv2.ellipse(mask, (middle, middle), axes, float(rng.uniform(-10, 10)), 0, 360, 1.0, -1)
    else:
        axes = (int(side * rng.uniform(0.42, 0.63)), int(side * rng.uniform(0.54, 0.75)))
        cv2.ellipse(mask, (middle, middle - 2), axes, 0, 0, 360, 1.0, -1)
        shoulders = (int(side * rng.uniform(0, 0.75)), int(side * rng.uniform(1.37, 1.67)))
        cv2.rectangle(mask, shoulders, (int(side * rng.uniform(1.25, 2)), 2 * side), 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 5)), margin  # type: ignore[return-value]


def _camera(square: Pixels, rng: np.random.Generator) -> Pixels:
    """`square` as a camera might see it: covered in part, lit from a side, blurred, dark, noisy."""
    seen = square.astype(np.float32)
    if rng.random() < 0.3:
        height, width = rng.integers(SIDE_PX // 12, SIDE_PX // 2, 2)
        y, x = rng.integers(0, SIDE_PX - 4, 2)
        seen[y : y + height, x : x + width] = rng.uniform(0, 255)
    if rng.random() < 0.3:
        y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32) / SIDE_PX - 0.5
        angle = rng.uniform(0, 2 * np.pi)
        seen *= (1 + rng.uniform(0, 0.9) * (x * np.cos(angle) + y * np.sin(angle))).astype(np.float32)
    if rng.random() < 0.35:
        seen = cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.3, 1.6))  # type: ignore[assignment]
    if rng.random() < 0.3:
        gamma = np.float32(np.exp(rng.uniform(-0.6, 0.6)))
        seen = np.float32(255) * (np.clip(seen, 0, 255) / np.float32(255)) ** gamma
    seen = seen * np.float32(np.exp(rng.uniform(np.log(0.2), np.log(1.2)))) + np.float32(rng.uniform(-15, 25))
    if rng.random() < 0.6:
        seen = seen + rng.standard_normal(seen.shape, np.float32) * np.float32(rng.uniform(0, 6))
    pixels: Pixels = np.clip(seen + 0.5, 0, 255).astype(np.uint8)
    return pixels
