"""Messages outlive the process and a power cut; damaged and other files are never mistaken for them."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from fer_edge.errors import SinkError
from fer_edge.sinks.mqtt.store import MessageStore

THREE = [(1, b"one"), (2, b"two"), (3, b"three")]


def opened(path: Path, limit: int = 100) -> MessageStore:
    return MessageStore(path / "queue.db", limit)


def test_messages_survive_in_order(tmp_path: Path) -> None:
    """Messages are there again in their order."""
    store = opened(tmp_path)
    assert (store.run, store.count, store.newest) == (1, 0, 0)
    store.add(THREE)
    store.remove([2])
    store.close()
    store = opened(tmp_path)
    assert (store.run, store.count, store.newest) == (2, 2, 3)
    assert store.after(0, 10) == [THREE[0], THREE[2]]
    assert store.after(1, 10) == [THREE[2]]
    assert store.after(0, 1) == [THREE[0]]
    store.close()
    store.close()


def test_oldest_are_dropped_first(tmp_path: Path) -> None:
    """The oldest are dropped first if there are too many."""
    store = opened(tmp_path, 3)
    store.add(THREE)
    store.add([(4, b"four"), (5, b"five")])
    assert [key for key, _ in store.after(0, 10)] == [3, 4, 5]
    assert (store.count, store.dropped) == (3, 2)
    store.add([(key, b"more") for key in range(6, 16)])
    assert [key for key, _ in store.after(0, 100)] == [13, 14, 15]
    store.close()


def test_labels_are_kept(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert store.labels[0] == "angry"
    store.labels = ("müde", "wach")
    store.close()
    store = opened(tmp_path)
    assert store.labels == ("müde", "wach")
    store.close()


def test_power_cut_keeps_added_messages(tmp_path: Path) -> None:
    """What SQLite had not brought to the disk is cut off at every place in turn, or is rubbish from there on."""
    store = opened(tmp_path)
    store.add(THREE)
    store.sync()  # on the disk when it returns
    store.remove([1])  # may come back
    wal = (tmp_path / "queue.db-wal").read_bytes()
    assert wal
    for cut in range(0, len(wal) + 1, 409):
        for rest in (b"", bytes(200), b"\xff" * 200):
            after = tmp_path / "after"
            after.mkdir()
            shutil.copy(tmp_path / "queue.db", after)
            (after / "queue.db-wal").write_bytes(wal[:cut] + rest)
            again = opened(after)
            assert again.after(0, 10) in (THREE, THREE[1:])
            again.close()
            assert not (after / "queue.db.damaged").exists()
            shutil.rmtree(after)
    store.close()


@pytest.mark.parametrize("damage", ["cut", "zeros", "rubbish"])
def test_damaged_file_is_renamed(damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A damaged file is rotated and told."""
    store = opened(tmp_path, 1000)
    store.add([(key, b"x" * 300) for key in range(1, 500)])
    store.close()
    path = tmp_path / "queue.db"
    whole = path.read_bytes()
    path.write_bytes(
        {"cut": whole[:20_000], "zeros": bytes(len(whole)), "rubbish": whole[:4096] + b"\xff" * 30_000}[damage]
    )
    store = opened(tmp_path)
    store.add(THREE)
    assert store.after(0, 10) == THREE
    store.close()
    assert (tmp_path / "queue.db.damaged").exists()
    errors = capsys.readouterr().err
    assert f"queue {path}: is damaged" in errors
    assert errors.count("\n") == 1


def test_other_files_are_refused(tmp_path: Path) -> None:
    """What is another program's is refused and left alone."""
    path = tmp_path / "queue.db"
    path.write_text("a diary")
    with pytest.raises(SinkError, match=r"is not a queue of fer-edge.*mqtt\.queue"):
        opened(tmp_path)
    assert path.read_text() == "a diary"
    path.unlink()
    base = sqlite3.connect(path)
    base.execute("PRAGMA application_id = 77")
    base.execute("CREATE TABLE birds (name)")
    base.commit()
    base.close()
    with pytest.raises(SinkError, match="is not a queue"):
        opened(tmp_path)


def test_file_is_not_shared(tmp_path: Path) -> None:
    """Two at once do not share a file."""
    store = opened(tmp_path)
    with pytest.raises(SinkError, match=r"another fer-edge uses it; choose another with mqtt\.queue"):
        opened(tmp_path)
    store.close()


def test_missing_folder_is_reported(tmp_path: Path) -> None:
    """A folder that is not there is reported."""
    with pytest.raises(SinkError, match=r"cannot be written \(unable to open database file\); choose .* its rights"):
        opened(tmp_path / "none")


def test_a_file_without_rights_is_said(tmp_path: Path) -> None:
    """More room would not help there."""
    store = opened(tmp_path)
    store._base.execute("PRAGMA query_only = ON")
    with pytest.raises(SinkError, match=r"readonly database\); choose another with mqtt\.queue, or .* its rights"):
        store.add(THREE)
    store.close()


def test_new_empty_queue_is_used(tmp_path: Path) -> None:
    """A power cut in the first start may leave a database without an application_id."""
    base = sqlite3.connect(tmp_path / "queue.db")
    base.execute("PRAGMA journal_mode = WAL")
    base.close()
    store = opened(tmp_path)
    store.add(THREE)
    assert store.after(0, 10) == THREE
    store.close()


def test_failed_removal_changes_nothing(tmp_path: Path) -> None:
    """A removal that fails half way removes and counts nothing."""
    store = opened(tmp_path)
    store.add(THREE)
    store._base.execute(
        "CREATE TEMP TRIGGER full BEFORE DELETE ON waiting WHEN old.key = 2 BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with pytest.raises(SinkError):
        store.remove([1, 2])
    assert store.count == 3
    assert store.after(0, 9) == THREE
    store.close()
