"""Anybody may pause and resume, from any thread."""

from __future__ import annotations

import threading

from edge.control import Control


def test_it_is_what_was_asked_for_last() -> None:
    control = Control()
    assert not control.paused
    control.pause()
    control.pause()
    assert control.paused
    control.toggle()
    assert not control.paused
    control.toggle()
    control.resume()
    assert not control.paused


def test_no_press_is_lost_where_many_press_at_once() -> None:
    control = Control()
    threads = [threading.Thread(target=lambda: [control.toggle() for _ in range(1001)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not control.paused


def test_a_signal_handler_may_use_it_in_the_middle_of_a_call() -> None:
    control = Control()
    with control._lock:
        control.toggle()
    assert control.paused
