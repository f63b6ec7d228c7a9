"""Faces come out of photos as the device sees them, each in its folder; what has none is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_convert.cli import main
from fer_convert.data import dataset
from fer_convert.data.crop import crop_photos
from fer_convert.data.faces import Faces
from fer_convert.data.framing import framed_share
from fer_edge import preprocess
from fer_edge.build import make_detector
from fer_edge.demo import PORTRAIT
from fer_edge.errors import DataError
from fer_edge.settings import DetectorSettings
from fer_edge.sources.picture import read_frame


def silent(line: str) -> None:
    """Log nothing."""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for place in ("train/happy/one.jpg", "train/happy/one.png", "train/calm/two.jpg"):
        (tmp_path / "photos" / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PORTRAIT, tmp_path / "photos" / place)
    cv2.imwrite(str(tmp_path / "photos" / "train" / "calm" / "empty.png"), np.full((90, 120), 90, np.uint8))
    (tmp_path / "photos" / "train" / "calm" / "cut.jpg").write_bytes(PORTRAIT.read_bytes()[:3000])
    return tmp_path / "photos"


def test_faces_are_those_of_the_device(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = crop_photos(photos, tmp_path / "faces", silent)
    assert (found.faces, found.empty, found.unreadable, found.crowded) == (3, 1, 1, 0)
    written = sorted(path.relative_to(tmp_path / "faces").as_posix() for path in (tmp_path / "faces").rglob("*.png"))
    assert written == ["train/calm/two.png", "train/happy/one.jpg.png", "train/happy/one.png.png"]
    frame = read_frame(PORTRAIT, 0, 10**8)
    (box,) = make_detector(DetectorSettings(), still=True).detect(frame)
    crop = cv2.imread(str(tmp_path / "faces" / "train" / "calm" / "two.png"), cv2.IMREAD_UNCHANGED)
    assert crop.shape == (box.width, box.width)
    device = preprocess.face_pixels(frame.grey, box, (64, 64)).astype(int)
    assert np.abs(preprocess.resize(crop, (64, 64)).astype(int) - device).mean() < 3
    said = capsys.readouterr().err
    assert "empty.png: no face found" in said
    assert "cut.jpg: is cut off" in said


def test_photo_under_any_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no picture is named, so that nobody misses photos without a word."""
    (tmp_path / "photos").mkdir()
    for name in ("a.jfif", "b", "c.jpg.1", ".hidden.jpg"):
        shutil.copy(PORTRAIT, tmp_path / "photos" / name)
    (tmp_path / "photos" / "d.gif").write_bytes(b"GIF89a")
    crop_photos(tmp_path / "photos", tmp_path / "faces", silent)
    assert sorted(path.name for path in (tmp_path / "faces").iterdir()) == ["a.png", "b.png", "c.jpg.png"]
    assert "left out: 1 file of " in (said := capsys.readouterr().err)
    assert "d.gif (a video; give its own path)" in said


def test_crops_are_framed_and_photos_are_not() -> None:
    """What training warns of: whole photos, faces cut too wide."""
    frame = read_frame(PORTRAIT, 0, 10**8)
    (box,) = make_detector(DetectorSettings(), still=True).detect(frame)
    middle, labels = (box.x + box.width // 2, box.y + box.height // 2), np.zeros(1, np.int64)
    for factor, framed in ((0.95, 1), (1.0, 1), (1.6, 0), (2.5, 0)):
        side = int(box.width * factor)
        square = preprocess.turned_square(frame.grey, *middle, side, box.tilt, 64)
        assert framed_share(Faces(square[None], labels)) == (framed, 1), factor
    whole = preprocess.resize(frame.grey, (64, 64))
    assert framed_share(Faces(whole[None], labels)) == (0, 1)


def test_command_and_what_it_refuses(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faces = tmp_path / "faces"
    assert main(["crop", str(photos), "--out", str(faces)]) == 0
    assert "wrote 3 faces of 5 photos" in capsys.readouterr().out
    assert main(["crop", str(photos), "--out", str(photos / "faces")]) == 7
    assert "its faces would be cut again" in capsys.readouterr().err
    assert main(["crop", str(tmp_path / "none"), "--out", str(faces)]) == 7
    assert main(["crop", str(photos)]) == 2
    assert "try: fer-convert crop --help" in capsys.readouterr().err
    for path in photos.rglob("*"):
        if path.name != "empty.png" and path.is_file():
            path.unlink()
    with pytest.raises(DataError, match="no face found in 1 photo"):
        crop_photos(photos, faces, silent)


def test_crops_can_be_read(photos: Path, tmp_path: Path) -> None:
    crop_photos(photos, tmp_path / "faces", silent)
    assert dataset.read(tmp_path / "faces", (64, 64)).classes == ("calm", "happy")
