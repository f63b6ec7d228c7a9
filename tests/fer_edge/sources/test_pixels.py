"""Whatever a camera puts into memory, the grey picture is that of its pixels, without a byte of the padding."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from fer_edge.sources.pixels import PIXEL_FORMATS, colour, grey
from fer_edge.types import Pixels
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

PACKED = {"RGB888": (2, 1, 0), "BGR888": (0, 1, 2), "XRGB8888": (2, 1, 0, 3), "XBGR8888": (0, 1, 2, 3)}
# The order of the planes after the brightness: each a list of what is interleaved in it, of U (0) and V (1).
PLANAR = {"YUV420": [[0], [1]], "YVU420": [[1], [0]], "NV12": [[0, 1]], "NV21": [[1, 0]], "R8": []}
PADDING = 201  # no test picture has it everywhere, so a stray byte of it shows


def padded(rows: NDArray[np.uint8], stride: int) -> NDArray[np.uint8]:
    """A plane as it lies in memory: rows of `stride` bytes."""
    memory = np.full((rows.shape[0], stride), PADDING, np.uint8)
    memory[:, : rows.shape[1]] = rows
    return memory.ravel()


def packed(layout: str, rgb: Pixels, stride: int) -> NDArray[np.uint8]:
    """`rgb` (height, width, 3) in memory, by the order in which libcamera's documents put the bytes."""
    rgbx = np.dstack([rgb, np.full(rgb.shape[:2], 17, np.uint8)])
    return padded(rgbx[:, :, PACKED[layout]].reshape(rgb.shape[0], -1), stride)


def planar(layout: str, luma: Pixels, chroma: list[Pixels], stride: int) -> NDArray[np.uint8]:
    """`luma` and the two planes of `chroma`, half as wide and high, in memory."""
    planes = [padded(luma, stride)]
    for parts in PLANAR[layout]:
        rows = np.dstack([chroma[part] for part in parts])
        planes.append(padded(rows.reshape(rows.shape[0], -1), -(-stride // 2) * len(parts)))
    return np.concatenate(planes)


def picture(width: int, height: int, seed: int, channels: int = 3) -> Pixels:
    return np.random.default_rng(seed).integers(0, 200, (height, width, channels), np.uint8)


SIZES = st.integers(1, 37)
EXTRA = st.integers(0, 70)  # bytes of padding


def test_every_format_is_tried() -> None:
    assert {*PACKED, *PLANAR} == {*PIXEL_FORMATS}


@given(layout=st.sampled_from(sorted(PACKED)), width=SIZES, height=SIZES, extra=EXTRA, seed=st.integers(0, 99))
def test_packed_colours_become_grey(layout: str, width: int, height: int, extra: int, seed: int) -> None:
    """Red and blue are not taken for each other, and padding is not taken for pixels, at odd sizes too."""
    rgb = picture(width, height, seed)
    got = grey(
        packed(layout, rgb, width * len(PACKED[layout]) + extra),
        layout,
        width,
        height,
        width * len(PACKED[layout]) + extra,
    )
    assert got.shape == (height, width)
    assert got.dtype == np.uint8
    assert np.array_equal(got, cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).reshape(height, width))
    assert np.abs(got - rgb @ (0.299, 0.587, 0.114)).max() <= 1


@given(layout=st.sampled_from(sorted(PLANAR)), width=SIZES, height=SIZES, extra=EXTRA, seed=st.integers(0, 99))
def test_planar_formats_begin_with_the_brightness(layout: str, width: int, height: int, extra: int, seed: int) -> None:
    """No byte of the colours or the padding is taken for brightness, and nothing is copied."""
    luma = picture(width, height, seed, 1)[:, :, 0]
    half = [picture(-(-width // 2), -(-height // 2), seed + k, 1)[:, :, 0] for k in (1, 2)]
    memory = planar(layout, luma, half, width + extra)
    got = grey(memory, layout, width, height, width + extra)
    assert np.array_equal(got, luma)
    assert np.shares_memory(got, memory)


@pytest.mark.parametrize(
    ("layout", "conversion"),
    [
        ("YUV420", cv2.COLOR_YUV2GRAY_I420),
        ("YVU420", cv2.COLOR_YUV2GRAY_YV12),
        ("NV12", cv2.COLOR_YUV2GRAY_NV12),
        ("NV21", cv2.COLOR_YUV2GRAY_NV21),
    ],
)
def test_planar_formats_as_opencv_reads_them(layout: str, conversion: int) -> None:
    """A picture in colours, padded, is the one that OpenCV finds in the same picture without padding."""
    width, height, stride = 60, 40, 128
    i420 = cv2.cvtColor(picture(width, height, 5), cv2.COLOR_RGB2YUV_I420)
    luma, u, v = np.split(i420.ravel(), [width * height, width * height * 5 // 4])
    chroma = [plane.reshape(height // 2, width // 2) for plane in (u, v)]
    tight = planar(layout, luma.reshape(height, width), chroma, width)
    expected = cv2.cvtColor(tight.reshape(height * 3 // 2, width), conversion)
    memory = planar(layout, luma.reshape(height, width), chroma, stride)
    assert np.array_equal(grey(memory, layout, width, height, stride), expected)


@pytest.mark.parametrize("layout", sorted(PIXEL_FORMATS))
def test_a_short_buffer_is_no_picture(layout: str) -> None:
    """A frame that was cut off is an error, never a narrower or shifted picture."""
    stride = 8 * PIXEL_FORMATS[layout].size
    grey(np.zeros(4 * stride, np.uint8), layout, 8, 4, stride)
    with pytest.raises(ValueError, match=f"cannot hold 8 x 4 pixels in {layout}"):
        grey(np.zeros(4 * stride - 1, np.uint8), layout, 8, 4, stride)
    with pytest.raises(ValueError, match=f"rows of {stride - 1} cannot hold"):
        grey(np.zeros(4 * stride, np.uint8), layout, 8, 4, stride - 1)


@pytest.mark.parametrize(("width", "height", "stride"), [(40, 30, 64), (40, 30, 40), (33, 21, 64)])
@pytest.mark.parametrize("layout", [*PLANAR, *PACKED])
def test_colours_are_those_of_the_scene(layout: str, width: int, height: int, stride: int) -> None:
    """Two halves, red and blue, come back in every format; of R8 only the brightness is left."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:, : width // 2] = (220, 30, 20)
    rgb[:, width // 2 :] = (10, 60, 230)
    if layout in PACKED:
        memory = packed(layout, rgb, 4 * stride)
        stride *= 4
    else:
        luma, red, blue = (np.asarray(part, np.uint8) for part in cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)))
        memory = planar(layout, luma, [blue[::2, ::2], red[::2, ::2]], stride)
    found = colour(memory, layout, width, height, stride)
    assert found.shape == (height, width, 3)
    expected = rgb[:, :, ::-1]
    if layout == "R8":
        expected = np.dstack([cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)] * 3)
    for column in (2, width - 3):  # away from the edge between them, where colours of half the size mix
        assert np.abs(found[:, column].astype(int) - expected[:, column]).max() <= 3


def test_missing_colours_are_an_error() -> None:
    """A driver that gives the brightness alone."""
    with pytest.raises(ValueError, match="1200 bytes hold no colours of 40 x 30 pixels in YUV420"):
        colour(np.zeros(1200, np.uint8), "YUV420", 40, 30, 40)
