"""Files are whole or what they were: behind links, beside devices, several at once, and after a killed run."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from fer_convert import files
from fer_edge.errors import SinkError


def killed(place: Path, name: str, number: int | None = None, hours: float = 2) -> Path:
    """What a process left in `place` that was killed `hours` ago."""
    if number is None:
        gone = subprocess.Popen(["true"])
        gone.wait()
        number = gone.pid
    path = place / name.format(number)
    path.write_text("half")
    os.utime(path, (time.time() - 3600 * hours,) * 2)
    return path


def test_link_stays_a_link(tmp_path: Path) -> None:
    """Nobody's link to another disk becomes a file on this one."""
    (tmp_path / "far").mkdir()
    file, link = tmp_path / "far" / "file.json", tmp_path / "link.json"
    link.symlink_to("far/file.json")
    for content in ("first", "second"):  # the link leads nowhere, and to a file
        files.write_text(link, content)
        assert (link.is_symlink(), file.is_symlink(), file.read_text()) == (True, False, content)
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["far", "file.json", "link.json"]


def test_devices_are_not_replaced(tmp_path: Path) -> None:
    """`--json /dev/null` as root would put a file in the place of the device."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for path, kind in (
        (tmp_path / "null", "a character device"),
        (Path("/dev/null"), "a character device"),
        (tmp_path / "pipe", "a pipe"),
        (tmp_path, "a folder"),
    ):
        with pytest.raises(SinkError, match=rf"{path}': cannot be written \(it is {kind}\); give the name of a file"):
            files.resolve(path)
    with pytest.raises(SinkError, match="it is a pipe"):
        files.write_text(tmp_path / "pipe", "x")
    assert (tmp_path / "pipe").is_fifo()


def test_open_file_is_not_replaced(tmp_path: Path) -> None:
    """`--json /dev/stdout > all.txt` would lose every line that was printed before."""
    with (tmp_path / "all.txt").open("w") as file, pytest.raises(SinkError, match="it is an open file"):
        files.write_text(Path(f"/dev/fd/{file.fileno()}"), "x")


def test_one_bad_target_stops_all(tmp_path: Path) -> None:
    """The models of one conversion stay together: no new ones beside old ones."""
    paths = [tmp_path / name for name in ("a.tflite", "a.json", "b.tflite", "b.json")]
    for path in paths:
        path.write_text("old")
    paths[2].unlink()
    paths[2].mkdir()
    with pytest.raises(SinkError, match=r"b.tflite': cannot be written \(it is a folder\)"):
        files.write_together(dict.fromkeys(paths, b"new"))
    assert [path.read_text() for path in paths if path != paths[2]] == ["old"] * 3
    assert len(list(tmp_path.iterdir())) == 4


def test_two_names_of_one_file(tmp_path: Path) -> None:
    """Else the second would find its temporary file gone, with the first in its place."""
    file, link = tmp_path / "a.json", tmp_path / "b.json"
    file.write_text("old")
    link.symlink_to(file)
    with pytest.raises(SinkError, match=r"b.json: cannot be written \(it is the same file as .*a.json\)"):
        files.write_together({file: b"1", link: b"2"})
    assert file.read_text() == "old"


@pytest.mark.parametrize("name", ["mini-int8.json", "best.keras", "figure.png"])
def test_temporary_file_is_no_card(tmp_path: Path, name: str) -> None:
    """What a run writes, or was killed at, is no damaged card; Keras and matplotlib tell the format by the end."""
    with files.atomic(tmp_path / name) as temporary:
        temporary.write_text("half")
        assert not list(tmp_path.glob("*.json"))
        assert name.endswith(".json") or temporary.suffix == Path(name).suffix
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "left"),
    [("mini-int8.json", ".mini-int8.{}.json"), ("mini-int8.json", ".mini-int8.{}.json.part"), ("a.npz", ".a.{}.npz")],
)
def test_stale_files_are_removed(tmp_path: Path, name: str, left: str) -> None:
    """A run that is killed again and again does not fill the disk."""
    path = killed(tmp_path, left)
    files.write_text(tmp_path / name, "x")
    assert not path.exists()


def test_files_of_living_processes_stay(tmp_path: Path) -> None:
    """Neither a living process here, nor one of another container or computer, loses what it writes."""
    kept = [
        killed(tmp_path, ".a.{}.npz", os.getppid()),  # lives
        killed(tmp_path, ".a.{}.npz", hours=0),  # may live elsewhere
        killed(tmp_path, ".b.{}.npz"),  # another file's
        killed(tmp_path, ".a.x{}.npz"),
        killed(tmp_path, "a.{}.npz"),
    ]
    files.write_text(tmp_path / "a.npz", "x")
    assert all(path.exists() for path in kept)


class PowerCutError(Exception):
    """Stands for a power cut."""


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    """A write that fails leaves the old content and no temporary file."""
    path = tmp_path / "card.json"
    files.write_text(path, "old")

    def stop() -> None:
        with files.atomic(path) as temporary:
            temporary.write_text("half")
            raise PowerCutError

    with pytest.raises(PowerCutError):
        stop()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none/card.json", r"cannot be written \(no such folder .*none\); create it"),
        ("file/card.json", "cannot be written"),
        ("x" * 300, "cannot be written"),
        ("..", "it is a folder"),
    ],
)
def test_unwritable_path_is_one_line(tmp_path: Path, name: str, message: str) -> None:
    """Each path that cannot be written is refused with the cause."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=message):
        files.write_text(tmp_path / name, "x")


@pytest.mark.parametrize("name", ["/", ".", ""])
def test_path_without_a_name(name: str) -> None:
    """A folder is no file to write."""
    with pytest.raises(SinkError, match="it is a folder"):
        files.write_text(Path(name), "x")


def test_all_files_or_none(tmp_path: Path) -> None:
    """Of files that belong together all are written or none."""
    names = ("a.tflite", "a.json", "b.tflite", "b.json")
    paths = [tmp_path / name for name in names]
    files.write_together(dict.fromkeys(paths, b"old"))
    with pytest.raises(SinkError, match="cannot be written"):
        files.write_together(dict.fromkeys([tmp_path / "none" / "c.json", *paths], b"new"))
    assert [path.read_bytes() for path in paths] == [b"old"] * 4
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(names)
    files.write_together(dict.fromkeys(paths, b"new"))
    assert [path.read_bytes() for path in paths] == [b"new"] * 4
