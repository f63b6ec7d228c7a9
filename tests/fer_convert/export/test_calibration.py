"""The faces that int8 is calibrated on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fer_convert.data import dataset
from fer_convert.export import calibration
from fer_convert.export.calibration import calibration_faces
from fer_edge.errors import DataError
from numpy.typing import NDArray


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


def test_best_draw_agrees_most(faces_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the draws, the one whose int8 model predicts what the float model does for the most faces."""
    faces = dataset.read(faces_csv, (48, 48)).training()[1]
    draws = [calibration_faces(faces, 5 + number) for number in range(calibration.CALIBRATION_DRAWS)]
    numbers = {draw.tobytes(): number for number, draw in enumerate(draws)}
    wanted = np.arange(len(faces)) % 7
    agreeing = [3, 9, 1, 20, 19, 0, 20, 2]  # faces, of each draw's model
    tried: list[int] = []

    def convert(_: object, __: object, variant: str, shown: NDArray[np.uint8]) -> int:
        assert variant == "int8"
        tried.append(numbers[shown.tobytes()])
        return tried[-1]

    monkeypatch.setattr(calibration, "predict", lambda _, __: np.eye(7)[wanted])
    monkeypatch.setattr(calibration.tflite, "convert", convert)
    monkeypatch.setattr(
        calibration.tflite,
        "predict_classes",
        lambda number, _: np.where(np.arange(len(faces)) < agreeing[number], wanted, (wanted + 1) % 7),
    )
    best = calibration.best_draw(None, (48, 48), faces, faces, 5)
    assert tried == list(range(8))
    assert best.tobytes() == draws[3].tobytes()
