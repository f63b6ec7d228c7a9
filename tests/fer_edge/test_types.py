"""The nouns know what outputs for one face ask them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest
from fer_edge.types import Box, Observation, TiltedBox


def test_largest_face_has_the_most_pixels(make_observation: Callable[..., Observation]) -> None:
    """By area, not by width, height or number; of two alike the first."""
    seen = make_observation(0, "happy", "sad", "fear")
    wide, high, tall = seen.faces
    boxes = (Box(0, 0, 30, 10), Box(0, 0, 20, 20), Box(0, 0, 10, 39))
    faces = tuple(replace(face, box=box) for face, box in zip((wide, high, tall), boxes, strict=True))
    assert replace(seen, faces=faces).largest_face == faces[1]
    assert make_observation(0, "sad", "happy").largest_face.emotion == "sad"  # type: ignore[union-attr]


def test_no_face_is_the_largest_of_none(make_observation: Callable[..., Observation]) -> None:
    assert make_observation(0).largest_face is None


def test_tilted_box_is_a_box() -> None:
    """It has four numbers, and is equal to the upright box with the same ones; the tilt is beside them."""
    box = TiltedBox(1, 2, 3, 4, -20.0)
    x, y, width, height = box
    assert (x, y, width, height, box.tilt) == (1, 2, 3, 4, -20.0)
    assert (box.x, box.y, box.width, box.height) == (1, 2, 3, 4)
    assert box == Box(1, 2, 3, 4)
    assert hash(box) == hash(Box(1, 2, 3, 4))
    assert isinstance(box, Box)
    assert (Box(1, 2, 3, 4).tilt, TiltedBox(1, 2, 3, 4).tilt) == (0, 0)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_tilt_survives_copies(protocol: int) -> None:
    """Between processes, in copies, and if one of the numbers is replaced."""
    box = TiltedBox(1, 2, 3, 4, -20.0)
    for same in (pickle.loads(pickle.dumps(box, protocol)), copy.copy(box), copy.deepcopy(box)):
        assert (same, same.tilt, type(same)) == (box, -20.0, TiltedBox)
    moved = box._replace(x=7, height=9)
    assert (moved, moved.tilt) == (Box(7, 2, 3, 9), -20.0)
    mirrored = TiltedBox(1, 2, 3, 4, mirrored=True)
    for same in (pickle.loads(pickle.dumps(mirrored, protocol)), copy.copy(mirrored), mirrored._replace(x=1)):
        assert same.mirrored
