"""`fer-edge detect`: a verdict for each face, tables for programs, annotated copies, and bad files one line each."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge.cli import main
from fer_edge.demo import PORTRAIT
from fer_edge.demo.clip import Clip
from fer_edge.types import EMOTIONS

ROOT = Path(__file__).parents[3]


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    return Path(shutil.copy(PORTRAIT, tmp_path / "portrait.jpg"))


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    """A picture without a face."""
    path = tmp_path / "wall.png"
    cv2.imwrite(str(path), np.full((240, 320, 3), 180, np.uint8))
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of the demo clip."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (640, 480))
    clip = Clip()
    for number in range(50):
        writer.write(clip.draw(number))
    writer.release()
    return path


def test_the_portrait_is_happy(portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(portrait)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Detected Emotion: Happy (")
    assert " %)" in line
    assert "portrait.jpg" in line


def test_a_picture_without_a_face_says_so(wall: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(wall)]) == 0
    assert capsys.readouterr().out == f"No face found  [{wall}]\n"


def test_json_on_standard_output_is_nothing_but_json(
    portrait: Path, wall: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["detect", str(portrait), str(wall), "--json", "-"]) == 0
    captured = capsys.readouterr()
    first, second = (json.loads(line) for line in captured.out.splitlines())
    assert "Detected Emotion: Happy" in captured.err
    assert second["faces"] == []
    assert (first["source"], first["frame"]) == (str(portrait), 0)
    assert datetime.fromisoformat(first["time"]).tzinfo is not None
    assert len(first["time"].partition(".")[2].rstrip("0123456789:+-Z")) == 0
    (face,) = first["faces"]
    assert face["emotion"] == "happy"
    assert list(face["scores"]) == list(EMOTIONS)
    assert sum(face["scores"].values()) == pytest.approx(1, abs=0.001)
    assert face["confidence"] == face["scores"]["happy"] == max(face["scores"].values())
    x, y, width, height = face["box"]
    assert 150 < x + width / 2 < 300  # her face
    assert 50 < y + height / 2 < 180


def test_csv_holds_the_same(portrait: Path, tmp_path: Path) -> None:
    out, table = tmp_path / "out.jsonl", tmp_path / "out.csv"
    assert main(["detect", str(portrait), "--json", str(out), "--csv", str(table)]) == 0
    (row,) = csv.DictReader(io.StringIO(table.read_text()))
    (face,) = json.loads(out.read_text())["faces"]
    assert [int(row[key]) for key in ("x", "y", "width", "height")] == face["box"]
    assert row["emotion"] == face["emotion"]
    assert {label: float(row[label]) for label in EMOTIONS} == face["scores"]


@pytest.mark.slow
def test_a_video_is_read_frame_by_frame(video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, folder = tmp_path / "out.jsonl", tmp_path / "drawn"
    assert main(["detect", str(video), "--json", str(out), "--annotate", str(folder)]) == 0
    said = capsys.readouterr()
    (line,) = said.out.splitlines()
    assert line.startswith("Detected Emotion: Happy (")
    assert "face 1 from 0.0 to 2.0 s" in line
    assert said.err == f"written: {folder / 'clip-annotated.mp4'}\n"
    entries = [json.loads(entry) for entry in out.read_text().splitlines()]
    assert [entry["frame"] for entry in entries] == list(range(50))
    seconds = [datetime.fromisoformat(entry["time"]) for entry in entries]
    assert (seconds[-1] - seconds[0]).total_seconds() == pytest.approx(49 / 25, abs=0.01)
    drawn = cv2.VideoCapture(str(folder / "clip-annotated.mp4"))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 50
    assert drawn.get(cv2.CAP_PROP_FPS) == 25
    drawn.release()


def test_png_stays_png(wall: Path, portrait: Path, tmp_path: Path) -> None:
    """By its content: a PNG called .jpg is one too. Its colours are the same."""
    wall.rename(tmp_path / "wall.jpg")
    assert main(["detect", str(tmp_path / "wall.jpg"), str(portrait), "--annotate", str(tmp_path / "drawn")]) == 0
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        "portrait-annotated.jpg",
        "wall-annotated.png",
    ]
    drawn = cv2.imread(str(tmp_path / "drawn" / "wall-annotated.png"))
    assert drawn is not None
    assert (drawn == 180).all()


def test_annotated_pictures_show_the_box_and_never_overwrite(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = portrait.read_bytes()
    for name in ("portrait-annotated.jpg", "portrait-annotated-2.jpg"):
        assert main(["detect", str(portrait), "--annotate", str(tmp_path)]) == 0
        assert capsys.readouterr().err == f"written: {tmp_path / name}\n"
    assert portrait.read_bytes() == original
    assert sorted(path.name for path in tmp_path.glob("*annotated*")) == [
        "portrait-annotated-2.jpg",
        "portrait-annotated.jpg",
    ]
    drawn, plain = cv2.imread(str(tmp_path / "portrait-annotated.jpg")), cv2.imread(str(portrait))
    assert drawn is not None
    assert plain is not None
    changed = np.abs(drawn.astype(int) - plain).max(axis=2) > 60
    assert 0.002 < changed.mean() < 0.1


@pytest.mark.process
def test_in_a_folder_one_bad_picture_is_said_and_the_rest_go_on(portrait: Path, wall: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(PORTRAIT.read_bytes()[:9000])
    command = [sys.executable, "-m", "fer_edge", "detect", str(tmp_path)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert child.returncode == 3
    assert [line.partition(" ")[0] for line in child.stdout.splitlines()] == ["Detected", "No"]
    warning, error = child.stderr.splitlines()
    assert warning.startswith(f"fer-edge: warning: picture {tmp_path / 'broken.jpg'}: is cut off")
    assert error.startswith(f"fer-edge: error: folder {tmp_path}: 1 of its 3 pictures could not be read")


def truncated(folder: Path) -> Path:
    (folder / "cut.jpg").write_bytes(PORTRAIT.read_bytes()[:9000])
    return folder / "cut.jpg"


def empty(folder: Path) -> Path:
    (folder / "empty.jpg").touch()
    return folder / "empty.jpg"


def text(folder: Path) -> Path:
    (folder / "text.png").write_text("no picture")
    return folder / "text.png"


def no_video(folder: Path) -> Path:
    (folder / "text.mp4").write_text("no video " * 100)
    return folder / "text.mp4"


def bare(folder: Path) -> Path:
    (folder / "bare").mkdir()
    return folder / "bare"


@pytest.mark.parametrize("make", [truncated, empty, text, no_video, bare, lambda folder: folder / "none.jpg"])
def test_what_cannot_be_read_is_one_line(
    make: Callable[[Path], Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make(tmp_path)
    assert main(["detect", str(path)]) == 3
    out, errors = capfd.readouterr()
    assert out == ""
    (line,) = errors.splitlines()
    assert line.startswith("fer-edge: error: ")
    assert str(path) in line


@pytest.mark.process
def test_a_video_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "cut.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (640, 480))
    clip = Clip()
    for number in range(30):
        writer.write(clip.draw(number))
    writer.release()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    command = [sys.executable, "-m", "fer_edge", "detect", str(path)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert child.returncode == 4
    assert child.stdout.startswith("Detected Emotion: Happy")
    (error,) = child.stderr.splitlines()
    assert "is cut off" in error


def test_a_video_of_one_frame_is_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "one.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (640, 480))
    writer.write(Clip().draw(0))
    writer.release()
    assert main(["detect", str(path)]) == 0
    assert capsys.readouterr().out.startswith("Detected Emotion: Happy")


def test_nothing_that_is_there_is_overwritten(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = portrait.read_bytes()
    for option in ("--json", "--csv"):
        assert main(["detect", str(portrait), option, str(portrait)]) == 6
        assert " is not a " in capsys.readouterr().err
    assert portrait.read_bytes() == original
    for name in ("-", str(tmp_path / "both")):
        assert main(["detect", str(portrait), "--json", name, "--csv", name]) == 2
        assert "--json and --csv both name" in capsys.readouterr().err
    for _ in range(2):
        assert (
            main(["detect", str(portrait), "--json", str(tmp_path / "o.jsonl"), "--csv", str(tmp_path / "o.csv")]) == 0
        )
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 2
    assert len(list(csv.DictReader(io.StringIO((tmp_path / "o.csv").read_text())))) == 2


@pytest.mark.process
@pytest.mark.parametrize(("stream", "code"), [("/dev/full", 6), ("/dev/null", 0)])
def test_an_output_that_is_full_is_said(portrait: Path, stream: str, code: int) -> None:
    command = [sys.executable, "-m", "fer_edge", "detect", str(portrait)]
    with Path(stream).open("w") as out:
        child = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    assert child.returncode == code
    assert "Traceback" not in child.stderr
    assert ("No space left" in child.stderr) == (code == 6)


@pytest.mark.process
def test_closed_streams_and_names_that_are_no_text_do_no_harm(portrait: Path, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/bad\xff.jpg"
    shutil.copy(portrait, odd)
    command = f"{sys.executable} -m fer_edge detect {tmp_path}/bad* {tmp_path}/none.jpg --json {tmp_path}/o.jsonl"
    child = subprocess.run(f"{command} >&- 2>&-", shell=True, cwd=ROOT, check=False)
    assert child.returncode == 3
    assert json.loads((tmp_path / "o.jsonl").read_text())["faces"][0]["emotion"] == "happy"
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    child = subprocess.run(command, shell=True, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert b"Traceback" not in child.stderr
    assert b"Detected Emotion: Happy" in child.stdout


def test_a_name_gives_a_terminal_no_orders(portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file may be called anything, also by who sent it: a line stays a line."""
    path = shutil.copy(portrait, tmp_path / "a\nfer-edge: \033[31mred.jpg")
    assert main(["detect", str(path), "--annotate", str(tmp_path / "drawn")]) == 0
    said = capsys.readouterr()
    assert (said.out.count("\n"), said.err.count("\n")) == (1, 1)
    assert "\033" not in said.out + said.err


def test_an_empty_path_is_not_the_current_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", ""]) == 3
    assert "source '': is empty" in capsys.readouterr().err


def test_a_bad_path_among_good_ones_is_said_and_the_rest_go_on(
    portrait: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (bad := tmp_path / "two\nlines.jpg").touch()
    assert main(["detect", str(bad), str(portrait)]) == 3
    out, errors = capfd.readouterr()
    assert out.startswith("Detected Emotion: Happy")
    said, count = errors.splitlines()  # one line each, whatever is in the name
    assert said.startswith(f"fer-edge: error: picture {tmp_path}/two lines.jpg: is empty")
    assert count.startswith("fer-edge: error: 1 of 2 paths")


def test_results_that_cannot_be_written_are_said(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["detect", str(portrait), "--json", str(tmp_path / "no" / "x.jsonl")]) == 6
    assert main(["detect", str(portrait), "--csv", "/dev/full"]) == 6
    assert main(["detect", str(portrait), "--annotate", str(portrait)]) == 6
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("fer-edge: error: ") for line in lines)


@pytest.mark.process
def test_a_long_video_shows_a_progress_bar_on_a_terminal(video: Path) -> None:
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "fer_edge", "detect", str(video)]
    shown = b""
    with subprocess.Popen(command, cwd=ROOT, stdout=end, stderr=end) as child:
        os.close(end)
        with contextlib.suppress(OSError):  # how Linux tells that the other side is closed
            while part := os.read(terminal, 4096):
                shown += part
    os.close(terminal)
    assert child.returncode == 0
    assert b"0/50 [" in shown
    assert shown.decode().splitlines()[-1].startswith("Detected Emotion: Happy")
