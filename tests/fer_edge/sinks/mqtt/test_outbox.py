"""Messages are handed out in order until they are taken, and none touches the disk while the broker takes them."""

from __future__ import annotations

import json
import math
import queue
from collections.abc import Iterator
from pathlib import Path

import pytest
from fer_edge.errors import SinkError
from fer_edge.sinks.mqtt.outbox import DELETE_RETRY_INTERVAL_S, MAX_MEMORY_MESSAGES, PAGE_MESSAGES, Outbox
from fer_edge.sinks.mqtt.store import MessageStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MessageStore]:
    made = MessageStore(tmp_path / "queue.db", 10_000)
    yield made
    made.close()


def drained(box: Outbox) -> list[int]:
    """The numbers of what is handed out now."""
    found = []
    while (item := box.next()) is not None:
        found.append(json.loads(item[1])["number"])
    return found


def filled(box: Outbox, start: int, end: int, now: float = 0.0) -> None:
    for number in range(start, end):
        box.put({"number": number}, now)


def test_each_is_handed_out_once(store: MessageStore) -> None:
    """Each is handed out once until it begins again."""
    box = Outbox(store, 5.0)
    filled(box, 0, 3)
    assert drained(box) == [0, 1, 2]
    assert drained(box) == []
    filled(box, 3, 5)
    assert drained(box) == [3, 4]
    box.rewind()
    assert drained(box) == [0, 1, 2, 3, 4]


def test_ids_grow_and_tell_the_run(store: MessageStore) -> None:
    box = Outbox(store, 5.0)
    filled(box, 0, 2)
    texts = [(box.next() or (0, b""))[1] for _ in range(2)]
    assert [json.loads(text)["id"] for text in texts] == ["1-1", "1-2"]


def test_acknowledged_in_time_skips_the_disk(store: MessageStore) -> None:
    """What is taken in time never touches the disk."""
    box = Outbox(store, 5.0)
    for number in range(100):
        box.put({"number": number}, float(number))
        item = box.next()
        assert item is not None
        assert box.due == number + 5.0
        box.acknowledge(item[0])
        assert box.empty
    assert store.newest == 0


def test_disk_messages_come_before_memory(store: MessageStore) -> None:
    """The disks come before those in memory over a flush in the middle."""
    box = Outbox(store, 5.0)
    filled(box, 0, 2 * PAGE_MESSAGES)
    first = [box.next() for _ in range(10)]
    box.flush(5.0)
    filled(box, 2 * PAGE_MESSAGES, 2 * PAGE_MESSAGES + 5)
    for item in first:
        assert item is not None
        box.acknowledge(item[0])
    assert drained(box) == list(range(10, 2 * PAGE_MESSAGES + 5))
    box.rewind()
    assert drained(box) == list(range(10, 2 * PAGE_MESSAGES + 5))
    assert store.count == 2 * PAGE_MESSAGES - 10
    assert not box.empty


def test_rewind_gives_the_disks_page_again(store: MessageStore) -> None:
    """What was read from the disk at once and only handed out in part is read from its beginning."""
    box = Outbox(store, 5.0)
    filled(box, 0, 40)
    box.flush(5.0)
    for _ in range(20):
        assert box.next() is not None
    box.rewind()
    assert drained(box) == list(range(40))


def test_next_run_sends_leftovers_first(tmp_path: Path) -> None:
    """What a run leaves the next one sends first."""
    for run in range(3):
        box = Outbox(MessageStore(tmp_path / "queue.db", 100), 5.0)
        filled(box, 10 * run, 10 * run + 10)
        box.close()
    box = Outbox(MessageStore(tmp_path / "queue.db", 100), 5.0)
    filled(box, 30, 31)
    assert drained(box) == list(range(31))
    box.close()


def test_full_disk_is_logged_once(
    store: MessageStore, monkeypatch: pytest.MonkeyPatch, logged: queue.Queue[str]
) -> None:
    """A full disk is logged once and messages wait in memory."""

    def full(messages: object) -> None:
        raise SinkError("mqtt: queue q.db: cannot be written (database or disk is full); make room")

    with monkeypatch.context() as patch:
        patch.setattr(store, "add", full)
        box = Outbox(store, 0.0)
        for now in range(5):
            filled(box, now, now + 1, float(now))
            assert now < box.due or box.due <= now
            box.flush(float(now))
        assert box.due > 5.0
        filled(box, 5, MAX_MEMORY_MESSAGES + 7)
    assert [logged.get_nowait() for _ in range(logged.qsize())] == [
        "error: mqtt: queue q.db: cannot be written (database or disk is full); make room; "
        f"until then messages wait in memory, {MAX_MEMORY_MESSAGES} at most"
    ]
    assert box.dropped == 7
    box.flush(100.0)
    assert drained(box) == list(range(7, MAX_MEMORY_MESSAGES + 7))
    assert store.count == MAX_MEMORY_MESSAGES
    box.close()
    assert logged.get_nowait() == "note: mqtt: dropped 7 messages, since the queue was full"


def test_acknowledged_messages_stay_acknowledged(store: MessageStore) -> None:
    """On a full disk what was taken is not handed out again and memory is kept."""
    box = Outbox(store, 5.0)
    filled(box, 0, 3)
    box.flush(5.0)
    filled(box, 3, 5, now=6.0)
    store._base.execute("PRAGMA query_only = ON")  # as a full disk does: whatever changes the file fails
    for _ in range(3):
        item = box.next()
        assert item is not None
        box.acknowledge(item[0])
    box.flush(11.0)
    assert drained(box) == [3, 4]
    box.rewind()
    assert drained(box) == [3, 4]
    assert not box.empty
    box.rewind()
    for _ in range(2):
        item = box.next()
        assert item is not None
        box.acknowledge(item[0])
    assert box.empty
    assert store.count == 3
    store._base.execute("PRAGMA query_only = OFF")
    assert box.due <= 20.0  # the disk is asked again, though nothing else waits
    box.flush(20.0)
    assert store.count == 0
    assert box.due == math.inf


def test_undeleted_messages_go_at_the_end(store: MessageStore) -> None:
    """What could not be deleted is at the end."""
    box = Outbox(store, 5.0)
    filled(box, 0, 1)
    box.flush(5.0)
    item = box.next()
    assert item is not None
    store._base.execute("PRAGMA query_only = ON")
    box.acknowledge(item[0])
    store._base.execute("PRAGMA query_only = OFF")
    assert store.count == 1
    box.close()
    assert store.count == 0


def test_committed_but_unsynced_is_sent_once(
    store: MessageStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was committed but not yet synced is sent once."""

    def full() -> None:
        raise SinkError("mqtt: queue q.db: cannot be written (disk is full)")

    box = Outbox(store, 5.0)
    filled(box, 0, 3)
    with monkeypatch.context() as patch:
        patch.setattr(store, "sync", full)
        box.flush(5.0)
        assert len(capsys.readouterr().err.splitlines()) == 1
        assert box.due < math.inf
    while (item := box.next()) is not None:
        box.acknowledge(item[0])
    box.flush(9.0)
    assert box.empty
    assert store.count == 0
    assert box.due == math.inf


def test_an_empty_queue_is_never_due(store: MessageStore) -> None:
    """Else the link's thread would wake up for nothing."""
    assert Outbox(store, 5.0).due == math.inf


def test_full_disk_is_retried_seldom(store: MessageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be deleted is tried again every DELETE_RETRY_INTERVAL_S seconds, not at each flush."""
    tries: list[float] = []
    now = 0.0

    def full(keys: object) -> None:
        tries.append(now)
        raise SinkError("mqtt: queue q.db: cannot be written (disk is full)")

    box = Outbox(store, 5.0)
    filled(box, 0, 1)
    box.flush(5.0)
    item = box.next()
    assert item is not None
    monkeypatch.setattr(store, "remove", full)
    box.acknowledge(item[0])
    tries.clear()
    for number in range(60):
        now = 10.0 + number
        box.flush(now)
    assert tries == [10.0 + DELETE_RETRY_INTERVAL_S * k for k in range(int(60 / DELETE_RETRY_INTERVAL_S))]


def test_dropped_messages_are_not_counted_sent(store: MessageStore) -> None:
    """The broker may take what was handed out and then had no room; what waits on the disk still waits."""
    box = Outbox(store, 5.0)
    filled(box, 0, 1)
    box.flush(5.0)
    store._base.execute("PRAGMA query_only = ON")
    filled(box, 1, 2)
    assert box.next() is not None
    item = box.next()
    assert item is not None
    filled(box, 2, MAX_MEMORY_MESSAGES + 2)  # pushes it out
    box.acknowledge(item[0])
    for key in list(box._memory):
        box.acknowledge(key)
    assert not box.empty
    store._base.execute("PRAGMA query_only = OFF")


def test_messages_keep_letters_as_they_are(store: MessageStore) -> None:
    """Labels of one's own are read as they were written, also by whoever only looks at the topic."""
    box = Outbox(store, 5.0)
    box.put({"emotion": "müde"}, 0.0)
    assert box.next() == ((1 << 32) + 1, '{"id":"1-1","emotion":"müde"}'.encode())
