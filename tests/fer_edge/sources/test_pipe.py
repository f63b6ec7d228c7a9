"""Standard input and pipes: a picture or a video, as it comes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge import sources
from fer_edge.demo import PORTRAIT
from fer_edge.errors import SourceError
from fer_edge.sources.options import SourceOptions
from PIL import Image


@contextmanager
def sent(path: Path, *parts: bytes, hold: threading.Event | None = None) -> Iterator[str]:
    """A named pipe at `path` into which `parts` are written; it stays open until `hold` is set."""
    os.mkfifo(path)

    def send() -> None:
        with path.open("wb", buffering=0) as pipe:
            for part in parts:
                try:
                    pipe.write(part)
                except BrokenPipeError:
                    return
            if hold is not None:
                hold.wait(30)

    thread = threading.Thread(target=send)
    thread.start()
    yield str(path)
    thread.join(30)
    assert not thread.is_alive()


def video(path: Path, codec: str, frames: int = 12) -> bytes:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10, (64, 48))
    for number in range(frames):
        writer.write(np.full((48, 64, 3), 20 * number, np.uint8))
    writer.release()
    return path.read_bytes()


def test_picture_comes_whole(tmp_path: Path) -> None:
    with sent(tmp_path / "p", PORTRAIT.read_bytes()) as path, closing(sources.open_files(path)) as source:
        assert source.still
        (frame,) = source
    assert frame.colour is not None
    assert frame.colour.shape == cv2.imread(str(PORTRAIT)).shape  # type: ignore[union-attr]
    assert frame.source == path


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "mp4v"), ("a.mp4", "mp4v"), ("a.avi", "MJPG")])
def test_video_has_all_frames(tmp_path: Path, name: str, codec: str) -> None:
    """An MP4 too, whose index is at its end."""
    data = video(tmp_path / name, codec)
    with sent(tmp_path / "p", data) as path, closing(sources.open_files(path)) as source:
        assert not source.still
        frames = list(source)
    assert [round(float(frame.grey.mean()), -1) for frame in frames] == [20 * number for number in range(12)]


@pytest.mark.parametrize(("form", "still"), [("WEBP", False), ("PNG", False), ("TIFF", True)])
def test_several_pictures_in_one(tmp_path: Path, form: str, still: bool) -> None:
    """What moves, and pages; they are read as from a file."""
    pictures = [Image.new("RGB", (64, 48), (grey,) * 3) for grey in (40, 120, 200)]
    pictures[0].save(tmp_path / "a", form, save_all=True, append_images=pictures[1:], duration=100)
    with sent(tmp_path / "p", (tmp_path / "a").read_bytes()) as path, closing(sources.open_files(path)) as source:
        assert source.still is still
        frames = list(source)
    assert [round(float(frame.grey.mean()), -1) for frame in frames] == [40, 120, 200]
    assert frames[0].source == path


def test_endless_stream_begins_at_once(tmp_path: Path) -> None:
    """JPEGs one after the other, as a camera's program sends them, are shown before the stream is over."""
    jpeg = cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8))[1].tobytes()
    hold = threading.Event()
    with sent(tmp_path / "p", jpeg * 60, hold=hold) as path:
        with closing(sources.open_files(path)) as source:
            frame = next(iter(source))
            assert frame.grey.shape == (240, 320)
        hold.set()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"words\n" * 100, "is not a video that can be read"),
        (b"%PDF-1.7\n" + PORTRAIT.read_bytes(), "but a PDF; save its pages as pictures"),
        (b"ID3\3\0\0" + bytes(20) + PORTRAIT.read_bytes(), "is sound, with a cover picture at most"),
        (cv2.imencode(".jpg", np.zeros((20, 30)))[1].tobytes()[:300], "cut off or damaged"),
        (PORTRAIT.read_bytes()[:3000], r"\(0.3 megapixels\), the limit is 0.001 megapixels; shrink it first"),
        (b"\xff\xd8\xff" + bytes(9000), "is longer than 0.008 MB"),
    ],
)
def test_bad_input_is_told(tmp_path: Path, data: bytes, message: str) -> None:
    with sent(tmp_path / "p", data) as path, pytest.raises(SourceError, match=message) as caught:
        sources.open_files(path, SourceOptions(max_pixels=1000))
    assert path in str(caught.value)
    assert "/proc" not in str(caught.value)


def test_standard_input(tmp_path: Path) -> None:
    """As a file and as a pipe, and once only."""
    saved = os.dup(0)
    try:
        with PORTRAIT.open("rb") as file:
            os.dup2(file.fileno(), 0)
            for spec in ("-", "/dev/stdin"):
                file.seek(0)
                with closing(sources.open_files(spec)) as source:
                    assert [frame.source for frame in source] == ["stdin"]
            with pytest.raises(SourceError, match="stdin: is empty"):
                sources.open_files("-")
        clip = tmp_path / "a.mp4"
        video(clip, "mp4v")
        with clip.open("rb") as file:
            os.dup2(file.fileno(), 0)
            with closing(sources.open_files("-")) as source:
                assert len(list(source)) == 12
    finally:
        os.dup2(saved, 0)
        os.close(saved)


def test_terminal_is_refused() -> None:
    saved, (lead, follow) = os.dup(0), os.openpty()
    try:
        os.dup2(follow, 0)
        with pytest.raises(SourceError, match="is a terminal; send a picture or a video"):
            sources.open_files("-")
    finally:
        os.dup2(saved, 0)
        for descriptor in (saved, lead, follow):
            os.close(descriptor)
