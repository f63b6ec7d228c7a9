"""`fer-edge report` and `fer-edge log purge`: what the log of the demo says, and what cannot be done in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fer_edge.cli import main
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
    assert "1 face, 19 changes, watched 40 min, faces in view 40 min, uncertain 0 %" in out.replace("\n", " ")
    assert f"written: {page}" in err
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert table.read_text().splitlines()[1].startswith("2026-01-01T12:00+00:00,2400.0,1,19,")
    assert main(["report", "--log", str(log), "--csv", "-"]) == 0
    assert capsys.readouterr().out == table.read_text()


def test_period_limits_the_report(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the asked period is counted."""
    options = ["report", "--log", str(log), "--since", "2026-01-01T12:10:30"]
    assert main([*options, "--until", "2026-01-01T12:20:30"]) == 0
    assert "watched 10 min" in capsys.readouterr().out
    assert main([*options, "--until", "2026-01-01"]) == 0
    assert "watched 30 min" in capsys.readouterr().out
    assert main(["report", "--log", str(log), "--since", "today"]) == 0
    assert "no line since" in capsys.readouterr().out
    assert main(["report", "--log", str(log), "--until", "2025-12-31"]) == 0
    assert "no line before 2026-01-01 00:00" in capsys.readouterr().out


def test_torn_lines_are_told_of(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with log.open("ab") as file:
        file.write(b'{"time": "2026-01-01T12:45:00+00:00", "sou\n')
    assert main(["report", "--log", str(log)]) == 0
    assert "left out: 1 half-written line" in capsys.readouterr().out


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
