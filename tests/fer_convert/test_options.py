"""Options: each mistake is one line before anything is imported, and old names still work, with one warning."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fer_convert import cli
from fer_edge.errors import SettingsError

Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What the commands were called with, in place of running them."""
    seen: Calls = []
    command = lambda *given, **named: seen.append((given, named))  # noqa: E731
    monkeypatch.setattr(cli, "_import", lambda module: SimpleNamespace(train=command, distill=command))
    return seen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--epochs", "0"], "--epochs 0: allowed is 1 to 10000"),
        (["train", "--dim", "2"], "--dim 2.0: allowed is 0 to 1"),
        (["train-verifier", "--samples", "999"], "--samples 999: allowed is 1000 to 10000000"),
        (["train-verifier", "--cascade-squares", "9"], "--cascade-squares 9: allowed is 10 to 1000000"),
        (["train-verifier", "--epochs", "0"], "--epochs 0: allowed is 1 to 1000"),
        (["train-verifier", "--seed", "-1"], "--seed -1: allowed is 0 to 2147483647"),
        # A setting without what it depends on is a mistake in the command, which would show only after hours.
        (["train", "--patience", "3"], "--patience 3: changes nothing without --schedule plateau; give"),
        (["train", "--focal-gamma", "1"], "without --loss focal; give"),
        (["train", "--hard-label-weight", "0"], "--hard-label-weight 0.0: changes nothing without --soft-labels FILE"),
        (["train", "--noise", "0", "--noise-sigma", "6"], "--noise-sigma 6.0: changes nothing without --noise above 0"),
        (["distill", "--out", "o.npz", "--blur", "0", "--blur-sigma", "1.5"], "without --blur above 0; give"),
        (["quantize", "m.hdf5", "--input-range", "1", "-1"], "--input-range 1.0 -1.0: the first must be less than"),
        (["evaluate", "m.h5", "--input-range", "0", "inf"], "both finite"),
        (["evaluate", "m.h5", "--input-range", "0", "nan"], "both finite"),
    ],
)
def test_bad_option_is_one_line(
    arguments: list[str], message: str, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refusal names the option and its value, and no command runs."""
    assert cli.main([*arguments, "--data", "x.csv"]) == SettingsError.exit_code
    said = capsys.readouterr().err
    assert said.startswith("fer-convert: error: ")
    assert message in said
    assert said.count("\n") == 1
    assert not calls


@pytest.mark.parametrize("text", ["-0.1", "1.1", "nan", "much"])
def test_prior_is_a_share(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--prior is a number from 0 to 1."""
    assert cli.main(["quantize", "m.keras", f"--prior={text}"]) == 2
    assert f"argument --prior: '{text}': must be a number from 0 to 1" in capsys.readouterr().err


def test_votes_need_no_smoothing(calls: Calls) -> None:
    """Labels are smoothed by default, votes only if that is asked for; soft labels from votes have no part in it."""
    cli.main(["train", "--data", "x.csv"])
    cli.main(["train", "--data", "x.csv", "--votes", "v.csv"])
    cli.main(["train", "--data", "x.csv", "--votes", "v.csv", "--label-smoothing", "0.1"])
    assert [given[0].label_smoothing for given, _ in calls] == [0.05, 0, 0.1]
    assert [named["vote_file"] for _, named in calls] == [None, Path("v.csv"), Path("v.csv")]


def test_old_option_names_still_work(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    """--teachers and --label-share are --soft-labels and --hard-label-weight; each warns once with the new name."""
    cli.main(["train", "--data", "x.csv", "--soft-labels", "s.npz", "--hard-label-weight", "0.25"])
    assert capsys.readouterr().err == ""
    cli.main(["train", "--data", "x.csv", "--teachers", "s.npz", "--label-share", "0.25"])
    first, second = calls
    assert first == second
    assert first[0][0].hard_label_weight == 0.25
    assert first[1]["soft_label_file"] == Path("s.npz")
    assert capsys.readouterr().err.splitlines() == [
        "fer-convert: warning: --teachers is now called --soft-labels; the old name still works, use the new one",
        "fer-convert: warning: --label-share is now called --hard-label-weight; the old name still works, use the new "
        "one",
    ]


def test_old_command_name_still_works(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    """`fer-convert teach` is `fer-convert distill`, with one warning that names it."""
    options = ["--data", "x.csv", "--teacher", "a.keras", "--out", "o.npz", "--views", "3", "--per-face"]
    cli.main(["distill", *options])
    assert capsys.readouterr().err == ""
    cli.main(["teach", *options])
    assert calls[0] == calls[1]
    assert capsys.readouterr().err == (
        "fer-convert: warning: fer-convert teach is now called fer-convert distill; the old name still works, use the "
        "new one\n"
    )


def test_old_names_are_not_in_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Help lists the new names alone."""
    for arguments in (["--help"], ["train", "--help"]):
        with pytest.raises(SystemExit):
            cli.main(arguments)
    text = capsys.readouterr().out
    assert "distill" in text
    assert "--hard-label-weight" in text
    assert not [old for old in ("teach ", "--teachers", "--label-share") if old in text]
