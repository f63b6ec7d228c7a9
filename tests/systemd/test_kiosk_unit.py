"""The kiosk's unit shows the page where the settings put it, and reaches nothing else."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from fer_edge.settings import Settings

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "fer-edge-kiosk.service"
LOCAL = SYSTEMD / "fer-edge-local.conf"


def values(path: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", path.read_text().replace("\\\n", ""), re.MULTILINE)


def test_it_opens_the_page_where_the_sink_serves_it_by_default() -> None:
    kiosk = Settings().kiosk
    assert values(UNIT, "Environment") == [f"PAGE=http://{kiosk.address}:{kiosk.port}/"]
    (command,) = values(UNIT, "ExecStart")
    words = shlex.split(command)
    assert words[0] == "/usr/bin/cage"
    assert words[words.index("--") + 1] == "/usr/bin/chromium"
    assert "--kiosk" in words
    assert words[-1] == "${PAGE}"
    assert "--no-sandbox" not in words


def test_the_screen_and_the_way_to_it_are_for_this_device_alone() -> None:
    assert values(UNIT, "IPAddressDeny") == ["any"]
    assert values(UNIT, "IPAddressAllow") == values(LOCAL, "IPAddressAllow") == ["localhost"]
    assert values(UNIT, "Restart") == ["always"]


def test_systemd_understands_it() -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("needs systemd-analyze (apt-get install systemd)")
    said = subprocess.run([tool, "verify", str(UNIT)], capture_output=True, text=True, check=False, timeout=50).stderr
    ours = [line for line in said.splitlines() if "fer-edge-kiosk" in line and "is not executable" not in line]
    assert ours == []
