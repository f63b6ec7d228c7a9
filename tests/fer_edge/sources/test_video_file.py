from __future__ import annotations

import re
import struct
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge.errors import SourceError, SourceLost
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.video import VideoFile

FRAMES, FPS = 40, 20


def write_video(path: Path, frames: int = FRAMES, codec: str = "MJPG") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), FPS, (64, 48))
    noise = np.random.default_rng(1)
    for number in range(frames):
        # A brightness that tells the frame's number, over noise that keeps the file from being tiny.
        writer.write(noise.integers(number % 47 * 5, number % 47 * 5 + 20, (48, 64, 3), np.uint8))
    writer.release()
    return path


def open_video(path: Path) -> VideoFile:
    return VideoFile(str(path), SourceOptions())


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "MJPG"), ("a.mkv", "MJPG"), ("a.mp4", "mp4v")])
def test_every_frame_comes_with_its_time(tmp_path: Path, name: str, codec: str) -> None:
    path = write_video(tmp_path / name, codec=codec)
    with closing(open_video(path)) as video:
        frames = list(video)
        assert (video.length, video.fps, video.still) == (FRAMES, FPS, False)
    assert [frame.number for frame in frames] == list(range(FRAMES))
    assert [frame.time for frame in frames] == pytest.approx([number / FPS for number in range(FRAMES)], abs=0.002)
    last = frames[-1]
    assert last.taken - frames[0].taken == timedelta(seconds=last.time)
    assert last.taken.tzinfo is not None
    assert last.source == str(path)
    assert last.grey.shape == (48, 64)
    assert last.colour is not None
    assert last.colour.shape == (48, 64, 3)
    assert frames[30].grey.mean() > frames[10].grey.mean() + 80


def test_cut_off_video_is_reported(tmp_path: Path) -> None:
    """A video that is cut off is read to the cut, and then reported."""
    path = write_video(tmp_path / "half.avi")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    read = []
    with closing(open_video(path)) as video, pytest.raises(SourceLost) as raised:
        read.extend(video)
    assert FRAMES * 0.3 < len(read) < FRAMES * 0.7
    assert f"video {path}: is cut off: {len(read)} of {FRAMES} frames" in str(raised.value)


def damage(path: Path, first: int, last: int) -> None:
    """Overwrite the pictures `first` to `last` of a video of JPEGs."""
    data = bytearray(path.read_bytes())
    starts = [match.start() for match in re.finditer(b"\xff\xd8\xff", data)] + [len(data)]
    for number in range(first, last + 1):
        end = data.rindex(b"\xff\xd9", starts[number], starts[number + 1])
        data[starts[number] : end] = bytes(end - starts[number])
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["a.avi", "a.mkv"])
def test_damaged_frame_is_left_out(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The rest is read, with the right times, and the damaged one is counted and logged."""
    path = write_video(tmp_path / name)
    damage(path, 12, 12)
    with closing(open_video(path)) as video:
        frames = list(video)
    assert [frame.number for frame in frames] == list(range(FRAMES - 1))
    assert [frame.damaged for frame in frames] == [0] * 12 + [1] + [0] * (FRAMES - 14)
    assert frames[12].time == pytest.approx(13 / FPS, abs=0.002)
    assert f"warning: video {path}: 1 damaged frame left out" in capsys.readouterr().err


def test_long_damage_in_the_middle(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", frames=100)
    damage(path, 20, 85)
    with closing(open_video(path)) as video:
        frames = list(video)
    assert (len(frames), frames[20].damaged) == (34, 66)


def test_damaged_to_its_end(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", frames=100)
    damage(path, 20, 99)
    read = []
    with closing(open_video(path)) as video, pytest.raises(SourceLost) as raised:
        read.extend(video)
    assert len(read) == 20
    assert f"video {path}: is damaged from 1.0 s to its end at 5.0 s: 20 of 100 frames" in str(raised.value)


def test_last_frame_damaged(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi")
    damage(path, FRAMES - 1, FRAMES - 1)
    with closing(open_video(path)) as video:
        assert len(list(video)) == FRAMES - 1


def test_longer_duration_is_no_cut(tmp_path: Path) -> None:
    """The duration in a Matroska file may be that of its sound, or count from another start."""
    path = write_video(tmp_path / "a.mkv")
    data = bytearray(path.read_bytes())
    place = data.index(b"\x44\x89\x88") + 3  # Duration, 8 bytes
    (duration,) = struct.unpack_from(">d", data, place)
    struct.pack_into(">d", data, place, 3 * duration)
    path.write_bytes(data)
    with closing(open_video(path)) as video:
        assert video.length == 3 * FRAMES
        assert len(list(video)) == FRAMES


def test_end_of_zeros_is_a_cut(tmp_path: Path) -> None:
    """A copy that broke after the place for all of the file was made."""
    path = write_video(tmp_path / "a.mkv")
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[: whole // 2] + bytes(whole - whole // 2))
    with closing(open_video(path)) as video, pytest.raises(SourceLost, match="is cut off"):
        list(video)


def test_wide_pixels_become_square() -> None:
    """240 x 360 pixels, each twice as wide as high."""
    with closing(open_video(Path(__file__).with_name("anamorphic.mp4"))) as video:
        frame = next(iter(video))
    assert frame.grey.shape == (360, 480)


def test_mounted_on_its_side(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi")
    with closing(VideoFile(str(path), SourceOptions(rotate=90))) as video:
        frame = next(iter(video))
    assert frame.grey.shape == (64, 48)
    assert frame.colour is not None
    assert frame.colour.shape == (64, 48, 3)


def test_colon_in_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A colon in a file's name does not make it a protocol."""
    write_video(tmp_path / "a.avi").rename(tmp_path / "12:30.avi")
    monkeypatch.chdir(tmp_path)
    with closing(open_video(Path("12:30.avi"))) as video:
        assert len(list(video)) == FRAMES


def test_time_never_runs_back(tmp_path: Path) -> None:
    class Broken:
        """A container whose timestamps are nonsense from the third frame on."""

        def __init__(self) -> None:
            self.positions = iter([0.0, 50.0, 0.0, -10.0, float("nan"), 20.0])
            self.left = 6

        def isOpened(self) -> bool:  # noqa: N802
            return True

        def read(self) -> tuple[bool, object]:
            self.left -= 1
            return self.left >= 0, np.zeros((4, 4, 3), np.uint8)

        def get(self, _: int) -> float:
            return next(self.positions)

        def release(self) -> None: ...

    with closing(open_video(write_video(tmp_path / "a.avi"))) as video:
        video._capture.release()
        video._capture = Broken()  # type: ignore[assignment]
        video.length = None
        times = [frame.time for frame in video]
    assert times == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2, 0.25])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file or directory; check the path"):
        open_video(tmp_path / "no.mp4")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"words, words\n" * 500, "a picture, but text"),
        (b"\0" * 5000, "is not a video"),
    ],
)
def test_no_video(tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes, message: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        open_video(path)
    assert capfd.readouterr() == ("", "")


def test_cut_off_mp4_cannot_be_opened(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "half.mp4", codec="mp4v")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SourceError, match="is cut off, and its index with it"):
        open_video(path)
    assert capfd.readouterr().err == ""


def test_no_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "none.avi", frames=0)
    with closing(open_video(path)) as video, pytest.raises(SourceError, match="holds no frames"):
        list(video)


def test_close_twice_ends_the_frames(tmp_path: Path) -> None:
    video = open_video(write_video(tmp_path / "a.avi"))
    frames = iter(video)
    next(frames)
    video.close()
    video.close()
    assert list(frames) == []


def test_repeated_pictures_are_not_damaged(caplog: pytest.LogCaptureFixture) -> None:
    """Theora has empty packets while nothing moves: here 38 in a row, then white."""
    with closing(open_video(Path(__file__).with_name("still.ogv"))) as video:
        frames = list(video)
    assert [round(frames[place].grey.mean() / 10) for place in (0, -1)] == [13, 26]
    assert frames[-1].time == pytest.approx(4.0)
    assert sum(frame.damaged for frame in frames) == 0
    assert caplog.text == ""


def test_ticks_are_no_frame_rate(tmp_path: Path) -> None:
    """Some recorders name their clock's, of which copies of the file would be made too fast to be seen."""
    path = write_video(tmp_path / "a.avi")
    content = bytearray(path.read_bytes())
    rate = content.index(b"strh") + 28  # a scale and a rate
    content[rate : rate + 8] = struct.pack("<II", 1, 65_535)
    path.write_bytes(content)
    with closing(open_video(path)) as video:
        assert video.fps == 25
