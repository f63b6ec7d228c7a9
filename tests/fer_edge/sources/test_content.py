"""A file is what its first bytes say, whatever its name."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge.errors import SourceError
from fer_edge.sources import open_files
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


MP3 = b"\xff\xfb\x90\x00" + bytes(413)


def with_cover(picture: bytes) -> bytes:
    """An MP3 with a cover picture (ID3v2.3)."""
    body = b"\0image/jpeg\0\x03\0" + picture
    tag = b"APIC" + len(body).to_bytes(4, "big") + b"\0\0" + body
    size = bytes(len(tag) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + tag + MP3 * 50


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.mp3", with_cover(picture("JPEG")), "is sound, with a cover picture at most; give a video"),
        ("a.flac", b"fLaC" + bytes(60), "is sound"),
        ("a.m4a", b"\0\0\0\x20ftypM4A " + bytes(60), "is sound"),
        ("a.aiff", b"FORM\0\0\1\0AIFF" + picture("JPEG"), "is sound"),
        ("a.pdf", b"%PDF-1.7\n", "but a PDF; save its pages as pictures"),
        ("a.jpg", b"<!DOCTYPE html><html>404", "that can be read, but text, perhaps a server's message"),
        ("a.mp4", b'{"error": "no such clip"}', "neither a video nor a picture, but text"),
        ("a.svg", b'<?xml version="1.0"?>\n<svg/>', "but SVG, a drawing; save it as a PNG"),
        ("a.zip", b"PK\x03\x04" + bytes(60), "but a ZIP archive; unpack it"),
        ("a.mp4", b"version https://git-lfs.github.com/spec/v1\n", "fetch the file with: git lfs pull"),
        ("a.txt", "schön\n".encode(), "but text; check the path"),
        ("a.mp4", bytes(range(256)), "is not a video that can be read, or is cut off; copy or record it again"),
    ],
)
def test_what_else_it_is_is_said(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=words):
        open_files(str(tmp_path / name))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"%PDF-1.7\n", "a PDF"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\0\0\1\0", "an icon"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of Microsoft Office"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"FUJIFILMCCD-RAW", "a camera's raw file"),
        (b"IIU\0", "a camera's raw file"),
        (b"IIRO\x08\0\0\0", "a camera's raw file"),
        (b"\0\0\0\x18ftypcrx ", "a camera's raw file"),
        (b"II*\0\x10\0\0\0CR\x02\0", "a camera's raw file"),
    ],
)
def test_picture_within_is_not_read(tmp_path: Path, head: bytes, words: str) -> None:
    """FFmpeg would find the JPEG in a document, an archive or a raw file, and take it, or several, for a video."""
    (tmp_path / "a").write_bytes(head.ljust(512, b"\0") + picture("JPEG"))
    with pytest.raises(SourceError, match=f"neither a video nor a picture, but {words}"):
        open_files(str(tmp_path / "a"))
    with pytest.raises(SourceError, match=rf"holds no picture, but a \({words}"):
        open_files(str(tmp_path))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("https://ann:geheim@host/a.jpg", r"host.*: is an address, .*; download it"),
        ("/dev/null", "/dev/null: is a device; a camera is read with: fer-edge run --source /dev/null"),
        ("camera:0", "no such file or folder; check the path; a camera is read with: fer-edge run --source"),
    ],
)
def test_no_file_says_what_to_do(spec: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        open_files(spec)
