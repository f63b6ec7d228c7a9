"""Signals become wishes, and their old handlers come back."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from fer_edge.pause import PauseSwitch
from fer_edge.service.signals import listening

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_wish_to_stop_is_noted_and_the_second_interrupts(number: signal.Signals) -> None:
    with listening(PauseSwitch()) as wishes:
        os.kill(os.getpid(), number)
        assert wishes.stopped
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


def test_a_pause_and_new_settings_are_asked_for() -> None:
    pause_switch = PauseSwitch()
    with listening(pause_switch) as wishes:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert pause_switch.paused
        os.kill(os.getpid(), signal.SIGUSR1)
        assert not pause_switch.paused
        assert not wishes.take_reload()
        os.kill(os.getpid(), signal.SIGHUP)
        assert not wishes.stopped
        assert wishes.take_reload()
        assert not wishes.take_reload()


def test_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in NUMBERS]
    with listening(PauseSwitch()):
        assert [signal.getsignal(number) for number in NUMBERS] != before
    assert [signal.getsignal(number) for number in NUMBERS] == before


def test_a_terminal_that_is_closed_still_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        closed = False

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    before = signal.getsignal(signal.SIGHUP)
    with listening(PauseSwitch()):
        assert signal.getsignal(signal.SIGHUP) == before


def test_under_nohup_it_goes_on() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with listening(PauseSwitch()):
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
