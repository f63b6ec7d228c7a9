"""The areas of the frame in which nothing is looked for (`detector.ignore`): a poster, a television, a mirror."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fer_edge.detectors.candidate import Candidate
from fer_edge.types import Area


class IgnoredAreas:
    """A face whose middle lies in one of `areas` is no face, and what changes in them is no motion."""

    def __init__(self, areas: Sequence[Area]) -> None:
        self._areas = tuple(areas)

    def has(self, square: Candidate, shape: tuple[int, ...]) -> bool:
        """Whether the middle of the face in `square`, in pixels of a frame of `shape` (height, width), is in one."""
        if not self._areas:
            return False
        right, down = (square.x + square.side / 2) / shape[1], (square.y + square.side / 2) / shape[0]
        return any(x <= right <= x + width and y <= down <= y + height for x, y, width, height in self._areas)

    def blank(self, tiles: NDArray[Any]) -> None:
        """Set to 0 what they touch of `tiles` (rows, columns), which cover the frame."""
        rows, columns = tiles.shape
        for x, y, width, height in self._areas:
            tiles[_span(y, height, rows), _span(x, width, columns)] = 0


def _span(start: float, length: float, count: int) -> slice:
    """Which of `count` tiles are touched from `start` on for `length`, both shares of all tiles."""
    return slice(math.floor(start * count + 1e-6), math.ceil((start + length) * count - 1e-6))
