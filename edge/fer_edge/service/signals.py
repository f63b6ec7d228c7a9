"""What signals ask of `fer-edge run`: SIGINT and SIGTERM end it, SIGUSR1 pauses or resumes, SIGHUP reloads settings."""

from __future__ import annotations

import signal
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager

from fer_edge.pause import PauseSwitch


class Signals:
    """What signals have asked for, until it is done."""

    def __init__(self, pause_switch: PauseSwitch) -> None:
        self.stopped = False
        self.reload = False
        self._pause_switch = pause_switch

    def handle(self, number: int, _: types.FrameType | None) -> None:
        """Note a signal. The second one to stop interrupts at once, whatever is being waited for."""
        if number == signal.SIGUSR1:
            self._pause_switch.toggle()
        elif number == signal.SIGHUP:
            self.reload = True
        elif self.stopped:
            raise KeyboardInterrupt
        else:
            self.stopped = True

    def take_reload(self) -> bool:
        """Whether the settings are to be read again; True once for a signal."""
        asked, self.reload = self.reload, False
        return asked


@contextmanager
def handle_signals(pause_switch: PauseSwitch) -> Iterator[Signals]:
    """What signals ask for meanwhile; the handlers before it come back afterwards.

    In a terminal SIGHUP means that its window was closed, and ends the program as it always did; under `nohup` it means
    nothing.
    """
    signals = Signals(pause_switch)
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and not _in_terminal():
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, signals.handle) for number in numbers}
    try:
        yield signals
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _in_terminal() -> bool:
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
