"""`fer-edge outputs`: every output, whether it is on and installed, and the command that switches it on."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from fer_edge.cli import main, parser
from fer_edge.commands import outputs
from fer_edge.sinks import SINKS, SUMMARIES


def blocks(said: str) -> dict[str, str]:
    """The lines below each name."""
    found: dict[str, str] = {}
    name = ""
    for line in said.splitlines():
        name = name if line.startswith(" ") else line.split()[0]
        found[name] = f"{found.get(name, '')}{line}\n"
    return found


def test_each_output_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """One that is on needs no command; none is wider than a terminal."""
    assert main(["outputs"]) == 0
    said = capsys.readouterr().out
    assert list(blocks(said))[:-1] == list(SINKS) == list(SUMMARIES)
    assert max(map(len, said.splitlines())) <= 80
    for name, words in blocks(said).items():
        assert ("on with: " in words) == (name in SINKS and name not in ("log", "console")), words
    assert said.endswith('sinks = ["log", "console", "kiosk"]\n')


def test_commands_are_ones_that_work(capsys: pytest.CaptureFixture[str]) -> None:
    """What is said to type is what the command line takes, and it switches that output on."""
    main(["outputs"])
    for name, words in blocks(capsys.readouterr().out).items():
        if "on with: " in words:
            command = shlex.split(words.partition("on with: ")[2])
            assert command[0] == "fer-edge"
            options = parser(command[1:]).parse_args(command[1:])
            assert name in (options.sink or ["crops" if options.save_crops else ""])


def test_missing_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the command that installs it; what the settings name is on."""
    monkeypatch.setattr(outputs, "importable", lambda module: module != "uvicorn")
    path = tmp_path / "own.toml"
    path.write_text('[run]\nsinks = ["kiosk"]\n[mqtt]\nclient = "fake"\n')
    assert main(["outputs", "--config", str(path)]) == 0
    found = blocks(capsys.readouterr().out)
    assert found["kiosk"].splitlines() == [
        "kiosk    on  a page for the room's screen, a history and an API",
        "    not installed: uvicorn; pip install 'fer-edge[kiosk]'",
    ]
    assert "installed: nothing is needed with these settings" in found["mqtt"]
    assert found["log"].startswith("log      -   JSON lines")
