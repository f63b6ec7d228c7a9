"""Anybody may pause and resume, from any thread."""

from __future__ import annotations

import math
import threading

from fer_edge.pause import PauseSwitch


def test_it_is_what_was_asked_for_last() -> None:
    pause_switch = PauseSwitch()
    assert not pause_switch.paused
    pause_switch.pause()
    pause_switch.pause()
    assert pause_switch.paused
    pause_switch.toggle()
    assert not pause_switch.paused
    pause_switch.toggle()
    pause_switch.resume()
    assert not pause_switch.paused


def test_no_press_is_lost_where_many_press_at_once() -> None:
    pause_switch = PauseSwitch()
    threads = [threading.Thread(target=lambda: [pause_switch.toggle() for _ in range(1001)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not pause_switch.paused


def test_a_signal_handler_may_use_it_in_the_middle_of_a_call() -> None:
    pause_switch = PauseSwitch()
    with pause_switch._lock:
        pause_switch.toggle()
    assert pause_switch.paused


def test_a_pause_ends_by_itself() -> None:
    """After the limit, or after its own time; without either it lasts."""
    now = [0.0]
    pause_switch = PauseSwitch(lambda: now[0])
    pause_switch.pause()
    assert math.isinf(pause_switch.seconds_left)
    pause_switch.limit_seconds = 60
    pause_switch.toggle()
    pause_switch.toggle()
    assert (pause_switch.paused, pause_switch.seconds_left) == (True, 60)
    pause_switch.pause(seconds=4)
    now[0] = 3.9
    assert pause_switch.paused
    now[0] = 4.0
    assert (pause_switch.paused, pause_switch.seconds_left) == (False, 0)
    pause_switch.toggle()
    assert pause_switch.paused
