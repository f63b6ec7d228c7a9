"""Names that are not UTF-8, as on an old USB stick: OpenCV ends the process if it gets one, so it never does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from fer_edge.demo.clip import Clip
from fer_edge.detectors import haar
from fer_edge.errors import ModelError
from fer_edge.files import path_in_utf8

NAME = os.fsdecode(b"klip_\xfc \xff")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.mkdir()
    return path


def detect(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own: a segmentation fault would end this one."""
    command = [sys.executable, "-m", "fer_edge", "detect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, errors="backslashreplace", check=False)


@pytest.mark.process
@pytest.mark.parametrize("suffix", ["mp4", "avi"])
def test_video_and_annotated_copy(folder: Path, suffix: str) -> None:
    """Read, and drawn into a folder and under a name of the same kind; nothing else is left there."""
    clip, plain = Clip(), folder.parent / f"plain.{suffix}"
    writer = cv2.VideoWriter(str(plain), cv2.VideoWriter.fourcc(*"mp4v"), 25, (640, 480))
    for number in range(8):
        writer.write(clip.draw(number))
    writer.release()
    shutil.move(plain, folder / f"{NAME}.{suffix}")
    done = detect(folder / f"{NAME}.{suffix}", "--annotate", folder / "drawn")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Detected Emotion: Happy")
    (drawn,) = os.listdir(os.fsencode(folder / "drawn"))  # noqa: PTH208 - as bytes
    assert drawn == os.fsencode(NAME) + b"-annotated.mp4"
    made = cv2.VideoCapture(str(shutil.copy(folder / "drawn" / os.fsdecode(drawn), folder.parent / "made.mp4")))
    assert made.get(cv2.CAP_PROP_FRAME_COUNT) == 8
    made.release()


@pytest.mark.process
def test_what_cannot_be_read_is_one_line(folder: Path) -> None:
    (folder / "words.mp4").write_text("no video")
    done = detect(folder / "words.mp4")
    assert done.returncode == 3
    assert "words.mp4: is neither a video nor a picture" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_cascades(folder: Path) -> None:
    """A package that is installed under such a name."""
    source = Path(cv2.__file__).parent / "data" / haar.CASCADES[0]
    assert not haar._cascade(Path(shutil.copy(source, folder))).empty()
    with pytest.raises(ModelError, match="is missing or damaged"):
        haar._cascade(folder / "none.xml")


@pytest.mark.parametrize("name", [NAME, "ş 幸.bin", "a:b.bin", "plain.bin"])
def test_path_names_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"content")
    with path_in_utf8(tmp_path / name) as path:
        assert Path(path.encode().decode()).read_bytes() == b"content"
        assert Path(path).is_absolute()
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    with pytest.raises(OSError, match="No such file"), path_in_utf8(tmp_path / f"{NAME}x"):
        pass
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
