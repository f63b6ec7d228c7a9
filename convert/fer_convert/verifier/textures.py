"""Pictures drawn at random, in which there is no face: clouds, shapes, waves, letters."""

from __future__ import annotations

import cv2
import numpy as np
from fer_edge.types import Pixels
from numpy.typing import NDArray

HEIGHT, WIDTH = 240, 320  # pixels


def draw(rng: np.random.Generator) -> Pixels:
    """A picture (HEIGHT, WIDTH) uint8."""
    kinds = (_clouds, _shapes, _waves, _letters)
    return np.clip(kinds[rng.integers(len(kinds))](rng), 0, 255).astype(np.uint8)


def _clouds(rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise of several sizes: plaster, foliage, cloth."""
    picture, roughness = np.zeros((HEIGHT, WIDTH), np.float32), rng.uniform(0, 0.6)
    for octave in range(2, 8):
        noise = rng.standard_normal((max(HEIGHT >> octave, 2) + 1, max(WIDTH >> octave, 2) + 1)).astype(np.float32)
        weight = rng.uniform(0.2, 1) * 2 ** (octave * roughness)
        picture += cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * weight
    return _full_range(picture)


def _shapes(rng: np.random.Generator) -> NDArray[np.float32]:
    """Rectangles, ellipses and lines: furniture, lamps, cables."""
    picture = np.full((HEIGHT, WIDTH), rng.uniform(0, 255), np.float32)
    for _ in range(rng.integers(5, 60)):
        level, start, end = float(rng.uniform(0, 255)), _point(rng), _point(rng)
        thickness = -1 if rng.random() < 0.6 else int(rng.integers(1, 8))
        kind = rng.integers(3)
        if kind == 0:
            cv2.rectangle(picture, start, end, level, thickness)
        elif kind == 1:
            axes = (int(rng.integers(3, 80)), int(rng.integers(3, 80)))
            cv2.ellipse(picture, start, axes, float(rng.uniform(0, 180)), 0, 360, level, thickness)
        else:
            cv2.line(picture, start, end, level, int(rng.integers(1, 12)))
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 3))  # type: ignore[return-value]


def _waves(rng: np.random.Generator) -> NDArray[np.float32]:
    """Stripes across each other: blinds, tiles, curtains."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    picture = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(rng.integers(1, 5)):
        angle, frequency = rng.uniform(0, np.pi), rng.uniform(0.02, 0.5)
        phase = (x * np.cos(angle) + y * np.sin(angle)) * frequency + rng.uniform(0, 2 * np.pi)
        picture += np.sin(phase).astype(np.float32) * np.float32(rng.uniform(0.2, 1))
    return _full_range(picture)


def _letters(rng: np.random.Generator) -> NDArray[np.float32]:
    """Writing: posters, book spines, signs."""
    picture = np.full((HEIGHT, WIDTH), rng.uniform(0, 255), np.float32)
    for _ in range(rng.integers(5, 40)):
        text = "".join(map(chr, rng.integers(48, 122, rng.integers(1, 9))))
        font, size, level = int(rng.integers(0, 6)), float(rng.uniform(0.4, 4)), float(rng.uniform(0, 255))
        cv2.putText(picture, text, _point(rng), font, size, level, int(rng.integers(1, 6)), cv2.LINE_AA)
    return picture


def _point(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))


def _full_range(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    spread = picture.max() - picture.min()
    scaled: NDArray[np.float32] = (picture - picture.min()) / max(spread, np.float32(1e-6)) * np.float32(255)
    return scaled
