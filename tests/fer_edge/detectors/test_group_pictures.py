"""Group pictures, composed of the portrait: everybody in them is found, and nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fer_edge.settings import DetectorSettings
from group_pictures import compose, found_in


@pytest.mark.parametrize(("people", "side"), [(12, 30), (12, 120), (30, 45)])
def test_everybody_is_found(people: int, side: int) -> None:
    picture, boxes = compose(people, side)
    found, wrong = found_in(picture, boxes, replace(DetectorSettings(), name="haar"))
    assert (found, wrong) == (people, [])
