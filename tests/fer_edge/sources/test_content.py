"""A file is what its first bytes say, whatever its name."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge.sources.content import file_kind, is_motion_jpeg, kind_of
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

PICTURE = Image.fromarray(np.full((40, 60, 3), 90, np.uint8))


def picture(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    PICTURE.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("name", ["a.jfif", "a.jpg.1", "snapshot.cgi", "a", "a.mp4", ".a", "a.JPE"])
def test_picture_under_any_name(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / name).write_bytes(picture(kind))
    assert file_kind(tmp_path / name) == "picture"


@pytest.mark.parametrize(("suffix", "codec"), [(".avi", "MJPG"), (".mp4", "mp4v"), (".mkv", "mp4v")])
def test_video_under_any_name(tmp_path: Path, suffix: str, codec: str) -> None:
    path = tmp_path / f"clip{suffix}"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 25, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    assert file_kind(path.rename(tmp_path / "clip.jpg")) == "video"


def test_damaged_picture_keeps_its_name(tmp_path: Path) -> None:
    """What no content can tell, a suffix does: an empty .jpg is a damaged picture, not a video."""
    for name, kind in (("a.jpg", "picture"), ("a.txt", "other"), ("a", "other")):
        (tmp_path / name).write_bytes(b"<html>404 Not Found</html>")
        assert file_kind(tmp_path / name) == kind


def test_motion_jpeg_is_a_video(tmp_path: Path) -> None:
    """JPEGs one after the other are a video; a photo with a smaller copy behind it (MPF) is one picture."""
    one = picture("JPEG")
    for name, data in (("a.mjpeg", one), ("a", one * 3), ("a.cgi", one * 2)):
        (tmp_path / name).write_bytes(data)
        assert file_kind(tmp_path / name) == "video"
    out = io.BytesIO()
    PICTURE.save(out, "MPO", save_all=True, append_images=[PICTURE])
    assert not is_motion_jpeg(out.getvalue())
    (tmp_path / "b").write_bytes(out.getvalue())
    assert file_kind(tmp_path / "b") == "picture"


@given(st.text())
def test_text_is_no_picture(text: str) -> None:
    """Nor does any beginning raise, "BM" least of all."""
    assert kind_of(b"BM" + text.encode()) != "video"
    assert kind_of(text.encode()) != "picture" or text.startswith(("II*\0", "MM\0*", "II+\0", "MM\0+"))
