from __future__ import annotations

import cv2
import numpy as np
import pytest
from fer_edge.sources.mounting import Mounting, pixel_aspect
from fer_edge.types import Pixels

PICTURE = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)


@pytest.mark.parametrize(
    ("rotate", "flip", "expected"),
    [
        (0, False, [[1, 2, 3], [4, 5, 6]]),
        (90, False, [[4, 1], [5, 2], [6, 3]]),
        (180, False, [[6, 5, 4], [3, 2, 1]]),
        (270, False, [[3, 6], [2, 5], [1, 4]]),
        (0, True, [[3, 2, 1], [6, 5, 4]]),
        (180, True, [[4, 5, 6], [1, 2, 3]]),
        (90, True, [[1, 4], [2, 5], [3, 6]]),
    ],
)
@pytest.mark.parametrize("colour", [False, True])
def test_turned_clockwise_then_mirrored(rotate: int, flip: bool, expected: list[list[int]], colour: bool) -> None:
    picture: Pixels = np.dstack([PICTURE] * 3) if colour else PICTURE
    turned = Mounting(rotate, flip).apply(picture)
    assert (turned[..., 0] if colour else turned).tolist() == expected
    assert turned.flags.c_contiguous


def test_nothing_to_do_costs_nothing() -> None:
    assert Mounting().apply(PICTURE) is PICTURE
    assert Mounting(aspect=1081 / 1080).apply(PICTURE) is PICTURE


@pytest.mark.parametrize(
    ("aspect", "shape"),
    [
        (2.0, (40, 120)),
        (0.5, (80, 60)),
        (16 / 15, (40, 64)),
        (100.0, (40, 60)),
        (0.0, (40, 60)),
        (float("nan"), (40, 60)),
    ],
)
def test_pixels_become_square(aspect: float, shape: tuple[int, int]) -> None:
    """The shorter side grows; an aspect that no camera has is ignored."""
    assert Mounting(aspect=aspect).apply(np.zeros((40, 60), np.uint8)).shape == shape


class Capture:
    def __init__(self, wide: float, high: float, rotation: float = 0) -> None:
        self.values = {
            cv2.CAP_PROP_SAR_NUM: wide,
            cv2.CAP_PROP_SAR_DEN: high,
            cv2.CAP_PROP_ORIENTATION_META: rotation,
        }

    def get(self, key: int) -> float:
        return self.values[key]


@pytest.mark.parametrize(
    ("capture", "aspect"),
    [
        (Capture(0, 1), 1),
        (Capture(-1, -1), 1),
        (Capture(2, 1), 2),
        (Capture(2, 1, rotation=90), 0.5),
        (Capture(2, 1, rotation=-90), 0.5),
        (Capture(2, 1, rotation=180), 2),
    ],
)
def test_aspect_of_a_video(capture: Capture, aspect: float) -> None:
    assert pixel_aspect(capture) == aspect
