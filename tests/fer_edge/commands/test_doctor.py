"""`fer-edge doctor`: lines as they come, JSON, a bundle, and an exit code that says the worst."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fer_edge.cli import main
from fer_edge.commands import doctor
from fer_edge.doctor.finding import Context, Finding
from fer_edge.service.program import as_root


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Finding]:
    findings = [Finding("Python", "ok", "3.11.2")]

    def examine(context: Context) -> Iterator[Finding]:
        yield from findings

    monkeypatch.setattr(doctor, "examine", examine)
    monkeypatch.setattr(doctor, "SERVICE_SETTINGS", tmp_path / "none" / "fer-edge.toml")
    return findings


def test_the_exit_code_says_the_worst(found: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("\n\nall 2 checks passed\n")
    found.append(Finding("clock", "warning", "not set", "sudo timedatectl set-ntp true"))
    assert main(["doctor"]) == 11
    found.insert(0, Finding("camera", "failure", "none"))
    assert main(["doctor"]) == 12
    assert "                      $ sudo timedatectl set-ntp true\n" in capsys.readouterr().out


def test_json_alone_is_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--bundle", str(tmp_path / "b.tar.gz")]) == 0
    out, errors = capsys.readouterr()
    assert json.loads(out)["verdict"] == "ok"
    assert "please look at its contents before you send it" in errors
    assert (tmp_path / "b.tar.gz").is_file()


def test_broken_settings_are_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Broken settings are a finding, and the other checks run."""
    config = tmp_path / "fer-edge.toml"
    config.write_text("[log\n")
    assert main(["doctor", "--config", str(config)]) == 12
    out = capsys.readouterr().out
    assert "FAILURE settings" in out
    assert f"$ sudo nano {config}" in out
    assert "ok      Python" in out


def test_service_settings_are_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service's settings are checked if none are named."""
    config = tmp_path / "etc" / "fer-edge.toml"
    config.parent.mkdir()
    monkeypatch.setattr(doctor, "SERVICE_SETTINGS", config)
    assert main(["doctor"]) == 0
    assert "the default settings" in capsys.readouterr().out  # the folder may hold installed models alone
    config.write_text('[log]\nmode = "frames"\n')
    assert main(["doctor"]) == 0
    assert "fer-edge.toml" in capsys.readouterr().out
    monkeypatch.setattr(doctor.os, "access", lambda _path, _mode: False)
    assert main(["doctor"]) == 11
    assert as_root("doctor") in capsys.readouterr().out
