"""A user's program gets each event, cannot hang or flood the loop, and leaves nothing running behind."""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fer_edge.errors import SettingsError
from fer_edge.pause import PauseSwitch
from fer_edge.records import event_record
from fer_edge.settings import HookSettings, Settings
from fer_edge.sinks.event_queue import Refused
from fer_edge.sinks.hook import Hook, open_hook
from fer_edge.types import Event, Observation

Make = Callable[..., Observation]


@pytest.fixture
def record(make_observation: Make) -> dict[str, Any]:
    seen = make_observation(7, "happy")
    return event_record(seen, Event("changed", seen.faces[0]))


def python(program: str, *arguments: str, **settings: Any) -> HookSettings:
    return HookSettings(command=(sys.executable, "-S", "-c", program, *arguments), **settings)


def test_program_gets_event_and_arguments(tmp_path: Path, record: dict[str, Any]) -> None:
    """It gets the event as json and its arguments as they are."""
    file = tmp_path / "got"
    program = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read() + sys.argv[2])"
    Hook(python(program, str(file), "$(echo no); `shell` | *")).run(record)
    entry, argument = file.read_text().split("\n")
    assert argument == "$(echo no); `shell` | *"
    assert json.loads(entry) == record
    assert record["kind"] == "changed"
    assert record["face"]["emotion"] == "happy"
    assert (record["frame"], record["time"]) == (7, "2026-01-01T12:00:00.280000+00:00")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("raise SystemExit(3)", "ended with exit code 3"),
        ("raise SystemExit(1)", "ended with exit code 1"),
        ("import os; os.kill(os.getpid(), 9)", r"signal 9 \(Killed\)"),
    ],
)
def test_one_that_fails_is_said(record: dict[str, Any], program: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        Hook(python(program)).run(record)


def test_hanging_program_is_killed_with_children(tmp_path: Path, record: dict[str, Any]) -> None:
    """One that hangs is ended with what it started."""
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    program = "import subprocess, sys; subprocess.run(['sleep', '60'], stdout=open(sys.argv[1], 'w'))"
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(Refused, match=r"ran for longer than 0\.5 s, and was ended"):
        Hook(python(program, str(fifo), timeout_seconds=0.5)).run(record)
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""  # nobody holds its other end
    os.close(reader)


def test_flooding_program_does_no_harm(record: dict[str, Any]) -> None:
    """One that floods its output or reads nothing does no harm."""
    program = "import os\nfor _ in range(200): os.write(1, b'x' * 65536); os.write(2, b'x' * 65536)"
    Hook(python(program)).run(record)
    record["face"]["scores"] = {str(number): 0.5 for number in range(100_000)}  # more than a pipe holds
    Hook(python("import os; os.close(0)")).run(record)


def test_running_program_is_ended_at_close(tmp_path: Path, make_observation: Make) -> None:
    """One that runs is ended at the end."""
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    program = "import sys, time; f = open(sys.argv[1], 'w'); print('here', file=f, flush=True); time.sleep(60)"
    outbox = open_hook(replace(Settings(), hook=python(program, str(fifo))), PauseSwitch())
    seen = make_observation(0, "happy")
    outbox.write(replace(seen, events=(Event("came", seen.faces[0]),)))
    with fifo.open() as alive:
        assert alive.readline() == "here\n"
        outbox.close(timeout_s=0.05)
        assert alive.read() == ""


def test_program_started_at_close_is_ended(record: dict[str, Any]) -> None:
    """`stop` may come just before the next event's program starts: it is no failure, and nothing waits for it."""
    hook = Hook(python("import time; time.sleep(60)", timeout_seconds=10.0))
    hook.stop()
    hook.run(record)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((), r"hook\.command = \[\]: names no program"),
        (("/no/such/program",), "its first word is not a program that can be run"),
        (("/etc/passwd",), "make it executable: chmod"),
    ],
)
def test_unusable_command_is_refused(command: tuple[str, ...], words: str) -> None:
    """A program that cannot run is refused at once."""
    with pytest.raises(SettingsError, match=words):
        open_hook(replace(Settings(), hook=HookSettings(command=command)), PauseSwitch())


def test_program_that_vanished_is_reported(tmp_path: Path, record: dict[str, Any]) -> None:
    """A program that is gone later is reported."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    hook = Hook(HookSettings(command=(str(program),)))
    hook.run(record)
    program.unlink()
    with pytest.raises(Refused, match="does not start"):
        hook.run(record)


def test_ended_program_is_not_killed(record: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ended is not killed again."""
    hook = Hook(python(""))
    hook.run(record)
    monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("its number may be another's by now"))
    hook.stop()


def test_what_a_hook_leaves_behind_is_ended(tmp_path: Path, record: dict[str, Any]) -> None:
    """A program that it started and did not wait for."""
    file = tmp_path / "pid"
    program = (
        "import subprocess, sys; "
        "child = subprocess.Popen(['sleep', '600'], stdin=subprocess.DEVNULL); "
        "open(sys.argv[1], 'w').write(str(child.pid))"
    )
    Hook(python(program, str(file))).run(record)
    pid = int(file.read_text())
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = select.poll()
    ended.register(process, select.POLLIN)
    assert ended.poll(10_000), "it still runs"
    os.close(process)
