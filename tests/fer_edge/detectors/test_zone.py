"""Faces are looked for in the zone alone; boxes are those of the whole frame."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from fer_edge.build import make_detector
from fer_edge.demo import PORTRAIT
from fer_edge.detectors.zone import Zone, in_zone
from fer_edge.settings import DetectorSettings
from fer_edge.types import Box, Frame
from hypothesis import given
from hypothesis import strategies as some

MakeFrame = Callable[..., Frame]
RIGHT_HALF = (0.5, 0.0, 0.5, 1.0)


class Seen:
    """A detector that finds one face in the corner, and keeps what it saw."""

    def detect(self, frame: Frame) -> list[Box]:
        self.frame = frame
        return [Box(1, 2, 3, 4)]


def test_only_the_zone_is_seen(make_frame: MakeFrame) -> None:
    grey = np.arange(100 * 200, dtype=np.uint32).reshape(100, 200).astype(np.uint8)
    seen = Seen()
    boxes = Zone(seen, (0.25, 0.1, 0.5, 0.8)).detect(make_frame(3, grey))
    assert (seen.frame.grey == grey[10:90, 50:150]).all()
    assert seen.frame.number == 3
    assert boxes == [Box(51, 12, 3, 4)]


def test_a_face_outside_is_not_read(make_frame: MakeFrame) -> None:
    """Of two portraits side by side the one in the zone is found, where it is in the frame."""
    portrait = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)
    assert portrait is not None
    frame = make_frame(0, np.hstack([portrait, portrait]).astype(np.uint8))
    width = portrait.shape[1]
    settings = DetectorSettings(name="haar")
    assert len(make_detector(settings, still=True).detect(frame)) == 2
    (box,) = make_detector(settings, still=True, zone=RIGHT_HALF).detect(frame)
    assert box.x > width
    assert frame.grey[box.y : box.y + box.height, box.x : box.x + box.width].size


def test_ignored_areas_are_those_of_the_frame(make_frame: MakeFrame) -> None:
    """`detector.ignore` is in shares of the frame, also if only a part of that is looked at."""
    portrait = cv2.imread(str(PORTRAIT), cv2.IMREAD_GRAYSCALE)
    assert portrait is not None
    frame = make_frame(0, np.hstack([portrait, portrait]).astype(np.uint8))
    settings = DetectorSettings(name="haar", ignore=(RIGHT_HALF,))
    assert make_detector(settings, still=True, zone=RIGHT_HALF).detect(frame) == []
    settings = DetectorSettings(name="haar", ignore=((0.0, 0.0, 0.5, 1.0),))
    assert len(make_detector(settings, still=True, zone=RIGHT_HALF).detect(frame)) == 1


@pytest.mark.parametrize(
    ("area", "inside"),
    [
        ((0.5, 0.0, 0.5, 1.0), [(0.0, 0.0, 1.0, 1.0)]),
        ((0.0, 0.0, 0.75, 0.5), [(0.0, 0.0, 0.5, 0.5)]),
        ((0.0, 0.0, 0.5, 1.0), []),
    ],
)
def test_areas_in_shares_of_the_zone(area: tuple[float, float, float, float], inside: list[object]) -> None:
    assert list(in_zone([area], RIGHT_HALF)) == inside


@given(some.tuples(*[some.floats(0, 1)] * 4), some.integers(1, 50), some.integers(1, 50))
def test_no_zone_is_empty(zone: tuple[float, float, float, float], width: int, height: int) -> None:
    """A zone smaller than a pixel, at the frame's edge, still has one."""
    from fer_edge.detectors.zone import _pixels

    left, top, right, bottom = _pixels(zone, width, height)
    assert 0 <= left < right
    assert 0 <= top < bottom
    assert left < width
    assert top < height
