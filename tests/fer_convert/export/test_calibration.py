"""The faces that int8 is calibrated on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fer_convert.data import dataset
from fer_convert.export.calibration import calibration_faces
from fer_edge.errors import DataError


def test_calibration_faces_are_balanced(faces_csv: Path) -> None:
    """As many of each class, the same for a seed, with a 0 and a 255; flat grey faces are refused."""
    faces = dataset.read(faces_csv, (48, 48)).training()[1]
    narrow = replace(faces, pixels=(faces.pixels // 2 + 20).astype(np.uint8))
    shown = calibration_faces(narrow, seed=1, count=14)
    assert len(shown) == 15  # two of each class, and one of them stretched
    assert (shown.min(), shown.max()) == (0, 255)
    assert shown.tobytes() == calibration_faces(narrow, seed=1, count=14).tobytes()
    flat = replace(faces, pixels=np.full_like(faces.pixels, 9))
    with pytest.raises(DataError, match="one flat grey"):
        calibration_faces(flat, seed=1)
