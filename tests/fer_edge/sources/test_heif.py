"""Photos as HEIC and AVIF: what decodes them, and what is said where nothing decodes them right."""

from __future__ import annotations

import io
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from fer_edge.errors import SourceError
from fer_edge.sources import heif, open_files
from fer_edge.sources.folder import PictureFolder
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.picture import decode_picture, read_picture
from fer_edge.types import Pixels
from PIL import Image

# Dark at the left, bright at the right: in two tiles, 256 x 128; in one, 64 x 48.
TILES, PHOTO = (Path(__file__).with_name(name) for name in ("tiles.avif", "photo.heic"))

needs_avif = pytest.mark.skipif(find_spec("PIL._avif") is None, reason="this Pillow has no AVIF")


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Pillow that knows neither AVIF nor HEIC."""
    monkeypatch.setattr(heif, "find_spec", lambda _: None)
    monkeypatch.setattr(heif, "_register", lambda: False)


def picture(path: Path) -> Pixels:
    with closing(open_files(str(path))) as source:
        assert source.still
        (frame,) = source
    return frame.grey


@needs_avif
def test_tiles_are_one_picture(tmp_path: Path) -> None:
    """Most photos of telephones have tiles, of which FFmpeg would give one; whatever the file is called."""
    for name in ("a.avif", "a.jpg", "a"):
        (tmp_path / name).write_bytes(TILES.read_bytes())
        grey = picture(tmp_path / name)
        assert grey.shape == (128, 256)
        assert grey[:, :120].max() < 50 < 200 < grey[:, 136:].min()
    assert len(list(PictureFolder(str(tmp_path), SourceOptions()))) == 3
    assert decode_picture(io.BytesIO(TILES.read_bytes()), "a", 100_000).shape == (128, 256, 3)


@needs_avif
def test_mirrored_and_turned(tmp_path: Path) -> None:
    """What the file asks for is applied, as viewers do."""
    upright = Image.open(TILES).convert("RGB")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = {
            2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
            3: upright.transpose(Image.Transpose.ROTATE_180),
            4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
            5: upright.transpose(Image.Transpose.TRANSPOSE),
            6: upright.transpose(Image.Transpose.ROTATE_90),
            7: upright.transpose(Image.Transpose.TRANSVERSE),
            8: upright.transpose(Image.Transpose.ROTATE_270),
        }.get(orientation, upright)
        stored.save(tmp_path / "a.avif", exif=exif)
        grey = picture(tmp_path / "a.avif")
        assert grey.shape == (128, 256)
        assert grey[:, :120].mean() < 50 < 200 < grey[:, 136:].mean()


@needs_avif
def test_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.avif"
    path.write_bytes(TILES.read_bytes()[:-60])
    with pytest.raises(SourceError, match="is cut off or damaged"):
        open_files(str(path))


def test_heic(tmp_path: Path) -> None:
    pytest.importorskip("pi_heif")
    grey = picture(PHOTO)
    assert grey.shape == (48, 64)
    assert grey[:, :28].max() < 60 < 190 < grey[:, 36:].min()


@pytest.mark.usefixtures("without")
@pytest.mark.parametrize(
    ("brands", "box", "words"),
    [
        (b"avif\0\0\0\0avif", b"infegrid", "is stored in tiles, .*pip install 'pillow>=11.3', or save it as a JPEG"),
        (b"heic\0\0\0\0mif1", b"infegrid", "is stored in tiles, .*pip install 'fer-edge.heif.', or save it as a JPEG"),
        (b"mif1\0\0\0\0heic", b"imir\0", "is stored as its mirror image"),
        (b"avis\0\0\0\0avif", b"", "moves, which is read by Pillow alone"),
    ],
)
def test_wrong_picture_is_refused(tmp_path: Path, brands: bytes, box: bytes, words: str) -> None:
    """FFmpeg gives one tile of several, the first frame, or what is mirrored upside down."""
    parts = ((b"ftyp", brands), (b"meta", box.ljust(200, b"\0")), (b"mdat", bytes(900)))
    content = b"".join((8 + len(data)).to_bytes(4) + kind + data for kind, data in parts)
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(SourceError, match=f"picture .*/a: {words}"):
        open_files(str(tmp_path / "a"))


@pytest.mark.usefixtures("without")
def test_reader_says_what_is_missing() -> None:
    """A program that asks for a picture by its path is told how to read this one."""
    with pytest.raises(SourceError, match=r"photo.heic: HEIC or AVIF; install: pip install 'fer-edge\[heif\]'"):
        read_picture(PHOTO, 10_000)


@pytest.mark.usefixtures("without")
def test_one_tile_needs_nothing_more() -> None:
    """FFmpeg reads it, where Pillow does not, with the rows by which an encoder filled up its last blocks."""
    grey = picture(PHOTO)[:48]
    assert grey[:, :28].max() < 60 < 190 < grey[:, 36:].min()
