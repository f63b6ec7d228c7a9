"""Installs, runs, breaks and removes the service on Debian 12 and 13, under the real systemd: `make service-test`.

Root on Debian gets what is missing (mmdebstrap, systemd-nspawn); elsewhere it says what is. What it makes lies in
build/service (1 GB). Three minutes a system, and one more to make it, once.

python3 tests/rigs/service.py [bookworm] [trixie]
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "service"
TOOLS = {"mmdebstrap": "mmdebstrap", "systemd-nspawn": "systemd-container"}
PACKAGES = "systemd-sysv,dbus,python3,python3-venv,ca-certificates"
# Where the host's pip and its certificates are set up, the device's are: it may have an index of its own.
SHARED = [path for path in ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt") if Path(path).is_file()]
SETTINGS = """[run]
sinks = ["log"]
[source]
name = "demo"
fps = {fps}
[log]
path = "/var/lib/fer-edge/fer-edge.jsonl"
mode = "{mode}"
flush_seconds = 0
"""
PROBE_UNIT = """[Service]
Type=oneshot
WatchdogSec=0
Restart=no
ExecStart=
ExecStart=/usr/bin/python3 /opt/probe.py
"""


class Device:
    """A Debian that boots in a container, and what is done to it; each claim is printed as it is shown."""

    def __init__(self, suite: str) -> None:
        self.root = BUILD / suite / "root"
        self.suite = suite
        binds = [f"--bind-ro={path}" for path in SHARED]
        command = ["systemd-nspawn", "--keep-unit", "--register=no", "--quiet", "-D", str(self.root), *binds]
        self._nspawn = subprocess.Popen(
            [*command, "--console=pipe", "--boot"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self._leader = ""
        self.until("boots", 30, lambda: self.lead() and "running" in self.run("systemctl", "is-system-running"))

    def lead(self) -> bool:
        """Whether there is a first process in the container; find it."""
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        self._leader = children[0] if children else ""
        return bool(children)

    def run(self, *command: str, check: bool = False) -> str:
        """Run a command on the device; what it prints."""
        enter = ["nsenter", "-t", self._leader, "-a"]
        done = subprocess.run([*enter, *command], capture_output=True, text=True, timeout=300, check=False)
        if check and done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def install(self, *arguments: str) -> str:
        """Run install.sh on the device."""
        return self.run("bash", "/srv/fer-edge/systemd/install.sh", *arguments, check=True)

    def show(self, name: str) -> str:
        """A property of the unit."""
        return self.run("systemctl", "show", "fer-edge", "--property", name, "--value").strip()

    def journal(self) -> str:
        """What the unit said since the device was switched on."""
        return self.run("journalctl", "-u", "fer-edge", "-b", "--no-pager", "-o", "cat")

    def told(self, words: str) -> Callable[[], bool]:
        """Whether the unit says `words` from now on."""
        before = self.journal().count(words)
        return lambda: self.journal().count(words) > before

    def settings(self, mode: str = "changes", fps: int = 3) -> None:
        """Write the service's settings."""
        (self.root / "etc/fer-edge/fer-edge.toml").write_text(SETTINGS.format(mode=mode, fps=fps))

    def until(self, claim: str, seconds: float, shown: Callable[[], object]) -> None:
        """Wait for what is claimed."""
        begun = time.monotonic()
        while not shown():
            if time.monotonic() - begun > seconds:
                raise SystemExit(f"{self.suite}: NOT within {seconds:g} s: {claim}\n{self.journal()[-3000:]}")
            time.sleep(0.2)
        print(f"{self.suite}: {claim} ({time.monotonic() - begun:.0f} s)", flush=True)

    def active(self) -> bool:
        """Whether the service is ready and frames go through."""
        return self.show("ActiveState") == "active" and "fps" in self.show("StatusText")

    def close(self) -> None:
        """Switch it off: its first process takes all others with it."""
        if self._leader:
            os.kill(int(self._leader), signal.SIGKILL)
        else:
            self._nspawn.kill()
        self._nspawn.wait(30)


def main(suites: list[str]) -> None:
    """Make what is missing, then show each claim on each system."""
    get_tools()
    wheel = make_wheel()
    for suite in suites or ["bookworm", "trixie"]:
        make_system(suite, wheel)
        device = Device(suite)
        try:
            installs(device, wheel.name)
            lives(device)
            is_shut_in(device)
            outlives_a_full_disk(device)
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
    device.run("systemctl", "restart", "fer-edge", check=True)
    device.until("ready, with a status line", 10, device.active)
    device.run("systemctl", "kill", "--kill-whom=main", "--signal", "KILL", "fer-edge", check=True)
    device.until("killed: runs again", 20, lambda: device.show("NRestarts") == "1" and device.active())
    bitten = device.told("Failed with result 'watchdog'")
    device.run("systemctl", "kill", "--kill-whom=main", "--signal", "STOP", "fer-edge", check=True)
    device.until("stopped: the watchdog bites", 60, bitten)
    device.until("and it runs again", 20, device.active)
    changed = device.told("log.mode changes -> frames")
    device.settings(mode="frames")
    device.run("systemctl", "reload", "fer-edge", check=True)
    device.until("new settings are taken up and said", 5, changed)
    kept = device.told("the old settings stay")
    device.settings(mode="loud")
    device.run("systemctl", "reload", "fer-edge", check=True)
    device.until("wrong ones are told, and the old ones stay", 5, kept)
    device.run("systemctl", "kill", "--kill-whom=main", "--signal", "USR1", "fer-edge")
    device.until("paused", 5, lambda: "paused" in device.show("StatusText"))
    device.run("systemctl", "kill", "--kill-whom=main", "--signal", "USR1", "fer-edge")
    device.until("resumed", 5, device.active)
    device.run("systemctl", "restart", "fer-edge")
    device.until(
        "wrong settings at the start: it says so and stays down", 5, lambda: device.show("ExecMainStatus") == "2"
    )


def is_shut_in(device: Device) -> None:
    """What a program in the unit can do, tried from inside."""
    shutil.copy(HERE / "service_probe.py", device.root / "opt/probe.py")
    drop_in = device.root / "etc/systemd/system/fer-edge.service.d/probe.conf"
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(PROBE_UNIT)
    device.run("systemctl", "daemon-reload", check=True)
    device.run("systemctl", "start", "fer-edge", check=True)
    drop_in.unlink()
    device.run("systemctl", "daemon-reload", check=True)
    found = dict(re.findall(r"^probe: (.+): (possible|no)$", device.journal(), re.MULTILINE))
    possible = sorted(name for name, answer in found.items() if answer == "possible")
    device.until(f"of {len(found)} things it can: {', '.join(possible)}", 1, lambda: len(found) == 18)
    device.until("and no more", 1, lambda: possible == ["write its own folder", "write its own temporary folder"])


def outlives_a_full_disk(device: Device) -> None:
    """The log stops and comes back, the loop goes on."""
    device.run("mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs", "/var/lib/fer-edge", check=True)
    device.settings(mode="frames", fps=25)
    full, again = device.told("No space left on device"), device.told("log: works again")
    device.run("systemctl", "restart", "fer-edge", check=True)
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


def get_tools() -> None:
    """Install what is missing, as root on Debian."""
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if os.geteuid():
        raise SystemExit("service-test: must be root, to start a container; try: sudo make service-test")
    if missing:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *missing], check=True)


def make_wheel() -> Path:
    """fer-edge as it is now."""
    folder = BUILD / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_system(suite: str, wheel: Path) -> None:
    """A Debian without anything of ours but what install.sh takes."""
    clean, root = BUILD / suite / "clean.tar", BUILD / suite / "root"
    if not clean.is_file():
        clean.parent.mkdir(parents=True, exist_ok=True)
        half = clean.with_suffix(".half.tar")
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", suite, str(half)], check=True
        )
        half.rename(clean)
    if root.exists():
        shutil.rmtree(root)
    root.mkdir()
    subprocess.run(["tar", "--extract", "--file", str(clean), "--directory", str(root), "--numeric-owner"], check=True)
    (root / "etc/machine-id").write_text("")
    (root / "srv/fer-edge").mkdir()
    shutil.copytree(ROOT / "systemd", root / "srv/fer-edge/systemd")
    shutil.copy(wheel, root / "srv/fer-edge")
    for path in SHARED:  # somewhere to bind to
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / path[1:]).touch()
    command = ["chroot", str(root), "apt-get", "update", "-qq"]
    subprocess.run(["cp", "-L", "/etc/resolv.conf", str(root / "etc/resolv.conf")], check=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main(sys.argv[1:])
