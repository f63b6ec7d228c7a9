"""The newest frame of a live source: a thread that grabs, and a mailbox with one slot.

A camera does not wait. Who reads it only when the loop is ready reads what its driver queued a while ago, and the lag
grows. Here a thread reads as fast as the camera gives, and the loop takes what is newest; what it missed is dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")
SLICE = 0.2  # seconds waited at once, so that a wish to stop is noticed


class Ended(Exception):  # noqa: N818 (a notice, no error: the caller turns it into words)
    """The source has nothing more to give."""


class Closed(Exception):  # noqa: N818
    """Somebody called `close`."""


class Silence(Exception):  # noqa: N818
    """Nothing came within the time limit."""


class Latest(Generic[T]):
    """Calls `grab` in a thread of its own; `get` hands out each result at most once, the newest one.

    `grab` returns an item, or None at the source's end, or raises; `release` runs in the same thread after the last
    `grab`, so that nothing is torn down under a grab that still waits for its camera.
    """

    def __init__(self, grab: Callable[[], T | None], release: Callable[[], None], name: str) -> None:
        self._grab = grab
        self._release = release
        self._changed = threading.Condition()
        self._item: T | None = None
        self._failure: BaseException | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._closing:
                item = self._grab()
                if item is None:
                    raise Ended
                with self._changed:
                    self._item = item
                    self._changed.notify()
        except Exception as failure:  # noqa: BLE001 (carried over to the thread that calls get)
            with self._changed:
                self._failure = failure
                self._changed.notify()
        finally:
            # A release that fails has nobody left to tell; the grab's own failure is what counts.
            with suppress(Exception):
                self._release()

    def get(self, timeout: float, stopped: Callable[[], bool] = lambda: False) -> T:
        """The newest item that was not handed out yet; waits for one for up to `timeout` seconds.

        Raises Silence where none came in time, Ended at the end, Closed after `close` or once `stopped()`, and what
        `grab` raised. An item that came before an end or a failure is still handed out first.
        """
        with self._changed:
            left = timeout
            while not self._changed.wait_for(self._something, min(left, SLICE)) and left > SLICE and not stopped():
                left -= SLICE
            item, self._item = self._item, None
            if self._closing or (item is None and self._failure is None and stopped()):
                raise Closed
            if item is not None:
                return item
            if self._failure is not None:
                raise self._failure
            raise Silence

    def _something(self) -> bool:
        return self._item is not None or self._failure is not None or self._closing

    def close(self, patience: float = 2.0) -> bool:
        """Stop grabbing; True if the thread ended within `patience` seconds. May be called twice.

        A thread that hangs inside a driver is left behind: it is a daemon, so it does not keep the program alive.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(patience)
        return not self._thread.is_alive()
