"""A run over many files that is stopped goes on where it was: nothing twice, nothing left out."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fer_edge.batch import work
from fer_edge.batch.progress import Progress, key_of
from fer_edge.classifiers.cards import models_folder
from fer_edge.cli import main
from fer_edge.demo import PORTRAIT
from fer_edge.errors import SinkError
from fer_edge.reader import Reader

Stop = Callable[[int], None]


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    return [str(shutil.copy(PORTRAIT, tmp_path / f"{number}.jpg")) for number in range(4)]


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Stop:
    """Makes the next run end as by Ctrl-C after a path's rows, before it is noted as done."""
    real = work.read_path

    def set_up(number: int) -> None:
        def read(path: str, *rest: Any) -> None:
            real(path, *rest)
            if path.endswith(f"{number}.jpg"):
                raise KeyboardInterrupt

        monkeypatch.setattr(work, "read_path", read)

    return set_up


def sources(table: Path) -> list[str]:
    with table.open() as file:
        return [Path(row["source"]).name for row in csv.DictReader(file)]


def test_stopped_run_goes_on(
    pictures: list[str], tmp_path: Path, stop_at: Stop, caplog: pytest.LogCaptureFixture
) -> None:
    """The rows of the path at which it was stopped are taken back; both tables are as of one run."""
    table, lines = tmp_path / "faces.csv", tmp_path / "faces.jsonl"
    command = ["detect", *pictures, "--csv", str(table), "--json", str(lines)]
    stop_at(2)
    assert main(command) == 130
    assert sources(table) == ["0.jpg", "1.jpg", "2.jpg"]
    stop_at(9)
    caplog.clear()
    assert main(command) == 0
    assert sources(table) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert [Path(json.loads(line)["source"]).name for line in lines.read_text().splitlines()] == sources(table)
    assert f"2 of 4 paths were read by a run that was stopped; see {lines}.progress" in caplog.text
    assert not list(tmp_path.glob("*.progress"))


def test_other_settings_are_refused(pictures: list[str], tmp_path: Path, stop_at: Stop) -> None:
    """Results of two models or two kinds of settings are not mixed, and the table is not touched."""
    table = tmp_path / "faces.csv"
    stop_at(1)
    main(["detect", *pictures, "--csv", str(table)])
    before = table.read_bytes()
    stop_at(9)
    assert main(["detect", *pictures, "--csv", str(table), "--max-faces", "3"]) == SinkError.exit_code
    assert table.read_bytes() == before


def test_models_are_not_mixed(tmp_path: Path) -> None:
    """Another one that was installed under the same name is another model."""
    keys = []
    for variant in ("int8", "float32"):
        shipped = models_folder() / f"mini_xception-{variant}"
        card = json.loads(shipped.with_suffix(".json").read_text()) | {"file": "mine.tflite"}
        shutil.copy(shipped.with_suffix(".tflite"), tmp_path / "mine.tflite")
        (tmp_path / "mine.json").write_text(json.dumps(card))
        keys.append([key_of(Reader(model=tmp_path / "mine.tflite")) for _ in range(2)])
    assert keys[0][0] == keys[0][1] != keys[1][0]


def test_changed_file_is_read_again(pictures: list[str], tmp_path: Path, stop_at: Stop) -> None:
    table = tmp_path / "faces.csv"
    stop_at(1)
    main(["detect", *pictures, "--csv", str(table)])
    os.utime(pictures[0], (1, 1))
    stop_at(9)
    main(["detect", *pictures, "--csv", str(table)])
    assert sources(table) == ["0.jpg", "0.jpg", "1.jpg", "2.jpg", "3.jpg"]


def outputs_of(folder: Path, *sizes: int) -> Path:
    """A progress file of one output with a path done at each of `sizes`, and its output."""
    out = folder / "out.csv"
    progress = Progress([out], "key")
    for number, size in enumerate(sizes):
        out.write_bytes(b"x" * size)
        progress.add(f"{number}.mp4", failed=False)
    progress.close()
    return out


def test_power_cut_takes_lines_and_results(tmp_path: Path) -> None:
    """A torn line does not count, and neither does one whose results are not there."""
    out = outputs_of(tmp_path, 10, 20, 30)
    out.write_bytes(b"x" * 25)
    path = tmp_path / "out.csv.progress"
    path.write_bytes(path.read_bytes() + b'{"path": "3.mp')
    progress = Progress([out], "key")
    assert [progress.failed(f"{number}.mp4") for number in range(4)] == [False, False, None, None]
    assert out.stat().st_size == 20
    out.write_bytes(b"x" * 40)
    progress.add("2.mp4", failed=True)
    progress.close()
    progress = Progress([out], "key")
    assert [progress.failed(f"{number}.mp4") for number in range(4)] == [False, False, True, None]
    progress.close()


def test_lost_results_stay_lost(tmp_path: Path) -> None:
    """A path whose results a power cut took is not done because later ones made the output as long again."""
    out = outputs_of(tmp_path, 10, 20)
    out.write_bytes(b"x" * 15)
    progress = Progress([out], "key")
    out.write_bytes(b"x" * 30)
    progress.add("other.mp4", failed=False)
    progress.close()
    progress = Progress([out], "key")
    assert progress.failed("1.mp4") is None
    progress.close()


def test_mended_file_is_no_failure(tmp_path: Path) -> None:
    """One that was cut off, and was copied again before the run went on."""
    video, out = tmp_path / "0.mp4", tmp_path / "out.csv"
    video.write_bytes(b"half")
    progress = Progress([out], "key")
    out.write_bytes(b"rows")
    progress.add(str(video), failed=True)
    progress.close()
    progress = Progress([out], "key")
    assert progress.failed(str(video)) is True
    progress.close()
    video.write_bytes(b"whole now")
    progress = Progress([out], "key")
    assert progress.failed(str(video)) is None
    progress.close()


@pytest.mark.parametrize(
    "line",
    [
        '{"sizes": {}}',
        '{"sizes": {"out.csv": "20"}, "path": "/1.mp4"}',
        '{"sizes": {}, "path": "/1.mp4", "file": [0, 0], "failed": false}',
        '{"sizes": {"OUT": 5}, "path": ["/1.mp4"], "file": [0, 0], "failed": false}',
    ],
)
def test_strange_lines_do_not_count(line: str, tmp_path: Path) -> None:
    out = outputs_of(tmp_path, 10)
    with (tmp_path / "out.csv.progress").open("a") as file:
        file.write(line.replace("OUT", str(out)) + "\n")
    progress = Progress([out], "key")
    assert [progress.failed(path) for path in ("0.mp4", "/1.mp4")] == [False, None]
    assert out.stat().st_size == 10
    progress.close()


def test_path_without_results_is_tried_again(tmp_path: Path) -> None:
    """As a file on a disk that was not attached."""
    out = outputs_of(tmp_path, 10)
    progress = Progress([out], "key")
    progress.add("none.mp4", failed=True)
    progress.close()
    progress = Progress([out], "key")
    assert progress.failed("none.mp4") is None
    progress.close()


def test_one_run_an_output(tmp_path: Path) -> None:
    out = outputs_of(tmp_path)
    first = Progress([out], "key")
    out.write_bytes(b"x")
    first.add("0.mp4", failed=False)
    with pytest.raises(SinkError, match=r"out\.csv: another fer-edge writes to it"):
        Progress([out], "key")
    first.close()
    with pytest.raises(SinkError, match=r"other settings or outputs; choose another file, or remove .*\.progress"):
        Progress([out, tmp_path / "more.jsonl"], "key")


def test_run_that_did_nothing_leaves_nothing(tmp_path: Path) -> None:
    """Such as one that lacks a library for its output."""
    outputs_of(tmp_path)
    assert list(tmp_path.iterdir()) == []
