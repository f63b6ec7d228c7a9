"""The nouns know what outputs for one face ask them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fer_edge.types import Box, Observation


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
