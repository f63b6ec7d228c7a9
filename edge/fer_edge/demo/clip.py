"""Draws the demo clip: a face that moves, dims, leaves, comes back, is joined by a second one, and shrinks.

Everything is computed from the frame's number, so every run gives the same pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_edge.demo import PORTRAIT
from fer_edge.errors import SourceError
from fer_edge.types import Pixels

WIDTH, HEIGHT, FPS = 640, 480, 25
LENGTH = 24 * FPS  # frames


class Key(NamedTuple):
    """A key frame: the place of a face at a time; between two keys it is interpolated."""

    second: float
    x: float  # the face's middle, pixels of the frame
    y: float
    face: float  # the face's width, pixels


# The first face moves about, stays while the light dims and returns, leaves to the right, comes back from the left,
# stays while the second one is there, moves away from the camera until it is small, and leaves.
FIRST = (
    Key(0, 230, 210, 96),
    Key(3, 390, 230, 130),
    Key(5, 330, 200, 110),
    Key(9, 300, 220, 110),
    Key(11, 860, 230, 110),
    Key(11.01, -180, 210, 100),  # less than a frame later, so that no frame shows it crossing
    Key(12.5, -180, 210, 100),
    Key(14, 190, 210, 100),
    Key(19, 210, 230, 105),
    Key(20, 320, 230, 130),
    Key(23, 320, 250, 34),
    Key(23.6, 690, 250, 34),
)
SECOND = (
    Key(14.5, 800, 240, 80),
    Key(15.5, 470, 240, 84),
    Key(18.0, 450, 220, 90),
    Key(19.0, 800, 230, 84),
)
LIGHT = ((0, 5, 6.5, 7.5, 9, 24), (1, 1, 0.3, 0.3, 1, 1))  # seconds, share of the full light

# In pixels of the portrait: the face, and the oval that is cut out around head and shoulders.
_FACE = (224.0, 112.0, 92.0)  # middle x and y, width
_OVAL = (226, 176, 134, 184)  # middle x and y, half width and half height
_FEATHER_PX = 24  # width of the soft edge


class Clip:
    """The clip's frames, each drawn in a fraction of a millisecond."""

    def __init__(self) -> None:
        """Load the portrait. Raises SourceError if the installed package lacks it."""
        # Not imread, which writes a warning about a missing file to stderr.
        content = PORTRAIT.read_bytes() if PORTRAIT.is_file() else b"\0"
        portrait = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        if portrait is None:
            raise SourceError(f"demo: {PORTRAIT} is missing or damaged; install fer-edge again")
        cut = _cut_out(np.asarray(portrait, np.uint8))
        self._actors = ((FIRST, cut, _FACE[0]), (SECOND, _mirrored(cut), portrait.shape[1] - _FACE[0]))
        self._background = _background()

    def draw(self, number: int) -> Pixels:
        """Frame `number`, 0 to LENGTH - 1, as (HEIGHT, WIDTH, 3) BGR."""
        second = number / FPS
        picture = self._background.copy()
        for keys, cut, middle in self._actors:
            if keys[0].second <= second < keys[-1].second:
                _paste(picture, cut, middle, at(keys, second))
        light = float(np.interp(second, *LIGHT))
        return picture if light == 1 else np.asarray(cv2.convertScaleAbs(picture, alpha=light), np.uint8)


class _Cut(NamedTuple):
    """A cut-out portrait: its colours are already weighted with `mask`."""

    colour: Pixels  # (height, width, 3) BGR
    mask: Pixels  # (height, width): 0 for the background, 255 for the portrait


def _cut_out(portrait: Pixels) -> _Cut:
    x, y, half_width, half_height = _OVAL
    oval = np.zeros(portrait.shape[:2], np.uint8)
    axes = (half_width - _FEATHER_PX, half_height - _FEATHER_PX)
    cv2.ellipse(oval, (x, y), axes, 0, 0, 360, 255, cv2.FILLED)
    mask = np.asarray(cv2.GaussianBlur(oval, (0, 0), _FEATHER_PX / 2), np.uint8)
    weights = np.asarray(cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR), np.uint8)
    return _Cut(np.asarray(cv2.multiply(portrait, weights, scale=1 / 255), np.uint8), mask)


def _mirrored(cut: _Cut) -> _Cut:
    return _Cut(np.ascontiguousarray(cut.colour[:, ::-1]), np.ascontiguousarray(cut.mask[:, ::-1]))


def _background() -> Pixels:
    """A smooth wall: lighter above, darker below and at the sides; nothing in it resembles a face."""
    rows = np.linspace(1.0, 0.72, HEIGHT, dtype=np.float32)[:, None]
    columns = 1 - 0.18 * np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :] ** 2
    wall: NDArray[np.float32] = rows * columns
    return (wall[:, :, None] * np.array((192, 197, 200), np.float32)).astype(np.uint8)


def at(keys: tuple[Key, ...], second: float) -> Key:
    """The place at `second`, interpolated smoothly between two keys."""
    later = next(index for index, key in enumerate(keys) if key.second > second)
    before, after = keys[later - 1], keys[later]
    share = (second - before.second) / (after.second - before.second)
    share = share * share * (3 - 2 * share)
    return Key(second, *(a + (b - a) * share for a, b in zip(before[1:], after[1:], strict=True)))


def _paste(picture: Pixels, cut: _Cut, middle: float, place: Key) -> None:
    """Draw `cut`, whose face is at `middle`, into `picture` so that the face is at `place`."""
    scale = place.face / _FACE[2]
    height, width = cut.mask.shape
    # The part of the frame that the cut covers; only that part is changed.
    offset_x, offset_y = place.x - middle * scale, place.y - _FACE[1] * scale
    left, top = max(0, int(offset_x)), max(0, int(offset_y))
    right, bottom = min(WIDTH, int(offset_x + width * scale)), min(HEIGHT, int(offset_y + height * scale))
    if left >= right or top >= bottom:
        return
    matrix = np.array(((scale, 0, offset_x - left), (0, scale, offset_y - top)), np.float32)
    size = (right - left, bottom - top)
    colour = cv2.warpAffine(cut.colour, matrix, size)
    rest = cv2.cvtColor(cv2.bitwise_not(cv2.warpAffine(cut.mask, matrix, size)), cv2.COLOR_GRAY2BGR)
    part = picture[top:bottom, left:right]
    cv2.add(cv2.multiply(part, rest, scale=1 / 255), colour, dst=part)
