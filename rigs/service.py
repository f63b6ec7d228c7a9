"""Installs, runs, breaks and removes the service on Debian 12 and 13, under the real systemd: `make service-test`.

Root on Debian gets what is missing (mmdebstrap, systemd-nspawn); elsewhere it says what is. What it makes lies in
build/service (1 GB). Five minutes Debian 12, six Debian 13, and one more to make each, once. Each claim is printed as
it is shown. Limits of memory, processor and devices hold in there only on a host with control groups of version 2, so
nothing is claimed of them.

python3 rigs/service.py [bookworm] [trixie]
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import sys

import debian
import service_cameras
from debian import ROOT
from service_device import BUILD, TOOLS, Device, make_system

LOCAL = "etc/fer-edge/models"  # where installed models lie
PROBE_UNIT = """[Service]
Type=oneshot
WatchdogSec=0
Restart=no
ExecStart=
ExecStart=/usr/bin/python3 /opt/inside/probe.py
"""


def main(suites: list[str]) -> None:
    """Make what is missing, then show each claim on each system."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the container is ended then, too
    if os.geteuid():
        raise SystemExit("service-test: must be root, to start a container; try: sudo make service-test")
    try:
        debian.get_tools(TOOLS)
        wheel = debian.make_wheel(BUILD / "wheel")
    except debian.RigError as cause:
        raise SystemExit(f"service-test: {cause}") from None
    for suite in suites or ["bookworm", "trixie"]:
        make_system(suite, wheel)
        device = Device(suite)
        try:
            device.boot()
            installs(device, wheel.name)
            lives(device)
            takes_models(device)
            is_shut_in(device)
            outlives_a_full_disk(device)
            service_cameras.draw(device)
            service_cameras.lose_a_webcam(device)
            if suite == "trixie":  # bookworm's libcamera has no virtual camera
                service_cameras.lose_a_picamera(device)
            upgrades_and_goes(device, wheel.name)
        finally:
            device.close()


def installs(device: Device, wheel: str) -> None:
    """Without a camera it is installed, and tries again."""
    out = device.install("--wheel", f"/srv/fer-edge/{wheel}")
    device.until("a first installation ends with the doctor", 1, lambda: "the doctor says why" in out)
    device.until("no camera: started again", 30, lambda: device.show("NRestarts") != "0")
    device.until("and each start says why", 1, lambda: "picamera2 is not installed" in device.journal())


def lives(device: Device) -> None:
    """Ready, killed, hung, paused, given new settings and broken ones."""
    device.settings()
    device.restart()
    device.until("ready, with a status line", 10, device.active)
    device.signal("KILL")
    device.until("killed: runs again", 20, lambda: device.show("NRestarts") == "1" and device.active())
    bitten = device.told("Failed with result 'watchdog'")
    device.signal("STOP")
    device.until("stopped: the watchdog bites", 60, bitten)
    device.until("and it runs again", 20, device.active)
    changed = device.told("log.mode changes -> frames")
    device.settings(mode="frames")
    device.run("systemctl", "reload", "fer-edge", check=True)
    device.until("new settings are used and said", 5, changed)
    kept = device.told("the old settings stay")
    device.settings(mode="loud")
    device.run("systemctl", "reload", "fer-edge", check=True)
    device.until("wrong ones are reported, and the old ones stay", 5, kept)
    device.signal("USR1")
    device.until("paused", 5, lambda: "paused" in device.show("StatusText"))
    device.signal("USR1")
    device.until("resumed", 5, device.active)
    device.run("systemctl", "restart", "fer-edge")
    device.until(
        "wrong settings at the start: it says so and stays down", 5, lambda: device.show("ExecMainStatus") == "2"
    )


def takes_models(device: Device) -> None:
    """A model that is installed is loaded, spoilt ones are refused, and the doctor is content."""
    device.settings()
    device.restart()
    device.until("fixed: ready", 10, device.active)
    name = re.findall(r"model: (\S+) with", device.journal())[-1]
    card = json.loads((ROOT / "models" / f"{name}.json").read_text())
    model = (ROOT / "models" / f"{name}.tflite").read_bytes() + bytes(16)  # reads as before, and is another file
    card |= {"bytes": len(model), "sha256": hashlib.sha256(model).hexdigest()}
    place = device.root / "srv/new"
    place.mkdir()
    (place / f"{name}.json").write_text(json.dumps(card))
    (place / f"{name}.tflite").write_bytes(model)
    install = ("/usr/local/bin/fer-edge", "models", "install", f"/srv/new/{name}.tflite")
    taken = device.told("a new model is loaded")
    device.run(*install, check=True)
    device.until("a model is installed: loaded", 10, taken)
    before = (device.root / LOCAL).readlink()
    (place / f"{name}.tflite").write_bytes(model[:-1])
    out = device.run(*install)
    device.until(
        "a spoilt one: not installed", 1, lambda: "cut off" in out and (device.root / LOCAL).readlink() == before
    )
    kept = device.told("the model in use stays")
    (place / f"{name}.tflite").replace(device.root / LOCAL / f"{name}.tflite")
    device.until("put there by hand: told, and the old one stays", 10, kept)
    device.until("frames went on, in the same process", 1, lambda: device.active() and device.show("NRestarts") == "0")
    shipped = device.told("the model that came with fer-edge is used")
    device.restart()
    device.until("started with it: the shipped one is used", 10, shipped)
    shutil.rmtree((device.root / LOCAL).resolve())
    (device.root / LOCAL).unlink()
    device.restart()
    device.until("and without it: ready", 10, device.active)
    device.pleases_the_doctor()
    device.run("systemctl", "stop", "fer-edge", check=True)


def is_shut_in(device: Device) -> None:
    """What a program in the unit can do, tried from inside."""
    device.drop_in("probe", PROBE_UNIT)
    device.run("systemctl", "start", "fer-edge", check=True)
    device.drop_in("probe")
    found = dict(re.findall(r"^probe: (.+): (possible|no)$", device.journal(), re.MULTILINE))
    possible = sorted(name for name, answer in found.items() if answer == "possible")
    device.until(f"of {len(found)} things it can: {', '.join(possible)}", 1, lambda: len(found) == 18)
    device.until("and no more", 1, lambda: possible == ["write its own folder", "write its own temporary folder"])


def outlives_a_full_disk(device: Device) -> None:
    """The log stops and comes back, the loop goes on."""
    device.run("mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs", "/var/lib/fer-edge", check=True)
    device.settings(mode="frames", fps=25)
    full, again = device.told("No space left on device"), device.told("log: works again")
    device.restart()
    device.until("full disk: told", 20, full)
    device.until("and frames go on", 5, device.active)
    device.run("mount", "-o", "remount,size=64m", "/var/lib/fer-edge", check=True)
    device.until("room again: the log goes on", 30, again)
    device.run("systemctl", "stop", "fer-edge", check=True)
    device.run("umount", "/var/lib/fer-edge", check=True)


def upgrades_and_goes(device: Device, wheel: str) -> None:
    """An upgrade, the way back, and nothing left."""
    device.settings(fps=3)
    first = (device.root / "opt/fer-edge/current").readlink()
    out = device.install("--wheel", f"/srv/fer-edge/{wheel}")
    device.until("an upgrade runs for a minute", 1, lambda: "back to what ran before" in out)
    out = device.install("--rollback")
    device.until("and goes back", 1, lambda: (device.root / "opt/fer-edge/current").readlink() == first)
    device.until("which runs", 10, device.active)
    device.install("--uninstall", "--purge")
    places = ("opt/fer-edge", "etc/fer-edge", "var/lib/fer-edge", "etc/systemd/system/fer-edge.service")
    device.until("removed, with all it had", 5, lambda: not any((device.root / place).exists() for place in places))


if __name__ == "__main__":
    main(sys.argv[1:])
