"""What signals ask for is noted, and their old handlers come back."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from fer_edge.pause import PauseSwitch
from fer_edge.service.signals import handle_signals

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_stop_interrupts(number: signal.Signals) -> None:
    with handle_signals(PauseSwitch()) as signals:
        os.kill(os.getpid(), number)
        assert signals.stopped
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


def test_pause_and_reload_are_noted() -> None:
    pause_switch = PauseSwitch()
    with handle_signals(pause_switch) as signals:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert pause_switch.paused
        os.kill(os.getpid(), signal.SIGUSR1)
        assert not pause_switch.paused
        assert not signals.take_reload()
        os.kill(os.getpid(), signal.SIGHUP)
        assert not signals.stopped
        assert signals.take_reload()
        assert not signals.take_reload()


def test_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in NUMBERS]
    with handle_signals(PauseSwitch()):
        assert [signal.getsignal(number) for number in NUMBERS] != before
    assert [signal.getsignal(number) for number in NUMBERS] == before


def test_a_closed_terminal_still_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        closed = False

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    before = signal.getsignal(signal.SIGHUP)
    with handle_signals(PauseSwitch()):
        assert signal.getsignal(signal.SIGHUP) == before


def test_under_nohup_it_goes_on() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handle_signals(PauseSwitch()):
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
