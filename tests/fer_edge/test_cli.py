"""The command line helps: examples that work, what a mistyped word may have meant, and help without a command."""

from __future__ import annotations

import shlex

import pytest
from fer_edge import cli
from fer_edge.errors import SettingsError


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    said = capsys.readouterr()
    assert all(f"    {name}" in said.out for name in cli.COMMANDS)
    assert said.err == ""


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_examples_are_valid(name: str) -> None:
    """Three each, which the parser takes."""
    assert len(cli.EXAMPLES[name]) == 3
    for example in cli.EXAMPLES[name]:
        arguments = shlex.split(example, comments=True)
        arguments = arguments[: arguments.index(">")] if ">" in arguments else arguments
        assert cli.parser(arguments).parse_args(arguments).command == arguments[0]


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["detct", "x.jpg"], "detect"),
        (["Run"], "run"),
        (["run", "--snik", "kiosk"], "--sink"),
        (["bench", "--secnds", "3"], "--seconds"),
        (["run", "--sink", "kiosq"], "kiosk"),
        (["run", "--set", "lgo.mode=frames"], "log"),
        (["run", "--set", "log.mdoe=frames"], "mode"),
        (["run", "--set", "log.mode=frame"], "frames"),
    ],
)
def test_mistyped_words_are_known(arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == SettingsError.exit_code
    said = capsys.readouterr().err
    assert said.endswith(f"; did you mean {meant}?\n")
    assert said.count("\n") == 1


def test_what_is_like_nothing_gets_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["xyzzy"]) == SettingsError.exit_code
    assert capsys.readouterr().err.endswith("; try: fer-edge --help\n")
