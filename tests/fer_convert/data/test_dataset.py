"""A path is a CSV, a folder, or refused; training sees the bytes that the device sees."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from fer_convert.data import dataset
from fer_convert.data.faces import network_input
from fer_edge import preprocess
from fer_edge.errors import DataError
from fer_edge.types import Box

SIZE = (64, 64)


def test_path_that_is_no_data(tmp_path: Path) -> None:
    """A missing path and a file of another kind are refused."""
    with pytest.raises(DataError, match="no such file or folder"):
        dataset.read(tmp_path / "none.csv", SIZE)
    (tmp_path / "faces.txt").write_text("x")
    with pytest.raises(DataError, match=r"not a \.csv file and not a folder"):
        dataset.read(tmp_path / "faces.txt", SIZE)


def test_unreadable_path_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed folder, and a path that no system takes, are no bugs with a traceback."""
    with pytest.raises(DataError, match=r"cannot be read \(File name too long\); check the path and its rights"):
        dataset.read(Path("x" * 5000), SIZE)

    def closed(path: Path, **_: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", closed)
    with pytest.raises(DataError, match=r"faces.csv: cannot be read \(Permission denied\); check the path"):
        dataset.read(tmp_path / "faces.csv", SIZE)


def test_training_sees_the_devices_bytes(faces_csv: Path) -> None:
    """A face is resized in training to the bytes that the device would give the network."""
    native, resized = dataset.read(faces_csv, (48, 48)).training()[1], dataset.read(faces_csv, SIZE).training()[1]
    for face, trained in zip(native.pixels, resized.pixels, strict=True):
        frame = np.full((120, 160), 9, np.uint8)
        frame[30:78, 50:98] = face
        seen = preprocess.face_pixels(frame, Box(50, 30, 48, 48), SIZE)
        assert seen.tobytes() == trained.tobytes()
    assert network_input(resized.pixels).astype(np.uint8)[..., 0].tobytes() == resized.pixels.tobytes()
