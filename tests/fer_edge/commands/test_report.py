"""`fer-edge report` and `fer-edge log purge`: what the log of the demo says, and what cannot be done in one line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fer_edge.cli import main
from fer_edge.commands import report
from fer_edge.logs.reader import is_written
from fer_edge.settings import LogSettings
from fer_edge.sinks.log import Log
from fer_edge.types import Event, Observation

Make = Callable[..., Observation]


@pytest.fixture
def log(tmp_path: Path, make_observation: Make) -> Path:
    """Forty minutes of the first of January 2026, from noon, UTC."""
    path = tmp_path / "log.jsonl"
    writer = Log(LogSettings(path=str(path), rotate_megabytes=0.01))
    for minute in range(40):
        seen = make_observation(0, "happy" if minute % 4 else "sad", time=60.0 * minute)
        seen = Observation(seen.frame, seen.faces, (Event("changed", seen.faces[0]),))
        frame = type(seen.frame)(minute, 60.0 * minute, seen.frame.taken, seen.frame.grey, "test")
        writer.write(Observation(frame, seen.faces, seen.events))
    writer.close()
    return path


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_report_has_three_forms(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report comes as text, as a page and as a table."""
    page, table = tmp_path / "page.html", tmp_path / "table.csv"
    assert len(list(tmp_path.iterdir())) > 1
    for _ in range(2):  # the second time over the first one's
        assert main(["report", "--log", str(log), "--html", str(page), "--csv", str(table)]) == 0
    out, err = capsys.readouterr()
    assert "faces 1, changes 19, watched 39 min, faces in view 39 min, not sure 0 %" in out.replace("\n", " ")
    assert f"written: {page}" in err
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert table.read_text().splitlines()[1].startswith("2026-01-01T12:00+00:00,2340.0,1,19,")
    assert main(["report", "--log", str(log), "--csv", "-"]) == 0
    assert capsys.readouterr().out == table.read_text()


def test_period_limits_the_report(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the asked period is counted."""
    options = ["report", "--log", str(log), "--since", "2026-01-01T12:10:30"]
    assert main([*options, "--until", "2026-01-01T12:20:30"]) == 0
    assert "watched 10 min" in capsys.readouterr().out
    assert main([*options, "--until", "2026-01-01"]) == 0
    assert "watched 28 min" in capsys.readouterr().out
    assert main(["report", "--log", str(log), "--since", "today"]) == 0
    assert "no line since" in capsys.readouterr().out
    assert main(["report", "--log", str(log), "--until", "2025-12-31"]) == 0
    assert "no line before 2026-01-01 00:00" in capsys.readouterr().out


def test_last_days_and_hours(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Today and six days before for 7d; hours and minutes count from now."""
    parser = argparse.ArgumentParser()
    report.add_options(parser)
    for text, now, words in (
        ("7d", datetime(2026, 1, 7, 23, tzinfo=UTC), "watched 39 min"),
        ("1w", datetime(2026, 1, 7, 23, tzinfo=UTC), "watched 39 min"),
        ("7d", datetime(2026, 1, 8, 0, 1, tzinfo=UTC), "no line since 2026-01-02 00:00"),
        ("30m", datetime(2026, 1, 1, 12, 40, tzinfo=UTC), "watched 29 min"),
        ("12h", datetime(2026, 1, 1, 23, tzinfo=UTC), "watched 39 min"),
    ):
        assert report.run(parser.parse_args(["--log", str(log), "--last", text]), now, UTC) == 0
        assert words in capsys.readouterr().out, text


def test_running_program_counts_on(tmp_path: Path, make_observation: Make) -> None:
    """While it writes the log, what is in view counts up to now; an ended one's counts to its last line."""
    path = tmp_path / "log.jsonl"
    writer = Log(LogSettings(path=str(path)))
    seen = make_observation(0, "happy")
    writer.write(Observation(seen.frame, seen.faces, (Event("came", seen.faces[0]),)))
    assert is_written(path)
    writer.write(make_observation(250, "happy"))  # no change: no line
    writer.close()
    assert not is_written(path)
    assert not is_written(tmp_path / "none")
    last = json.loads(path.read_text().splitlines()[-1])
    assert last["events"] == [{"kind": "heartbeat"}]
    assert last["frame"] == 250


def test_charts_are_pictures(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Older ones are replaced, foreign files are not."""
    folder = tmp_path / "drawn"
    for _ in range(2):
        assert main(["report", "--log", str(log), "--svg", str(folder), "--language", "de"]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["emotions.svg", "time.svg"]
    assert "fröhlich" in (folder / "emotions.svg").read_text()
    assert "fröhlich" in capsys.readouterr().out
    (folder / "time.svg").write_text("<svg/>")
    assert main(["report", "--log", str(log), "--svg", str(folder)]) == 6
    assert (folder / "time.svg").read_text() == "<svg/>"


def test_torn_lines_are_told_of(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with log.open("ab") as file:
        file.write(b'{"time": "2026-01-01T12:45:00+00:00", "sou\n')
    assert main(["report", "--log", str(log)]) == 0
    assert "left out: 1 half-written line\n" in capsys.readouterr().out
    assert main(["report", "--log", str(log), "--csv", "-"]) == 0  # not among the rows
    out, err = capsys.readouterr()
    assert "left out" not in out
    assert err == "left out: 1 half-written line\n"


def test_purge_reports_its_counts(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A purge deletes lines and prints how many."""
    assert main(["log", "purge", "--log", str(log), "--before", "2026-01-01T12:30"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("deleted 30 lines before 2026-01-01 12:30 in ")
    assert out.endswith("; 10 lines kept\n")
    left = "".join(file.read_text() for file in log.parent.glob("log*"))
    times = [datetime.fromisoformat(json.loads(line)["time"]) for line in left.splitlines()]
    assert sorted(times) == [datetime(2026, 1, 1, 12, 30, tzinfo=UTC) + timedelta(minutes=n) for n in range(10)]
    assert main(["log", "purge", "--log", str(log), "--before", "2026-01-01T12:30"]) == 0
    assert capsys.readouterr().out == "deleted 0 lines before 2026-01-01 12:30; 10 lines kept\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["report", "--log", "none.jsonl"], 9, "none.jsonl: no such log; name one with --log"),
        (["report", "--log", "notes"], 9, "notes: is not a fer-edge log"),
        (["report", "--log", "."], 9, "is not a fer-edge log"),
        (["report", "--since", "soon"], 2, "--since 'soon': not a date"),
        (["report", "--since", "2026-02-01", "--until", "2026-01-01"], 2, "--until '2026-01-01': not after"),
        (["report", "--last", "soon"], 2, "--last 'soon': not a time; write a number with m, h, d or w"),
        (["report", "--last", "0d"], 2, "--last '0d'"),
        # As scripts give a variable that is not set: all of the log is another report than was asked for.
        (["report", "--since", ""], 2, "--since '': not a date"),
        (["report", "--last", ""], 2, "--last '': not a time"),
        (["report", "--until", ""], 2, "--until '': not a date"),
        (["report", "--last", "7d", "--since", "today"], 2, "give one of the two"),
        (["report", "--language", "xx"], 2, "language: unknown; known are de, en"),
        (["report", "--svg", "notes"], 6, "--svg notes: cannot be made"),
        (["report", "--html", "notes"], 6, "--html notes: is not a report"),
        (["report", "--csv", "notes"], 6, "--csv notes: is not a report"),
        (["report", "--html", "/no/such/page.html"], 6, "--html /no/such/page.html: cannot be written (No such file"),
        (["report", "--config", "memory.toml"], 9, "log.store = 'memory'"),
        (["log"], 2, "ACTION"),
        (["log", "purge"], 2, "--before"),
        (["log", "purge", "--before", "soon"], 2, "--before 'soon': not a date"),
        (["log", "purge", "--before", "today", "--log", "notes"], 9, "notes: is not a fer-edge log"),
    ],
)
def test_errors_have_exit_codes(
    arguments: list[str],
    code: int,
    words: str,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What cannot be done is one line and an exit code."""
    monkeypatch.chdir(log.parent)
    log.rename("fer-edge.jsonl")
    Path("notes").write_text("notes to self")
    Path("memory.toml").write_text('[log]\nstore = "memory"\n')
    assert main(arguments) == code
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1, errors
    assert words in errors[0]
    assert Path("notes").read_text() == "notes to self"


def test_an_empty_log_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.jsonl").touch()
    assert main(["report", "--log", str(tmp_path / "log.jsonl")]) == 0
    assert capsys.readouterr().out == f"log {tmp_path / 'log.jsonl'}: is empty\n"


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("Yes", 0), ("", 1), ("n", 1), ("yess", 1), (None, 1)])
def test_purge_asks_at_a_terminal(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str | None, code: int
) -> None:
    """Nothing but a yes deletes; --yes is one, and so is a script's command, which has no terminal."""
    asked: list[str] = []

    def said(question: str) -> str:
        asked.append(question)
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("builtins.input", said)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    purge = ["log", "purge", "--log", str(log), "--before", "2026-01-01T12:30"]
    assert main(purge) == code
    assert asked == [f"delete all lines of {log} before 2026-01-01 12:30, for good? [y/N] "]
    assert ("deleted 30 lines" if code == 0 else "nothing is deleted") in capsys.readouterr().out
    assert main([*purge, "--yes"]) == 0
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    assert main(purge) == 0
    assert len(asked) == 1
