"""The newest frame of a live source: a thread that grabs frames, and a queue with one slot.

A camera does not wait. A loop that reads it only when it is ready gets frames that the driver queued earlier, and the
lag grows. Here a thread reads as fast as the camera gives, and the loop takes the newest frame; those between are
dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")
STOP_CHECK_INTERVAL_S = 0.2  # how often a waiting `get` checks whether it should stop


class Ended(Exception):  # noqa: N818 (a signal, not an error: the caller turns it into a message)
    """The source gives no more items."""


class Closed(Exception):  # noqa: N818
    """`close` was called, or `stopped()` is true."""


class TimedOut(Exception):  # noqa: N818
    """No item came within the timeout."""


class Latest(Generic[T]):
    """Calls `grab` in a thread of its own; `get` returns the newest result, each result at most once.

    `grab` returns an item, or None at the source's end, or raises. `release` runs in the same thread after the last
    `grab`, so that the camera is never released while a grab still waits for it.
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
        except Exception as failure:  # noqa: BLE001 (`get` raises it in the caller's thread)
            with self._changed:
                self._failure = failure
                self._changed.notify()
        finally:
            # An error of the release is ignored: the grab's own error is what matters.
            with suppress(Exception):
                self._release()

    def get(self, timeout: float, stopped: Callable[[], bool] = lambda: False) -> T:
        """The newest item that was not returned yet; waits for one for up to `timeout` seconds.

        Raises TimedOut if none came in time, Ended at the end, Closed after `close` or once `stopped()`, and what
        `grab` raised. An item that came before the end or an error is still returned first.
        """
        step = STOP_CHECK_INTERVAL_S
        with self._changed:
            left = timeout
            while not self._changed.wait_for(self._ready, min(left, step)) and left > step and not stopped():
                left -= step
            item, self._item = self._item, None
            if self._closing or (item is None and self._failure is None and stopped()):
                raise Closed
            if item is not None:
                return item
            if self._failure is not None:
                raise self._failure
            raise TimedOut

    def drop(self) -> None:
        """Forget the newest item, if nobody has taken it: the next one needs its memory."""
        with self._changed:
            self._item = None

    def _ready(self) -> bool:
        return self._item is not None or self._failure is not None or self._closing

    def close(self, timeout: float = 2.0) -> bool:
        """Stop grabbing; True if the thread ended within `timeout` seconds. May be called twice.

        A thread that hangs inside a driver is abandoned: it is a daemon, so it does not keep the program running.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()
