"""Preprocessing exists once: exact pixels where nothing is resized, repeated edges, no floating point."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from fer_edge import preprocess
from fer_edge.types import Box
from hypothesis import given
from hypothesis import strategies as st

FRAME = np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)


def test_inner_box_is_a_view() -> None:
    """A box inside the frame is a view of its pixels."""
    face = preprocess.crop(FRAME, Box(10, 20, 30, 25))
    assert np.shares_memory(face, FRAME)
    np.testing.assert_array_equal(face, FRAME[20:45, 10:40])


def test_boxes_at_the_edges_are_views() -> None:
    """A box that touches all edges lies inside the frame."""
    assert preprocess.crop(FRAME, Box(0, 0, 80, 60)).base is FRAME


@pytest.mark.parametrize("box", [(-1, 20, 30, 30), (20, -1, 30, 30), (51, 20, 30, 30), (20, 31, 30, 30)])
def test_one_edge_is_enough(box: tuple[int, int, int, int]) -> None:
    """Of a box that reaches over a single edge by a pixel the edge is repeated."""
    x, y, width, height = box
    padded = cv2.copyMakeBorder(FRAME, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    face = preprocess.crop(FRAME, Box(*box))
    np.testing.assert_array_equal(face, padded[y + 1 : y + 1 + height, x + 1 : x + 1 + width])


@given(st.integers(-200, 200), st.integers(-200, 200), st.integers(1, 100), st.integers(1, 100))
def test_edge_pixels_are_repeated(x: int, y: int, width: int, height: int) -> None:
    """Beyond the frame's edge the edge pixels are repeated."""
    padded = cv2.copyMakeBorder(FRAME, 300, 300, 300, 300, cv2.BORDER_REPLICATE)
    face = preprocess.crop(FRAME, Box(x, y, width, height))
    np.testing.assert_array_equal(face, padded[y + 300 : y + 300 + height, x + 300 : x + 300 + width])


def test_matching_size_is_unchanged() -> None:
    """A face of the network's own size is not changed."""
    np.testing.assert_array_equal(preprocess.face_pixels(FRAME, Box(3, 4, 48, 48), (48, 48)), FRAME[4:52, 3:51])


@pytest.mark.parametrize("side", [20, 48, 64, 65, 200])
def test_output_has_the_networks_size(side: int) -> None:
    """Any face becomes uint8 pixels of the network's size."""
    face = preprocess.face_pixels(FRAME, Box(0, 0, side, side), (64, 64))
    assert (face.shape, face.dtype) == ((64, 64), np.uint8)


def test_output_array_is_used() -> None:
    """The result is written into the given array."""
    tensor = np.zeros((1, 64, 64, 1), np.uint8)
    preprocess.face_pixels(FRAME, Box(0, 0, 50, 50), (64, 64), out=tensor[0, :, :, 0])
    np.testing.assert_array_equal(tensor[0, :, :, 0], preprocess.face_pixels(FRAME, Box(0, 0, 50, 50), (64, 64)))


def test_shrinking_averages_instead_of_skipping_pixels() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (128, 64))
    assert set(preprocess.resize(stripes, (64, 64)).ravel().tolist()) <= {127, 128}


def test_shrinking_counts_every_column() -> None:
    """One dark column in four darkens the mean by a quarter, whichever of the four it is."""
    for dark in range(4):
        columns = np.where(np.arange(256) % 4 == dark, 0, 255).astype(np.uint8)
        for rows in (256, 64):  # also where only one side shrinks
            face = np.tile(columns, (rows, 1))
            assert set(preprocess.resize(face, (64, 64)).ravel().tolist()) == {191}
            assert set(preprocess.resize(face.T, (64, 64)).ravel().tolist()) == {191}


def test_a_size_is_height_and_width() -> None:
    assert preprocess.face_pixels(FRAME, Box(0, 0, 40, 40), (20, 30)).shape == (20, 30)


def test_enlarging_makes_a_soft_edge() -> None:
    """A face that is enlarged, if only in one direction, has no blocks: grey levels lie between the pixels'."""
    edge = np.tile(np.repeat(np.array([0, 200], np.uint8), 8), (64, 1))
    for size in ((64, 64), (8, 64)):
        for levels in (preprocess.resize(edge, size)[0], preprocess.resize(edge.T, size[::-1])[:, 0]):
            assert levels.tolist() == sorted(levels)
            assert len(set(levels)) > 3
