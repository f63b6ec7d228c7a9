"""Annotated pictures stay inside the picture, whatever the box, and say what cannot be written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge.drawing.annotate import annotate, colour_of
from fer_edge.errors import SinkError
from fer_edge.sinks.annotated import AnnotatedPictures, AnnotatedVideo
from fer_edge.types import EMOTIONS, UNCERTAIN, Box, Face, Observation, Prediction
from hypothesis import given
from hypothesis import strategies as st

READING = Prediction(EMOTIONS, (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0))
sides = st.integers(1, 300)


@given(
    height=sides,
    width=sides,
    box=st.builds(Box, st.integers(-400, 400), st.integers(-400, 400), st.integers(1, 500), st.integers(1, 500)),
)
def test_any_box_can_be_drawn(height: int, width: int, box: Box) -> None:
    """Any box in any picture can be drawn."""
    picture = np.full((height, width, 3), 90, np.uint8)
    drawn = annotate(picture, [Face(1, box, "happy", 1.0, READING)])
    assert drawn.shape == picture.shape
    assert (picture == 90).all()  # the frame itself is not drawn on


def test_grey_picture_becomes_colour() -> None:
    """A grey picture comes out in colour."""
    drawn = annotate(np.full((100, 100), 90, np.uint8), [Face(1, Box(20, 40, 50, 50), "happy", 1.0, READING)])
    assert drawn.shape == (100, 100, 3)
    assert (drawn == colour_of("happy")).all(axis=2).any()


def test_every_emotion_has_its_colour() -> None:
    """Every emotion has a colour of its own and what is uncertain another."""
    assert len({colour_of(emotion) for emotion in EMOTIONS}) == 7
    assert colour_of(UNCERTAIN) not in {colour_of(emotion) for emotion in EMOTIONS}


def test_unmakeable_folder_is_reported(tmp_path: Path) -> None:
    """A folder that cannot be made is reported."""
    (tmp_path / "file").touch()
    for make in (AnnotatedPictures, lambda folder: AnnotatedVideo(folder, "clip", 25.0)):
        with pytest.raises(SinkError, match=r"file/sub: cannot be made.*--annotate"):
            make(tmp_path / "file" / "sub")


def test_unwritable_video_is_reported(tmp_path: Path, make_observation: Callable[..., Observation]) -> None:
    """A video that cannot be written is reported."""
    sink = AnnotatedVideo(tmp_path / "drawn", "clip", 25.0)
    (tmp_path / "drawn").rmdir()
    with pytest.raises(SinkError, match=r"clip-annotated\.mp4: cannot be written"):
        sink.write(make_observation(0, "happy"))
    sink.close()


def test_unfinished_video_is_called_so(tmp_path: Path, make_observation: Callable[..., Observation]) -> None:
    """A program that is killed leaves no file that looks whole; the next run overwrites nothing."""
    left = AnnotatedVideo(tmp_path, "clip", 25.0)
    left.write(make_observation(0, "happy"))
    assert [path.name for path in tmp_path.iterdir()] == ["clip-annotated.unfinished.mp4"]
    for name in ("clip-annotated.mp4", "clip-annotated-2.mp4"):
        sink = AnnotatedVideo(tmp_path, "clip", 25.0)
        sink.write(make_observation(0, "happy"))
        sink.close()
        assert sink.path == tmp_path / name
        assert cv2.VideoCapture(sink.written).get(cv2.CAP_PROP_FRAME_COUNT) == 1
    assert len(list(tmp_path.iterdir())) == 3
