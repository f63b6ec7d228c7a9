"""What is logged is one line on standard error, and logging never fails."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import threading

import pytest
from fer_edge.service import log_handler
from fer_edge.service.log_handler import OneLine, hide, install

log = logging.getLogger("fer_edge.sinks.led")


def test_each_message_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Errors, warnings and notes have their words; a message of two lines becomes one."""
    log.error("led: no\nchip 100 %s")
    log.warning("led: hot")
    log.info("led: works again")
    log.debug("led: %s", "nobody asked")
    assert capsys.readouterr().err == (
        "fer-edge: error: led: no chip 100 %s\nfer-edge: warning: led: hot\nfer-edge: note: led: works again\n"
    )


def test_other_libraries_warn_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Their warnings are printed alike, their notes are not."""
    logging.getLogger("somelib").warning("no chip")
    logging.getLogger("somelib").info("hello")
    assert capsys.readouterr().err == "fer-edge: warning: no chip\n"


def test_installing_twice_prints_once(capsys: pytest.CaptureFixture[str]) -> None:
    install()
    log.error("led: no chip")
    assert capsys.readouterr().err == "fer-edge: error: led: no chip\n"


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("closed", [True, False])
def test_write_errors_are_ignored(monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    """The program goes on with a full disk behind its standard error, or a closed one."""
    stream = io.StringIO() if closed else Full()
    if closed:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    log.error("led: no chip")


def test_live_line_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console's last line shares the terminal."""
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", stream)
    log.error("led: no chip")
    assert stream.getvalue() == "\r\x1b[Kfer-edge: error: led: no chip\n"


def test_lines_of_threads_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)

    def write(letter: str) -> None:
        for _ in range(50):
            log.error(letter * 40)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = stream.getvalue().splitlines()
    assert sorted(lines) == sorted(f"fer-edge: error: {letter * 40}" for letter in "abcd" for _ in range(50))


def test_traceback_stands_below() -> None:
    """Of a bug in a library, such as the kiosk's server, nothing is lost."""
    try:
        raise ValueError("no such thing")
    except ValueError:
        record = logging.LogRecord("uvicorn", logging.ERROR, "", 0, "it broke", (), sys.exc_info())
    first, *rest = OneLine().format(record).splitlines()
    assert first == "fer-edge: error: it broke"
    assert rest[-1] == "ValueError: no such thing"


def test_importing_changes_no_logging() -> None:
    """A program that uses fer_edge has its own handlers; without any, Python prints the message alone."""
    program = (
        "import logging, fer_edge, fer_edge.cli, fer_edge.sinks.guard\n"
        "log = logging.getLogger('fer_edge')\n"
        "assert not log.handlers and not logging.getLogger().handlers and log.level == logging.NOTSET\n"
        "logging.getLogger('fer_edge.sinks.guard').warning('hot')\n"
        "logging.getLogger('fer_edge.sinks.guard').info('cool')\n"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert child.stderr == "hot\n"


def test_command_line_installs_it() -> None:
    command = [sys.executable, "-m", "fer_edge", "report", "--log", "/no/such/log"]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.stderr.startswith("fer-edge: error: log /no/such/log: no such log")


def test_terminal_obeys_no_message() -> None:
    """Control characters, and those that turn the direction of writing, are replaced."""
    record = logging.LogRecord("x", logging.ERROR, "", 0, "a\x1b[31mb\x00c\u202ed\x9be\nf", (), None)
    assert OneLine().format(record) == "fer-edge: error: a\ufffd[31mb\ufffdc\ufffdd\ufffde f"


def test_camera_path_is_hidden(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be a key, which no shape gives away; other addresses stay whole. Also in a traceback."""
    monkeypatch.setattr(log_handler, "_hidden", {})
    key = "Qx" + "7f9"  # not whole in this line, which a traceback quotes
    for address in (f"http://ann:pw@cam:81/{key}/live", "http://cam/x", "camera:0"):
        hide(address)
    try:
        raise OSError(f"no answer from /{key}/live")
    except OSError:
        log.exception(f"GET http://ann:pw@cam:81/{key}/live failed, http://cam:81/{key}/live too; see http://host/x")
    said = capsys.readouterr().err
    assert "GET http://cam failed, http://cam:81/*** too; see http://host/x" in said
    assert "no answer from /***" in said
    assert key not in said
