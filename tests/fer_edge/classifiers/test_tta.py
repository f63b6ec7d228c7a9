"""A face is classified in many views over time, and a new one in several views in its first frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from fer_edge.classifiers.tta import SHIFTS, ZOOMS, MirrorAveraging, TestTimeAugmentation, view
from fer_edge.types import EMOTIONS, Box, Pixels, Prediction, TiltedBox
from hypothesis import given
from hypothesis import strategies as st

GREY = np.zeros((480, 640), np.uint8)
FACE = Box(200, 100, 120, 120)


class Noted:
    """A classifier that notes the boxes it gets; the score of its last label grows with each."""

    name, identity = "noted", "its sha256"
    labels = EMOTIONS[:2]

    def __init__(self) -> None:
        self.asked: list[Box] = []

    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]:
        assert grey is GREY
        predictions = []
        for box in boxes:
            self.asked.append(box)
            share = min(0.1 * len(self.asked), 1.0)
            predictions.append(Prediction(self.labels, (1 - share, share)))
        return predictions


def test_still_face_has_thirty_views() -> None:
    """A face that holds still is classified in fifteen places, in each as it is and in its mirror image."""
    noted = Noted()
    tta = TestTimeAugmentation(noted)
    for _ in range(40):
        assert len(tta.predict(GREY, [FACE])) == 1
    assert len(set(noted.asked)) == len(SHIFTS) * len(ZOOMS) == 15
    assert len({(box, box.mirrored) for box in noted.asked}) == 30


def test_new_face_averages_five_views() -> None:
    """A new face is classified in five views in its first frame, and the mean counts."""
    noted = Noted()
    tta = TestTimeAugmentation(noted)
    (first,) = tta.predict(GREY, [FACE])
    assert len(set(noted.asked)) == len(SHIFTS)
    assert first.scores == pytest.approx((0.7, 0.3))  # of 0.1, 0.2, 0.3, 0.4, 0.5
    tta.predict(GREY, [FACE._replace(x=210)])
    assert len(noted.asked) == len(SHIFTS) + 1
    tta.predict(GREY, [FACE._replace(x=220), FACE._replace(x=500)])
    assert len(noted.asked) == 2 * len(SHIFTS) + 2


def test_picture_averages_face_and_mirror_image() -> None:
    """In a single picture each face is classified as it is and in its mirror image, and the mean counts."""
    noted = Noted()
    first, second = MirrorAveraging(noted).predict(GREY, [FACE, TiltedBox(*FACE, tilt=25.0)])
    assert [(box, box.tilt, box.mirrored) for box in noted.asked] == [
        (FACE, 0.0, False),
        (FACE, 0.0, True),
        (FACE, 25.0, False),
        (FACE, 25.0, True),
    ]
    assert first.scores == pytest.approx((0.85, 0.15))  # of 0.1 and 0.2
    assert second.scores == pytest.approx((0.65, 0.35))


@pytest.mark.parametrize("kind", [TestTimeAugmentation, MirrorAveraging])
def test_tta_passes_attributes_on(kind: type[TestTimeAugmentation] | type[MirrorAveraging]) -> None:
    """Name, identity and labels are those of the classifier."""
    tta = kind(Noted())
    assert (tta.name, tta.identity, tta.labels) == ("noted", "its sha256", EMOTIONS[:2])
    assert tta.predict(GREY, []) == []


@pytest.mark.parametrize("side", [61, 113, 500])
def test_views_lie_evenly_about_the_box(side: int) -> None:
    """Averaged over all fifteen the views are the box itself: they shift and zoom no prediction to one side."""
    mean = np.mean([view(Box(200, 100, side, side), number) for number in range(len(SHIFTS) * len(ZOOMS))], axis=0)
    assert mean == pytest.approx([200, 100, side, side], abs=0.3)


@given(st.builds(Box, *[st.integers(-500, 5000)] * 2, *[st.integers(1, 2000)] * 2), st.integers(0, 10**6))
def test_every_view_lies_on_the_box(box: Box, number: int) -> None:
    seen = view(box, number)
    for low, side, was, before in ((seen.x, seen.width, box.x, box.width), (seen.y, seen.height, box.y, box.height)):
        assert 0.9 * before - 1 <= side <= 1.1 * before + 1
        assert abs(low + side / 2 - was - before / 2) <= 0.04 * before + 1


def test_views_keep_the_tilt() -> None:
    """Every view of a tilted head is turned upright as the head itself is, and one of an upright head is not turned."""
    noted = Noted()
    tta = TestTimeAugmentation(noted)
    tta.predict(GREY, [TiltedBox(*FACE, tilt=25.0)])
    assert [box.tilt for box in noted.asked] == [25.0] * len(SHIFTS)
    tta.predict(GREY, [FACE._replace(x=500)])
    assert [box.tilt for box in noted.asked[len(SHIFTS) :]] == [0.0] * len(SHIFTS)
