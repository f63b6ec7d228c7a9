"""The mailbox with one slot; every wait is on an event, none on a clock."""

from __future__ import annotations

import queue
import threading

import pytest
from fer_edge.sources.latest import Closed, Ended, Latest, TimedOut

LONG = 10.0  # seconds that no test waits for unless it fails


class Camera:
    """Gives what the test puts into `items`; `asked` counts the grabs that began."""

    def __init__(self) -> None:
        self.items: queue.Queue[int | Exception | None] = queue.Queue()
        self.asked = threading.Semaphore(0)
        self.released = threading.Event()
        self.latest = Latest(self.grab, self.released.set, "test camera")
        self.asked.acquire(timeout=LONG)

    def grab(self) -> int | None:
        self.asked.release()
        item = self.items.get()
        if isinstance(item, Exception):
            raise item
        return item

    def give(self, *items: int) -> None:
        """Put `items` into the mailbox, one after the other, and wait until they have been."""
        for item in items:
            self.items.put(item)
            assert self.asked.acquire(timeout=LONG)

    def end(self, last: Exception | None = None) -> None:
        self.items.put(last)
        assert self.released.wait(LONG)


def test_items_come_once_in_order() -> None:
    """Each item is given once, and in order."""
    camera = Camera()
    got = []
    for number in range(3):
        camera.give(number)
        got.append(camera.latest.get(LONG))
    with pytest.raises(TimedOut):
        camera.latest.get(0)
    camera.end()
    assert got == [0, 1, 2]


def test_newest_wins() -> None:
    camera = Camera()
    camera.give(1, 2, 3)
    assert camera.latest.get(LONG) == 3
    camera.end()


def test_dropped_item_is_not_given() -> None:
    """A large frame that nobody took makes room for the next one."""
    camera = Camera()
    camera.give(1)
    camera.latest.drop()
    camera.give(2)
    assert camera.latest.get(LONG) == 2


def test_waits_for_the_next_item() -> None:
    camera = Camera()
    threading.Timer(0, camera.give, (7,)).start()
    assert camera.latest.get(LONG) == 7
    camera.end()


def test_end_comes_after_the_last_item() -> None:
    camera = Camera()
    camera.give(1)
    camera.end()
    assert camera.latest.get(LONG) == 1
    for _ in range(2):
        with pytest.raises(Ended):
            camera.latest.get(LONG)


def test_failure_is_carried_over() -> None:
    camera = Camera()
    camera.end(OSError("unplugged"))
    with pytest.raises(OSError, match="unplugged"):
        camera.latest.get(LONG)


def test_close_ends_the_thread_and_releases() -> None:
    camera = Camera()
    camera.give(1)
    assert not camera.latest.close(0)  # the grab still waits for its camera
    assert not camera.released.is_set()
    camera.items.put(2)
    assert camera.latest.close(LONG)
    assert camera.released.is_set()
    with pytest.raises(Closed):
        camera.latest.get(LONG)
    assert camera.latest.close(LONG)


def test_release_that_fails_hides_nothing() -> None:
    def release() -> None:
        raise OSError("release")

    latest: Latest[int] = Latest(lambda: None, release, "test camera")
    with pytest.raises(Ended):
        latest.get(LONG)
    assert latest.close(LONG)
