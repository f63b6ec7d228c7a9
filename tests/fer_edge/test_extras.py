"""A cure is a command that works where it is read: pip's packages do not outlive an upgrade of the service."""

from __future__ import annotations

from pathlib import Path

import pytest
from fer_edge import extras


def test_pip_installs_in_an_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras.sys, "prefix", "/home/pi/fer")
    assert extras.install_command("kiosk") == "pip install 'fer-edge[kiosk]'"


@pytest.mark.parametrize(("packaged", "command"), [(False, "sudo systemd/install.sh"), (True, "sudo fer-edge-setup")])
def test_service_has_an_installer(
    packaged: bool, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = tmp_path / "fer-edge-setup"
    if packaged:
        setup.touch()
    monkeypatch.setattr(extras, "PACKAGED_SETUP", setup)
    monkeypatch.setattr(extras.sys, "prefix", "/opt/fer-edge/env-20261130010203")
    assert extras.install_command("mqtt") == f"{command} --with mqtt"
