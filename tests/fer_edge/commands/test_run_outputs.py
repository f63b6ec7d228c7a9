"""Which outputs run: what options add to the settings, and what the default does not break."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from pathlib import Path

import pytest
from fer_edge.commands import run as command
from fer_edge.commands.run_outputs import DefaultOutputs
from fer_edge.errors import SettingsError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    return tmp_path


def outputs(*arguments: str, defaults: DefaultOutputs | None = None) -> tuple[str, ...]:
    parser = argparse.ArgumentParser()
    command.add_options(parser)
    return command._read(parser.parse_args(arguments), defaults or DefaultOutputs()).run.sinks


def test_sink_adds() -> None:
    """`--sink` adds to log and console, or to what the settings name; a name twice counts once."""
    assert outputs() == ("log", "console")
    assert outputs("--sink", "kiosk", "--sink", "kiosk") == ("log", "console", "kiosk")
    assert outputs("--sink", "console") == ("log", "console")
    assert outputs("--sink", "kiosk", "--set", 'run.sinks=["mqtt"]') == ("mqtt", "kiosk")
    assert outputs("--set", "run.sinks=[]") == ()
    assert outputs("--only-sink", "kiosk", "--set", 'run.sinks=["mqtt"]') == ("kiosk",)
    assert outputs("--save-crops", "a", "--label", "b", "--only-sink", "kiosk") == ("kiosk", "crops")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--sink", "log", "--only-sink", "csv"), "give one of the two"),
        (("--only-sink", "konsole"), "did you mean console?"),
        (
            ("--log", "a.jsonl", "--set", "log.store=memory"),
            "--log a.jsonl: log.store = 'memory', which writes no file;",
        ),
        (("--only-sink", "kiosk", "--log", "a.jsonl"), "--log: no log is written, the outputs are kiosk"),
        (("--set", "run.sinks=[]", "--log-mode", "frames"), "--log-mode: no log is written, the outputs are none"),
    ],
)
def test_contradictions_are_refused(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        outputs(*arguments)
    assert words in str(caught.value)


def test_default_log_breaks_no_unit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that was started with --sink alone goes on where no log can be written; who names one is told."""
    log = folder / "fer-edge.jsonl"
    with log.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert outputs("--sink", "kiosk") == ("console", "kiosk")
        assert f"another fer-edge writes to {log}; name a file with --log, or say --only-sink kiosk" in (
            capsys.readouterr().err
        )
        for named in (("--log", str(log)), ("--set", 'run.sinks=["log", "console"]'), ("--sink", "log")):
            assert outputs("--sink", "kiosk", *named)[0] == "log", named
    assert outputs("--sink", "kiosk") == ("log", "console", "kiosk")
    os.chdir("/")
    assert outputs("--sink", "kiosk") == ("console", "kiosk")


def test_default_console_is_not_for_the_journal(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A service keeps no predictions in the journal unless somebody names the console."""
    with (folder / "journal").open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert outputs("--sink", "kiosk") == ("log", "kiosk")
        assert outputs("--sink", "console") == ("log", "console")
        assert outputs() == ("log", "console")


def test_reload_decides_nothing_anew(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At a reload the log is this process's own, which holds it."""
    defaults = DefaultOutputs()
    assert "log" in outputs("--sink", "kiosk", defaults=defaults)
    with (folder / "fer-edge.jsonl").open("ab") as own:
        fcntl.flock(own, fcntl.LOCK_EX)
        assert "log" in outputs("--sink", "kiosk", defaults=defaults)
    assert capsys.readouterr().err == ""
