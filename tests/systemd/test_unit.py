"""The unit says what systemd understands, and drops what the program does not need."""

from __future__ import annotations

import configparser
import ipaddress
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "fer-edge.service"
NETWORK = SYSTEMD / "fer-edge-network.conf"


def analyze(*arguments: str) -> str:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("needs systemd-analyze (apt-get install systemd)")
    command = [tool, "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=50).stdout


def exposure(unit: Path) -> float:
    text = analyze("security", "--offline=true", "--threshold=100", str(unit))
    found = re.search(r"exposure level for \S+: ([0-9.]+)", text)
    if found is None:
        pytest.skip("this systemd-analyze cannot look at a unit that is not loaded (systemd 250 can)")
    return float(found[1])


def test_exposure_is_at_most_as_told() -> None:
    assert exposure(UNIT) <= 0.4


def test_the_network_is_open_only_with_the_drop_in(tmp_path: Path) -> None:
    merged = tmp_path / "fer-edge.service"
    merged.write_text(UNIT.read_text() + NETWORK.read_text())
    assert exposure(UNIT) < exposure(merged) <= 1.3


def values(path: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", path.read_text(), re.MULTILINE)


def test_it_is_watched_and_started_again() -> None:
    assert values(UNIT, "Type") == ["notify"]
    assert values(UNIT, "WatchdogSec") == ["30"]
    assert values(UNIT, "Restart") == ["on-failure"]
    assert values(UNIT, "RestartPreventExitStatus") == ["2"]
    assert values(UNIT, "StartLimitIntervalSec") == ["0"]


def test_an_ended_decoder_ends_nothing_else() -> None:
    """Systemd would stop the service with it; the service's own end is a failure, after which it starts again."""
    assert values(UNIT, "OOMPolicy") == ["continue"]


def test_only_these_devices_and_no_network() -> None:
    assert values(UNIT, "DevicePolicy") == ["closed"]
    allowed = {value.split()[0] for value in values(UNIT, "DeviceAllow")}
    assert allowed == {f"char-{name}" for name in ("video4linux", "media", "dma_heap", "gpiochip", "i2c", "spi")}
    assert values(UNIT, "PrivateNetwork") == ["yes"]
    assert values(UNIT, "IPAddressDeny") == ["any"]


def test_what_the_interpreter_needs_is_there() -> None:
    """Without /proc/cpuinfo ai-edge-litert takes other kernels on Arm, or fails."""
    assert not values(UNIT, "ProcSubset")


@pytest.mark.parametrize("path", [UNIT, NETWORK, SYSTEMD / "fer-edge-internet.conf"])
def test_each_is_a_unit_file(path: Path) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read(path)
    assert set(parser.sections()) <= {"Unit", "Service", "Install"}
    assert not any(line.endswith(" ") for line in path.read_text().splitlines())


def test_network_drop_in_opens_the_local_network_alone() -> None:
    """The internet is opened by another file."""
    (allowed,) = values(NETWORK, "IPAddressAllow")
    networks = [ipaddress.ip_network(part) for part in allowed.split() if "/" in part]
    assert all(network.is_private or str(network) == "100.64.0.0/10" for network in networks)
    assert set(allowed.split()) >= {"localhost", "link-local", "192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12"}
    assert not values(NETWORK, "IPAddressDeny")
    assert values(SYSTEMD / "fer-edge-internet.conf", "IPAddressDeny") == [""]
