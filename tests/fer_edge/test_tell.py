"""What is told is one line, and telling never fails."""

from __future__ import annotations

import io
import sys

import pytest
from fer_edge.tell import tell


def test_it_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell("led: no\nchip")
    tell("led: works again", "note")
    assert capsys.readouterr().err == "fer-edge: error: led: no chip\nfer-edge: note: led: works again\n"


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("closed", [True, False])
def test_nobody_listening_is_no_failure(monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    stream = io.StringIO() if closed else Full()
    if closed:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    tell("led: no chip")


def test_a_live_line_on_the_same_terminal_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", stream)
    tell("led: no chip")
    assert stream.getvalue() == "\r\x1b[Kfer-edge: error: led: no chip\n"
