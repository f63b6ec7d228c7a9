"""What signals ask of `fer-edge run`: SIGINT, SIGTERM end it, SIGUSR1 pauses or resumes, SIGHUP reads settings anew."""

from __future__ import annotations

import signal
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager

from fer_edge.pause import PauseSwitch


class Wishes:
    """What was asked for, and when it was not yet done."""

    def __init__(self, pause_switch: PauseSwitch) -> None:
        self.stopped = False
        self.reload = False
        self._pause_switch = pause_switch

    def handle(self, number: int, _: types.FrameType | None) -> None:
        """Take note; a second wish to stop interrupts at once, whatever is being waited for."""
        if number == signal.SIGUSR1:
            self._pause_switch.toggle()
        elif number == signal.SIGHUP:
            self.reload = True
        elif self.stopped:
            raise KeyboardInterrupt
        else:
            self.stopped = True

    def take_reload(self) -> bool:
        """Whether settings are to be read anew; said once."""
        asked, self.reload = self.reload, False
        return asked


@contextmanager
def listening(pause_switch: PauseSwitch) -> Iterator[Wishes]:
    """The wishes that come by signal meanwhile.

    In a terminal SIGHUP means that its window was closed, and ends the program as it always did; under `nohup` it means
    nothing.
    """
    wishes = Wishes(pause_switch)
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and not _in_terminal():
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, wishes.handle) for number in numbers}
    try:
        yield wishes
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _in_terminal() -> bool:
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
