from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fer_edge.sources.depth import to_8_bits
from fer_edge.sources.picture import read_picture
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from PIL import Image

RAMP = np.arange(256).reshape(16, 16)


@pytest.mark.parametrize(
    "values",
    [
        RAMP.astype(np.uint16),
        (RAMP << 2).astype(np.uint16),
        (RAMP << 4).astype(np.uint16),
        (RAMP << 6).astype(np.uint16),
        (RAMP << 8).astype(np.uint16),
        (RAMP << 4).astype(np.int32),
        (RAMP / 255).astype(np.float32),
        RAMP.astype(np.float64),
        (RAMP * 9.0 - 1000).astype(np.float32),
        (RAMP << 12).astype(np.int32),
    ],
)
def test_whole_range_is_used(values: Any) -> None:
    """10, 12 or 14 bits in 16, floats of 0 to 1 and of 0 to 255, temperatures."""
    assert np.abs(to_8_bits(values).astype(int) - RAMP).max() <= 1


def test_wrong_pixels_do_not_count() -> None:
    """A sensor's dead pixels, and those without a value."""
    values = np.tile(np.linspace(20.0, 40.0, 256), (256, 1)) - 100
    values[0, 0], values[3, 3], values[5, 5] = 1e30, np.nan, np.inf
    pixels = to_8_bits(values)
    assert pixels[9, 0] < 3
    assert pixels[9, 255] > 252


@given(arrays(np.float32, (4, 4), elements=some.floats(width=32)))
def test_any_float_is_survived(values: Any) -> None:
    assert to_8_bits(values).shape == (4, 4)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_files_of_floats(tmp_path: Path, dtype: Any) -> None:
    Image.fromarray((RAMP * 9 - 1000).astype(dtype)).save(tmp_path / "a.tif")
    picture = read_picture(tmp_path / "a.tif", 1000)
    assert np.abs(picture[:, :, 0].astype(int) - RAMP).max() <= 1
