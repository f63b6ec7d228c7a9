"""Waiting for the moment at which the next frame is due."""

from __future__ import annotations

from collections.abc import Callable

SLEEP_STEP_S = 0.2  # slept at once, so that a stop is noticed


def wait_until(
    due: float, clock: Callable[[], float], sleep: Callable[[float], None], stopped: Callable[[], bool]
) -> None:
    """Sleep until `due`, seconds on `clock`, or until `stopped()`."""
    while (left := due - clock()) > 0 and not stopped():
        sleep(min(left, SLEEP_STEP_S))
