"""Several processes give what one gives, in the same order."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_edge.cli import main
from fer_edge.demo import PORTRAIT
from fer_edge.demo.clip import Clip


def rows(table: Path) -> list[list[str]]:
    with table.open() as file:
        return [row[1:] for row in csv.reader(file)]  # the time is that of the run


def video(path: Path, frames: int) -> str:
    clip = Clip()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (640, 480))
    for number in range(frames):
        writer.write(clip.draw(number % 100))
    writer.release()
    return str(path)


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 100
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_two_processes_give_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables, words, annotated copies and the exit code, with a bad file among them."""
    wall = tmp_path / "wall.png"
    cv2.imwrite(str(wall), np.full((240, 320, 3), 180, np.uint8))
    paths = [video(tmp_path / "a.avi", 12), str(PORTRAIT), str(wall), str(tmp_path / "none.mp4")]
    said = []
    for jobs in ("1", "2"):
        folder = tmp_path / jobs
        command = ["detect", *paths, "--jobs", jobs, "--csv", str(folder / "t.csv"), "--annotate", str(folder / "d")]
        folder.mkdir()
        assert main(command) == 3
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert said[0].count("Happy") == 2
    assert rows(tmp_path / "1" / "t.csv") == rows(tmp_path / "2" / "t.csv")
    assert [path.name for path in sorted((tmp_path / "2" / "d").iterdir())] == [
        "a-annotated.mp4",
        f"{PORTRAIT.stem}-annotated.jpg",
        "wall-annotated.png",
    ]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_killed_process_is_told(tmp_path: Path) -> None:
    """As by the kernel for lack of memory: one line, and the next run goes on."""
    paths = [str(shutil.copy(PORTRAIT, tmp_path / "a.jpg")), *(video(tmp_path / f"{n}.avi", 400) for n in range(3))]
    table = tmp_path / "t.csv"
    command = [sys.executable, "-m", "fer_edge", "detect", *paths, "--csv", str(table), "--jobs", "2"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: "a.jpg" in (table.read_text() if table.exists() else ""))
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        names = {child: Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
        os.kill(next(int(child) for child, line in names.items() if b"spawn_main" in line), signal.SIGKILL)
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == 1
    assert "was killed, mostly for lack of memory; give fewer --jobs, and run it again" in said
    assert "Traceback" not in said
    assert Path(f"{table}.progress").exists()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_processes_end_with_the_first(tmp_path: Path) -> None:
    """Killed, it can tell them nothing; they would stay for ever, with their memory and what they wrote."""
    (temporary := tmp_path / "tmp").mkdir()
    paths = [str(shutil.copy(PORTRAIT, tmp_path / "a.jpg")), video(tmp_path / "b.avi", 400)]
    table = tmp_path / "t.csv"
    command = [sys.executable, "-m", "fer_edge", "detect", *paths, "--csv", str(table), "--jobs", "2"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"TMPDIR": str(temporary)}) as process:
        wait_for(lambda: "a.jpg" in (table.read_text() if table.exists() else ""))
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
    assert len(children) == 3  # with the one that counts semaphores
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    assert list(temporary.iterdir()) == []


def test_standard_input_is_for_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", "-", str(PORTRAIT), "--jobs", "2"]) == 2
    assert "standard input is read by one process" in capsys.readouterr().err
