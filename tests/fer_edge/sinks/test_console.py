"""The console says what a person would notice, once; a terminal has a last line besides that is written over."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fer_edge.drawing.terminal import fit
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings
from fer_edge.sinks.console import Console, LiveConsole, open_console
from fer_edge.sinks.guard import Guarded
from fer_edge.types import Event, Observation

Make = Callable[..., Observation]
ROOT = Path(__file__).parents[3]


def test_a_line_for_each_event(make_observation: Callable[..., Observation]) -> None:
    stream = io.StringIO()
    console = Console(stream)
    plain = [make_observation(number, "happy") for number in (100, 125, 150)]
    face = plain[0].faces[0]
    for observation, kind in zip(plain, ("came", "changed", "gone"), strict=True):
        console.write(Observation(observation.frame, observation.faces, (Event(kind, face),)))  # type: ignore[arg-type]
        console.write(observation)
    console.close()
    assert stream.getvalue().splitlines() == [
        "    0.00 s  face 1 came: happy (70 %)",
        "    1.00 s  face 1 now happy (70 %)",
        "    2.00 s  face 1 gone",
    ]


class Terminal(io.StringIO):
    """A terminal: `screen` is what a person sees after all that was written."""

    encoding = "utf-8"  # type: ignore[assignment]

    @property
    def screen(self) -> list[str]:
        lines, column = [""], 0
        for piece in re.findall(r"\x1b\[K|[\r\n]|[^\x1b\r\n]+", self.getvalue()):
            if piece == "\r":
                column = 0
            elif piece == "\n":
                lines, column = [*lines, ""], 0
            elif piece == "\x1b[K":
                lines[-1] = lines[-1][:column]
            else:
                lines[-1] = lines[-1][:column] + piece + lines[-1][column + len(piece) :]
                column += len(piece)
        return lines


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")


@pytest.mark.usefixtures("wide")
def test_last_line_is_overwritten(make_observation: Make) -> None:
    """A terminal has a last line that is written over."""
    stream = Terminal()
    console = LiveConsole(stream)
    seen = make_observation(0, "happy", "sad")
    console.write(Observation(seen.frame, seen.faces, (Event("came", seen.faces[0]),)))
    assert stream.screen == [
        "    0.00 s  face 1 came: happy (70 %)",
        "     0.0 s  happy ███████░░░ 70 %   sad ███████░░░ 70 %",
    ]
    console.write(make_observation(25))
    assert stream.screen[1:] == ["     1.0 s   1.0 fps  nobody"]
    console.state("paused")
    assert stream.screen[1:] == ["camera is off: paused", ""]
    console.close()
    assert stream.screen[1:] == ["camera is off: paused", ""]


@pytest.mark.usefixtures("wide")
def test_last_line_is_removed_at_end(make_observation: Make) -> None:
    """The last line is gone at the end."""
    stream = Terminal()
    console = LiveConsole(stream)
    console.write(make_observation(0, "happy"))
    console.close()
    assert stream.screen == [""]


@pytest.mark.usefixtures("wide")
def test_last_line_is_redrawn_in_time(make_observation: Make) -> None:
    """It is drawn ten times a second and at once when something happens."""
    stream = Terminal()
    console = LiveConsole(stream)
    for number in range(250):  # 10 seconds
        console.write(make_observation(number))
    assert 80 <= stream.getvalue().count("\r") <= 100


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (1, ""),
        (5, "surp"),
        (20, "surprise 70 %  +2"),
        (40, "surprise 70 %  disgust 70 %  sad 70 %"),
        (50, "0.0 s  surprise 70 %  disgust 70 %  sad 70 %"),
        (80, "     0.0 s  surprise ████░ 70 %   disgust ████░ 70 %   sad ████░ 70 %"),
        (200, "     0.0 s  surprise ███████░░░ 70 %   disgust ███████░░░ 70 %   sad ███████░░░ 70 %"),
    ],
)
def test_it_fits_small_terminals(
    make_observation: Make, monkeypatch: pytest.MonkeyPatch, columns: int, line: str
) -> None:
    """Bars become shorter, then go, then the time; 40 columns have two faces; whom there is no room for is counted."""
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    LiveConsole(stream).write(make_observation(0, "surprise", "disgust", "sad"))
    assert stream.screen[-1] == line


def test_live_line_has_the_frame_rate(make_observation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the frames' own times; it is left out until it is known, and where there is no room."""
    for columns, words in ((80, "     1.9 s  25.0 fps  happy ███████░░░ 70 %"), (30, "1.9 s  25.0 fps  happy 70 %")):
        monkeypatch.setenv("COLUMNS", str(columns))
        stream = Terminal()
        console = LiveConsole(stream)
        for number in range(51):
            console.write(make_observation(number, "happy"))
            if number == 0:
                assert "fps" not in stream.screen[-1]
        assert stream.screen[-1] == words


def test_live_line_has_the_palette_s_colours(make_observation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal, and not if its user wants none; the words are the same, and so is their width."""

    class Coloured(Terminal):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    seen = make_observation(0, "happy", "sad")
    for columns, wanted in ((80, "\x1b[38;5;221m███████\x1b[0m░░░"), (40, "\x1b[38;5;221m■\x1b[0m happy")):
        monkeypatch.setenv("COLUMNS", str(columns))
        stream = Coloured()
        LiveConsole(stream).write(seen)
        assert wanted in stream.getvalue()
        assert len(re.sub(r"\x1b\[[0-9;]*[mK]|\r", "", stream.getvalue())) < columns
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Coloured()
    LiveConsole(stream).write(seen)
    assert "\x1b[38" not in stream.getvalue()


def test_wide_letters_take_two_columns() -> None:
    """Letters that are two columns wide are counted so."""
    assert fit("嬉しい 70 %", 7) == "嬉しい "
    assert fit("嬉しい 70 %", 5) == "嬉し"
    assert fit("e\u0301tonne\u0301", 6) == "e\u0301tonne\u0301"
    assert fit("happy", 0) == ""


@pytest.mark.usefixtures("wide")
def test_terminal_without_unicode(make_observation: Make) -> None:
    """A terminal without unicode gets other bars."""
    stream = Terminal()
    stream.encoding = "ascii"  # type: ignore[assignment]
    LiveConsole(stream).write(make_observation(0, "happy"))
    assert stream.screen[-1].isascii()
    assert "happy #######--- 70 %" in stream.screen[-1]


def test_the_kind_of_output_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert type(open_console(Settings(), PauseSwitch())) is Console
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert type(open_console(Settings(), PauseSwitch())) is LiveConsole
    monkeypatch.setenv("TERM", "dumb")
    assert type(open_console(Settings(), PauseSwitch())) is Console


@pytest.mark.process
def test_real_terminal_ends_with_the_summary() -> None:
    """A real terminal ends with the summary and nothing of the last line."""
    leader, follower = os.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
    command = [sys.executable, "-m", "fer_edge", "run", "--source", "demo", "--max-frames", "50"]
    command += ["--only-sink", "console"]
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"TERM": "xterm"}
    with subprocess.Popen(command, cwd=ROOT, stdout=follower, stderr=follower, env=environment) as child:
        os.close(follower)
        written = b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while piece := os.read(leader, 65536):
                written += piece
    os.close(leader)
    assert child.returncode == 0
    stream = Terminal()
    stream.write(written.decode().replace("\r\n", "\n"))
    assert stream.screen[4].startswith("    0.00 s  face 1 came: happy (")
    assert stream.screen[5] == ""
    assert stream.screen[6].startswith("frames 50, face readings ")
    drawn = re.findall(r"\r\x1b\[K([^\r]*)(?=\r)", written.decode())
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in drawn]
    assert any(line.startswith("     0.4 s  happy ███") for line in plain), drawn
    assert max(len(line) for line in plain if "came" not in line) <= 29


def test_a_closed_pipe_ends_the_program(make_observation: Make) -> None:
    """`fer-edge run | head` ends with SIGPIPE's exit code; no other output could tell that its reader is gone."""

    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    seen = make_observation(0, "happy")
    console = Guarded("console", Console(Closed()))
    with pytest.raises(SystemExit, match="141"):
        console.write(replace(seen, events=(Event("came", seen.faces[0]),)))


def test_states_are_printed_except_first_start(make_observation: Make) -> None:
    """That the camera runs is news only after it did not; a pause or a loss is said at any time."""
    stream = io.StringIO()
    console = Console(stream)
    for state in ("starting", "paused", "running"):
        console.state(state)  # type: ignore[arg-type]
    console.write(make_observation(0))
    for state in ("lost", "running"):
        console.state(state)  # type: ignore[arg-type]
    assert stream.getvalue().splitlines() == ["camera is off: paused", "camera is lost", "camera is on again"]
