"""Files that hold several pictures: moving ones, and pages."""

from __future__ import annotations

from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge import sources
from fer_edge.errors import SourceError, SourceLost
from fer_edge.sources.folder import PictureFolder
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.sequence import Animation, Pages, has_pages, is_animated
from PIL import Image

needs_avif = pytest.mark.skipif(find_spec("PIL._avif") is None, reason="this Pillow has no AVIF")
GREYS = (20, 70, 120, 170, 220)  # of the pictures, in order
DURATIONS_MS = (100, 500, 40, 300, 60)
TIMES = (0.0, 0.1, 0.6, 0.64, 0.94)


def put(path: Path, sizes: tuple[tuple[int, int], ...] = ((64, 48),) * 5, **options: object) -> Path:
    """A file with a picture for each of GREYS, over noise that keeps it from being tiny."""
    noise = np.random.default_rng(1)
    pictures = [
        Image.fromarray(noise.integers(grey - 9, grey + 9, (size[1], size[0], 3), np.uint8))
        for grey, size in zip(GREYS, sizes, strict=True)
    ]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.gif", pytest.param("a.avif", marks=needs_avif)])
def test_every_frame_with_its_time(tmp_path: Path, name: str) -> None:
    """As it is chosen for `run` and for `detect`: by what the file is, not by its name."""
    path = put(tmp_path / name, duration=list(DURATIONS_MS), loop=0).rename(tmp_path / "moving")
    source, _ = sources.open_source(str(path))
    with closing(source):
        frames = list(source)
    assert not source.still
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.time for frame in frames] == pytest.approx(TIMES, abs=0.011)  # GIF counts in 10 ms
    assert [round(frame.grey.mean() / 10) for frame in frames] == [grey // 10 for grey in GREYS]
    colour = frames[0].colour
    assert colour is not None
    assert colour.shape == (48, 64, 3)
    assert (frames[1].taken - frames[0].taken).total_seconds() == pytest.approx(0.1, abs=0.011)


def test_frame_without_duration_is_shown_as_browsers_do(tmp_path: Path) -> None:
    path = put(tmp_path / "a.png", duration=0)
    with closing(Animation(str(path), SourceOptions())) as source:
        assert [frame.time for frame in source] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_picture_for_other_programs_is_no_frame(tmp_path: Path) -> None:
    """A PNG may begin with a picture that is not of the animation."""
    path = put(tmp_path / "a.png", duration=100, default_image=True)
    with closing(Animation(str(path), SourceOptions())) as source:
        assert source.length == 4
        assert round(next(iter(source)).grey.mean() / 10) == 7


def test_one_frame_does_not_move(tmp_path: Path) -> None:
    for name in ("a.webp", "a.png", "a.tif"):
        Image.new("RGB", (64, 48)).save(tmp_path / name)
        assert sources.choose(str(tmp_path / name)).kind == "picture"
        assert not is_animated(tmp_path / name)
        assert not has_pages(tmp_path / name)


def test_cut_off_animation(tmp_path: Path) -> None:
    path = put(tmp_path / "a.png", duration=100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    read = []
    with (
        closing(Animation(str(path), SourceOptions())) as source,
        pytest.raises(SourceLost, match=r"is cut off or damaged .*; \d frames? read"),
    ):
        read.extend(source)
    assert 1 <= len(read) <= 4


def test_every_page_is_a_picture(tmp_path: Path) -> None:
    """Pages of any size; they have nothing to do with each other."""
    sizes = ((64, 48), (80, 60), (64, 48), (48, 64), (64, 48))
    source, _ = sources.open_source(str(put(tmp_path / "a.tif", sizes)))
    with closing(source):
        frames = list(source)
    assert source.still
    assert [frame.grey.shape[::-1] for frame in frames] == list(sizes)
    assert [frame.time for frame in frames] == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_smaller_copy_is_no_page(tmp_path: Path) -> None:
    """Scanners and microscopes add a smaller copy of each page."""
    pages = [Image.new("L", (64, 48), 90), Image.new("L", (16, 12), 90), Image.new("L", (64, 48), 30)]
    pages[1].encoderinfo = {"tiffinfo": {254: 1}}
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with closing(Pages(str(tmp_path / "a.tif"), SourceOptions())) as source:
        assert [frame.grey.shape for frame in source] == [(48, 64), (48, 64)]


def test_smaller_copy_may_come_first(tmp_path: Path) -> None:
    """Some scanners write it before the page; alone it is better than nothing."""
    pages = [Image.new("L", (16, 12), 90), Image.new("L", (64, 48), 30), Image.new("L", (64, 48), 90)]
    for page in pages[1:]:
        page.encoderinfo = {"tiffinfo": {}}
    for kept in (3, 1):
        pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:kept], tiffinfo={254: 1})
        with closing(Pages(str(tmp_path / "a.tif"), SourceOptions())) as source:
            assert [frame.grey.shape for frame in source] == ([(48, 64)] * 2 if kept == 3 else [(12, 16)])


def test_cut_off_pages(tmp_path: Path) -> None:
    """The whole ones are read first; in a folder the next picture is read."""
    path = put(tmp_path / "a.tif")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    read = []
    source, _ = sources.open_source(str(path))
    with closing(source), pytest.raises(SourceLost, match=r"is cut off or damaged .*; \d pages read"):
        read.extend(source)
    assert 2 <= len(read) <= 4
    Image.new("L", (64, 48)).save(tmp_path / "b.png")
    numbers: list[int] = []
    with pytest.raises(SourceError, match="1 of its"):
        numbers.extend(frame.number for frame in PictureFolder(str(tmp_path), SourceOptions()))
    assert numbers == list(range(len(read) + 1))


def test_too_large_page(tmp_path: Path) -> None:
    path = put(tmp_path / "a.tif", ((64, 48), (80, 60), (64, 48), (48, 64), (64, 48)))
    with (
        closing(Pages(str(path), SourceOptions(max_pixels=64 * 48))) as source,
        pytest.raises(SourceError, match="has 80 x 60 pixels"),
    ):
        list(source)


def test_in_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder gives all pages, and of what moves the first frame, and says so."""
    put(tmp_path / "a.tif")
    put(tmp_path / "b.webp", duration=100)
    frames = list(PictureFolder(str(tmp_path), SourceOptions()))
    assert [Path(frame.source).name for frame in frames] == ["a.tif"] * 5 + ["b.webp"]
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4, 5]
    assert "b.webp: moves; its first frame alone is read" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.tif"])
def test_turned_and_closed(tmp_path: Path, name: str) -> None:
    source = sources.open_files(str(put(tmp_path / name, duration=100)), SourceOptions(rotate=90))
    frames = iter(source)
    assert next(frames).grey.shape == (64, 48)
    source.close()
    source.close()
    assert list(frames) == []


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_deep_colours_are_stretched(tmp_path: Path, suffix: str, bits: int) -> None:
    """Three colours of up to sixteen bits; Pillow alone keeps the upper eight."""
    shown = np.tile(np.arange(256, dtype=np.uint16), (8, 1))
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), np.dstack([shown, shown, shown]) << (bits - 8))
    (frame,) = sources.open_files(str(path))
    assert np.abs(frame.grey.astype(int) - shown).max() <= 1
