"""Upgrades a service of before: a wheel whose packages were still called `edge` and `convert`. `make service-test`.

On Debian 12 its own install.sh installs it; the one of now upgrades it, takes that back, and upgrades it again. Its
settings and its log must outlive that. Needs what rigs/service.py needs, and this project's history. Four minutes.

python3 rigs/service_before.py
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import debian
from card_writes import UNABLE
from debian import ROOT, RigError
from service_device import BUILD, TOOLS, Device, make_system

COMMIT = "ebf0aec52ff3e86ebc2874ff7dfae4299888207b"  # the last with those names
SUITE = "bookworm"
SETTINGS = "etc/fer-edge/fer-edge.toml"
LOG = "var/lib/fer-edge/fer-edge.jsonl"
PACKAGES = "opt/fer-edge/current/lib/python3.11/site-packages"


def main() -> None:
    """Make what is missing, then show each claim."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the container is ended then, too
    if os.geteuid():
        raise SystemExit("service-test: must be root, to start a container; try: sudo make service-test")
    try:
        before = unpack(BUILD / "before")
    except RigError as cause:
        print(f"needs the history of this project: {debian.gist(str(cause))}; try: git fetch --unshallow")
        sys.exit(UNABLE)
    try:
        debian.get_tools(TOOLS)
        old, new = debian.make_wheel(before / "dist", before), debian.make_wheel(BUILD / "wheel")
    except RigError as cause:
        raise SystemExit(f"service-test: {cause}") from None
    make_system(SUITE, new)
    device = Device(SUITE)
    try:
        shutil.copytree(before / "systemd", device.root / "srv/before/systemd")
        shutil.copy(old, device.root / "srv/before")
        device.boot()
        upgrades(device, old.name, new.name)
    finally:
        device.close()


def unpack(folder: Path) -> Path:
    """The project as it was. Raises RigError where the history is not here."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    archive = folder / "project.tar"
    debian.run("git", "-C", str(ROOT), "archive", "--output", str(archive), COMMIT)
    debian.run("tar", "--extract", "--file", str(archive), "--directory", str(folder))
    return folder


def upgrades(device: Device, old: str, new: str) -> None:
    """From the old names to the new ones, back, and there again."""
    device.run("bash", "/srv/before/systemd/install.sh", "--wheel", f"/srv/before/{old}", check=True)
    device.settings("frames", fps=4)
    device.restart()
    lines = runs(device, "the service of before", "edge", "fer_edge", [])
    settings = (device.root / SETTINGS).read_text()
    device.install("--wheel", f"/srv/fer-edge/{new}")
    lines = runs(device, "upgraded", "fer_edge", "edge", lines)
    device.install("--rollback")
    lines = runs(device, "taken back", "edge", "fer_edge", lines)
    device.install("--wheel", f"/srv/fer-edge/{new}")
    runs(device, "upgraded again", "fer_edge", "edge", lines)
    device.until("its settings are as they were", 1, lambda: (device.root / SETTINGS).read_text() == settings)
    report = device.run("/usr/local/bin/fer-edge", "report", "--log", f"/{LOG}", check=True)
    device.until("the report reads the log of both", 1, lambda: "happy" in report)
    device.install("--uninstall", "--purge")


def runs(device: Device, what: str, package: str, other: str, before: list[str]) -> list[str]:
    """Claim that it runs from `package`, and that its log goes on after the lines `before`; all lines now."""
    device.until(f"{what}: runs", 20, device.active)
    packages = device.root / PACKAGES
    device.until(f"from {package}", 1, lambda: (packages / package).is_dir() and not (packages / other).exists())
    device.until(f"its log goes on after {len(before)} lines", 20, lambda: len(read(device)) > len(before) + 4)
    lines = read(device)
    device.until("of which none is lost", 1, lambda: lines[: len(before)] == before)
    return lines


def read(device: Device) -> list[str]:
    """The log's whole lines."""
    text = (device.root / LOG).read_text()
    return text[: text.rfind("\n") + 1].splitlines()


if __name__ == "__main__":
    main()
