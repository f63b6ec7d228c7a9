"""`fer-edge settings` prints what can be set, a file to start from, and whether a file is right."""

from __future__ import annotations

from pathlib import Path

import pytest
from fer_edge import cli
from fer_edge.errors import SettingsError


def test_values_in_use_are_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "fer-edge.toml"
    path.write_text("[smoother]\nmargin = 0.2\n")
    assert cli.main(["settings", "smoother.margin", "--config", str(path)]) == 0
    assert "smoother.margin = 0.2   (0 to 1; default 0.12)" in capsys.readouterr().out


def test_file_is_checked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "fer-edge.toml"
    assert cli.main(["settings", "--toml", "--set", "log.mode=frames"]) == 0
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert cli.main(["settings", "--check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: right; 1 value of its own:\n  log.mode\n"
    path.write_text("[log]\nmdoe = 'frames'\n")
    assert cli.main(["settings", "--check", str(path)]) == SettingsError.exit_code
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "did you mean mode?" in said.err


def test_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["settings", "log.mod"]) == SettingsError.exit_code
    assert "did you mean log.mode?" in capsys.readouterr().err
    assert cli.main(["settings", "xyzzy"]) == SettingsError.exit_code
    assert "tables are classifier, crops, csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["log.mode", "--toml"], "log.mode: --toml is about all settings"),
        (["log", "--check", "FILE"], "log: --check is about all settings"),
        (["--check", "FILE", "--set", "log.mode=frames"], "--set: changes nothing with --check"),
        (["--markdown", "--config", "FILE"], "--config: changes nothing with --markdown"),
        (["--markdown", "--threads", "1"], "--threads: changes nothing with --markdown"),
    ],
)
def test_options_without_effect(
    given: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would be taken for what they are not: a check of one setting, a list of one table."""
    path = tmp_path / "fer-edge.toml"
    path.touch()
    assert cli.main(["settings", *(str(path) if word == "FILE" else word for word in given)]) == SettingsError.exit_code
    assert said in capsys.readouterr().err
