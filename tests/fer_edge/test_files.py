"""A file has its old content or its new one, whatever happens meanwhile, and stays whose it was."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from pathlib import Path

import pytest
from fer_edge.files import atomic_write, new_file, temporary_path


class PowerCutError(Exception):
    """Stands for whatever ends the block."""


def write(path: Path, text: str, **options: object) -> None:
    with atomic_write(path, **options) as temporary:  # type: ignore[arg-type]
        temporary.write_text(text)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def no_room(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_failed_block_leaves_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("old")

    def stop() -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            assert path.read_text() == "old"
            raise PowerCutError

    with pytest.raises(PowerCutError):
        stop()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_leaves_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.toml"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="No space left"):
        write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_is_synced_before_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the file, then the rename, then the folder: a power cut between two leaves a whole file."""
    path, steps = tmp_path / "a.toml", []
    path.write_text("old")
    monkeypatch.setattr(
        os, "fsync", lambda file: steps.append("folder" if stat.S_ISDIR(os.fstat(file).st_mode) else path.read_text())
    )
    write(path, "new")
    assert steps == ["old", "folder"]
    assert path.read_text() == "new"


def test_mode_stays(tmp_path: Path) -> None:
    """A password file stays secret, one that others read stays readable."""
    for old in (0o600, 0o664, 0o444):
        path = tmp_path / f"{old}.toml"
        path.write_text("old")
        path.chmod(old)
        write(path, "new", mode=0o777)
        assert (mode(path), path.read_text()) == (old, "new")


def test_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "a", "new")
        write(tmp_path / "b", "new", mode=0o644)
    finally:
        os.umask(before)
    assert (mode(tmp_path / "a"), mode(tmp_path / "b")) == (0o640, 0o644)


def test_half_a_secret_is_secret(tmp_path: Path) -> None:
    """While it is written nobody else may read it, whatever the umask says."""
    path = tmp_path / "log.jsonl"
    path.write_text("old")
    with atomic_write(path) as temporary:
        assert mode(temporary) == 0o600


def test_owner_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root leaves the file to whom it belongs."""
    path = tmp_path / "a.toml"
    path.write_text("old")
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda file, user, group: given.append((user, group)))
    write(path, "new")
    assert given == [(path.stat().st_uid, path.stat().st_gid)]


@pytest.mark.parametrize("same_owner", [True, False])
def test_owner_that_cannot_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same_owner: bool) -> None:
    """Somebody who may not give the file away keeps it, unless that is refused."""
    path = tmp_path / "a.toml"
    path.write_text("old")

    def refuse(file: int, user: int, group: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    if same_owner:
        with pytest.raises(PermissionError):
            write(path, "new", same_owner=True)
    else:
        write(path, "new")
    assert path.read_text() == ("old" if same_owner else "new")
    assert list(tmp_path.iterdir()) == [path]


def test_link_stays(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    file, link = tmp_path / "far" / "file", tmp_path / "link"
    link.symlink_to("far/file")
    for text in ("first", "second"):  # the link leads nowhere, and to a file
        write(link, text)
        assert (link.is_symlink(), file.is_symlink(), file.read_text()) == (True, False, text)


def test_no_file_takes_the_place_of_a_pipe(tmp_path: Path) -> None:
    """Root would exchange /dev/null."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(OSError, match="not a regular file"):
            write(path, "new")
    assert (tmp_path / "pipe").is_fifo()


def test_leftover_of_this_process_number_goes(tmp_path: Path) -> None:
    """In a container every run has the same number."""
    path = tmp_path / "state.npz"
    temporary_path(path).write_text("half")
    write(path, "new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.npz"]


@pytest.mark.parametrize(("hours", "stays"), [(2, False), (0, True)])
def test_leftover_of_a_killed_process_goes(tmp_path: Path, hours: float, stays: bool) -> None:
    """One that was written a moment ago may be another computer's."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = tmp_path / f".a.{gone.pid}.toml"
    left.write_text("half")
    os.utime(left, (time.time() - 3600 * hours,) * 2)
    write(tmp_path / "a.toml", "new")
    assert left.exists() == stays


def test_somebody_elses_temporary_file_stays(tmp_path: Path) -> None:
    """A name that was asked for is not taken from who has it."""
    (tmp_path / "a~").write_text("mine")
    with pytest.raises(FileExistsError):
        write(tmp_path / "a", "new", temporary=tmp_path / "a~")
    assert (tmp_path / "a~").read_text() == "mine"


def test_new_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_room)
        with pytest.raises(OSError, match="No space left"), new_file(path) as file:
            file.write(b"half")
    assert not path.exists()
    with new_file(path) as file:
        file.write(b"new")
    with pytest.raises(FileExistsError), new_file(path) as file:
        file.write(b"other")
    assert path.read_bytes() == b"new"
