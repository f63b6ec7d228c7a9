from __future__ import annotations

import errno
import os
import struct
import tempfile
import zlib
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge.errors import SourceError
from fer_edge.sources import heif
from fer_edge.sources.folder import PictureFolder
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.picture import Picture
from fer_edge.types import Frame, Pixels
from PIL import Image


def gradient(height: int = 60, width: int = 80) -> Pixels:
    """Dark at the left, bright at the right, blue; no two columns alike."""
    columns = np.linspace(0, 255, width).astype(np.uint8)
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, :, 0] = columns
    picture[:, :, 1] = columns // 2
    return picture


def read(path: Path) -> Frame:
    with closing(Picture(str(path), SourceOptions())) as picture:
        (frame,) = picture
    return frame


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def giant_png(path: Path) -> Path:
    """A file of a few kilobytes that says it has 400 megapixels."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000), 9)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), gradient())
    frame = read(path)
    assert frame.colour is not None
    assert np.abs(frame.colour.astype(int) - gradient()).mean() < 4
    assert (frame.grey == cv2.cvtColor(frame.colour, cv2.COLOR_BGR2GRAY)).all()
    assert (frame.number, frame.time, frame.source) == (0, 0.0, str(path))
    assert frame.taken.timestamp() == pytest.approx(path.stat().st_mtime)
    assert frame.taken.tzinfo is not None


@pytest.mark.parametrize(
    ("mode", "shape"),
    [("L", (60, 80)), ("1", (60, 80)), ("P", (60, 80)), ("RGBA", (60, 80)), ("LA", (60, 80))],
)
def test_modes(tmp_path: Path, mode: str, shape: tuple[int, int]) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(gradient()[:, :, 0]).convert(mode).save(path)
    assert read(path).grey.shape == shape


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), gradient()[:, :, 0].astype(np.uint16) * 257)
    assert (read(path).grey == gradient()[:, :, 0]).all()


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    """The EXIF orientation is applied as OpenCV does."""
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.fromarray(gradient()).save(path, exif=exif, quality=95)
    expected = cv2.imread(str(path))
    assert expected is not None
    colour = read(path).colour
    assert colour is not None
    assert colour.shape == expected.shape == (80, 60, 3)
    assert np.abs(colour.astype(int) - expected).mean() < 1


def test_giant_is_refused_undecoded(tmp_path: Path) -> None:
    path = giant_png(tmp_path / "giant.png")
    with pytest.raises(SourceError) as caught:
        read(path)
    assert str(caught.value) == (
        f"picture {path}: has 20000 x 20000 pixels (400 megapixels), the limit is 50 megapixels; shrink it first"
    )


def test_a_pixel_too_many_is_seen(tmp_path: Path) -> None:
    """Not "50 megapixels, the limit is 50 megapixels"."""
    cv2.imwrite(str(tmp_path / "a.png"), gradient(100, 101))
    with pytest.raises(SourceError, match=r"\(0.0101 megapixels\), the limit is 0.01 megapixels; shrink it first"):
        Picture(str(tmp_path / "a.png"), SourceOptions(max_pixels=10_000))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_cut_off(tmp_path: Path, capfd: pytest.CaptureFixture[str], suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SourceError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"words\n" * 100, "is not a picture"), (b"\xff\xd8\xff", "is not a picture|cut off")],
)
def test_no_picture(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        read(path)


def test_missing_and_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="no such file"):
        read(tmp_path / "no.jpg")
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), gradient())

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(SourceError, match="Permission denied"):
        read(path)


def test_folder_gives_its_pictures_sorted(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "C.PNG"):
        cv2.imwrite(str(tmp_path / name), gradient())
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "sub.png").mkdir()
    with closing(PictureFolder(str(tmp_path), SourceOptions())) as folder:
        frames = list(folder)
        assert folder.length == 3
    assert [Path(frame.source).name for frame in frames] == ["C.PNG", "a.jpg", "b.png"]
    assert [(frame.number, frame.time) for frame in frames] == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert list(folder) == []


def test_folder_says_what_it_leaves_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture counts under any name; what is none is named with the reason, at most so many of them."""
    monkeypatch.setattr(heif, "_register", lambda: False)
    cv2.imwrite(str(tmp_path / "a.jpg"), gradient())
    (tmp_path / "a.jpg").rename(tmp_path / "a.jpg.1")
    (tmp_path / "b.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    (tmp_path / "c.heic").write_bytes(b"\0\0\0\x20ftypheic")
    os.mkfifo(tmp_path / "d")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with closing(PictureFolder(str(tmp_path), SourceOptions())) as folder:
        assert [frame.source for frame in folder] == [str(tmp_path / "a.jpg.1")]
    assert caplog.records.pop().getMessage() == (
        f"folder {tmp_path}: 5 of 6 files left out: b.mp4 (a video; give its own path), c.heic (HEIC or AVIF; install: "
        "pip install 'fer-edge[heif]' 'pillow>=11.3', or make it a JPEG), d (no file), link (No such file or "
        "directory), sub (a folder)"
    )
    for number in range(9):
        (tmp_path / f"x{number}").touch()
    PictureFolder(str(tmp_path), SourceOptions()).close()
    assert caplog.records.pop().getMessage().endswith("x1 (no picture), x2 (no picture) and 6 more")


def test_bad_picture_spares_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A bad picture is reported, and the others are read."""
    for name in ("a.png", "d.png"):
        cv2.imwrite(str(tmp_path / name), gradient())
    (tmp_path / "b.jpg").write_bytes(b"")
    giant_png(tmp_path / "c.png")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "nothing.jpg")
    frames = []
    with (
        closing(PictureFolder(str(tmp_path), SourceOptions())) as folder,
        pytest.raises(SourceError, match="3 of its 5 pictures could not be read"),
    ):
        frames.extend(folder)
    assert [(Path(frame.source).name, frame.number) for frame in frames] == [("a.png", 0), ("d.png", 1)]
    assert [record.message.split(":")[0] for record in caplog.records] == [
        f"picture {tmp_path / name}" for name in ("b.jpg", "c.png", "link.jpg")
    ]


@pytest.mark.parametrize("content", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"DDS " + b"\0" * 200])
def test_other_formats_are_not_decoded(tmp_path: Path, content: bytes) -> None:
    """PostScript in a .jpg would start another program."""
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(SourceError, match="is not a picture that can be read"):
        read(tmp_path / "x.jpg")


def test_non_file_is_an_error(tmp_path: Path) -> None:
    """What is not a file is an error."""
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(SourceError, match="is not a file"):
        read(tmp_path / "pipe.jpg")


def test_impossible_date_is_harmless() -> None:
    """A file's date past the year 9999 is harmless."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # memory holds dates that disks do not
        path = Path(folder, "a.png")
        cv2.imwrite(str(path), gradient())
        os.utime(path, (1e12, 1e12))
        assert read(path).taken.year < 9999


def test_folder_without_good_pictures_fails(tmp_path: Path) -> None:
    """A folder of bad pictures is an error."""
    (tmp_path / "b.jpg").write_bytes(b"")
    with (
        closing(PictureFolder(str(tmp_path), SourceOptions())) as folder,
        pytest.raises(SourceError, match="1 of its 1 picture could not be read, as reported"),
    ):
        list(folder)


def test_empty_folder_and_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is empty; name another folder"):
        PictureFolder(str(tmp_path), SourceOptions())
    (tmp_path / "a.mp4").touch()
    with pytest.raises(SourceError, match=r"holds no picture, but a.mp4 \(no picture\); name another folder"):
        PictureFolder(str(tmp_path), SourceOptions())
    (tmp_path / "smile").mkdir()
    with pytest.raises(SourceError, match=r"; name another folder, such as .*smile$"):
        PictureFolder(str(tmp_path), SourceOptions())
    with pytest.raises(SourceError, match="No such file or directory"):
        PictureFolder(str(tmp_path / "no"), SourceOptions())
