"""A Debian that boots in a container under its own systemd, and how it is made: what rigs/service.py works on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import debian
from debian import ROOT

HERE = Path(__file__).resolve().parent
BUILD = debian.BUILD / "service"
TOOLS = {"mmdebstrap": "mmdebstrap", "systemd-nspawn": "systemd-container"}
PACKAGES = "systemd-sysv,dbus,python3,python3-venv,ca-certificates"
# Where the host's pip and its certificates are set up, the device's are: it may have an index of its own.
SHARED = [path for path in ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt") if Path(path).is_file()]
# What root has there, and nothing of the host's: install.sh heeds PYTHON and DESTDIR.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
OF_THE_HOST = {"clock", "disk", "temperature", "power"}  # which a container shares, as full or as hot as it may be
SETTINGS = """[run]
sinks = ["log"]
[source]
name = "{source}"
fps = {fps}
give_up_seconds = {give_up}
[log]
path = "/var/lib/fer-edge/fer-edge.jsonl"
mode = "{mode}"
flush_seconds = 0
"""


class Device:
    """A Debian that boots in a container, and what is done to it; each claim is printed as it is shown."""

    def __init__(self, suite: str, root: Path | None = None) -> None:
        self.root = root or BUILD / suite / "root"
        self.suite = suite
        self._drop_ins = self.root / "etc/systemd/system/fer-edge.service.d"
        binds = [f"--bind-ro={path}" for path in SHARED]
        command = ["systemd-nspawn", "--keep-unit", "--register=no", "--quiet", "--timezone=off", "-D", str(self.root)]
        self._nspawn = subprocess.Popen(
            [*command, *binds, "--console=pipe", "--boot"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self._leader = ""

    def boot(self) -> None:
        """Wait until it has booted."""
        self.until("boots", 90, lambda: self.lead() and "running" in self.run("systemctl", "is-system-running"))

    def lead(self) -> bool:
        """Whether there is a first process in the container; find it."""
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        self._leader = children[0] if children else ""
        return bool(children)

    def enter(self) -> list[str]:
        """What runs the words after it on the device."""
        return ["nsenter", "-t", self._leader, "-a"]

    def run(self, *command: str, check: bool = False) -> str:
        """Run a command on the device; what it prints."""
        done = subprocess.run(
            [*self.enter(), *command], env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False
        )
        if check and done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def install(self, *arguments: str) -> str:
        """Run install.sh on the device."""
        return self.run("bash", "/srv/fer-edge/systemd/install.sh", *arguments, check=True)

    def signal(self, name: str, unit: str = "fer-edge") -> None:
        """Send a signal to the unit's program."""
        self.run("systemctl", "kill", "--kill-whom=main", "--signal", name, unit, check=True)

    def drop_in(self, name: str, text: str = "") -> None:
        """Change the unit by `text`; without any: as it was before."""
        path = self._drop_ins / f"{name}.conf"
        self._drop_ins.mkdir(parents=True, exist_ok=True)
        path.write_text(text) if text else path.unlink()
        self.run("systemctl", "daemon-reload", check=True)

    def show(self, name: str) -> str:
        """A property of the unit."""
        return self.run("systemctl", "show", "fer-edge", "--property", name, "--value").strip()

    def journal(self) -> str:
        """What the unit said since the device was switched on."""
        return self.run("journalctl", "-u", "fer-edge", "-b", "--no-pager", "-o", "cat")

    def count(self, words: str) -> int:
        """How often the unit said `words`."""
        return self.journal().count(words)

    def told(self, words: str) -> Callable[[], bool]:
        """Whether the unit says `words` from now on."""
        before = self.count(words)
        return lambda: self.count(words) > before

    def moment(self, words: str) -> float:
        """When the unit said `words` last; seconds since 1970."""
        lines = self.run("journalctl", "-u", "fer-edge", "-b", "--no-pager", "-o", "json").splitlines()
        said = [entry for entry in map(json.loads, lines) if words in entry["MESSAGE"]]
        return int(said[-1]["__REALTIME_TIMESTAMP"]) / 1e6

    def frames(self) -> list[tuple[int, float]]:
        """Number and moment of each frame in the log: (0, seconds since 1970)."""
        lines = map(json.loads, (self.root / "var/lib/fer-edge/fer-edge.jsonl").read_text().splitlines())
        return [(line["frame"], datetime.fromisoformat(line["time"]).timestamp()) for line in lines if "frame" in line]

    def doctor(self) -> dict[str, dict[str, str]]:
        """What the doctor finds that is not as it should be in the container, by name."""
        report: Any = json.loads(self.run("/usr/local/bin/fer-edge", "doctor", "--json"))
        wrong = [finding for finding in report["findings"] if finding["level"] != "ok"]
        return {finding["name"]: finding for finding in wrong if finding["name"] not in OF_THE_HOST}

    def pleases_the_doctor(self) -> None:
        """Claim that nothing is wrong in the container; a claim that fails names what is."""
        found = self.doctor()
        self.until(f"the doctor warns of {' and '.join(found) or 'nothing'}", 1, lambda: not found)

    def settings(self, mode: str = "changes", fps: int = 3, source: str = "demo", give_up: int = 300) -> None:
        """Write the service's settings."""
        text = SETTINGS.format(mode=mode, fps=fps, source=source, give_up=give_up)
        (self.root / "etc/fer-edge/fer-edge.toml").write_text(text)

    def restart(self) -> None:
        """Start the service again; it is ready then."""
        self.run("systemctl", "restart", "fer-edge", check=True)

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


def make_system(suite: str, wheel: Path) -> None:
    """A Debian without anything of ours but what install.sh takes, and what tries it."""
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
    shutil.copytree(ROOT / "requirements", root / "srv/fer-edge/requirements")
    shutil.copy(wheel, root / "srv/fer-edge")
    shutil.copytree(HERE / "service_inside", root / "opt/inside")
    for path in SHARED:  # somewhere to bind to
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / path[1:]).touch()
    command = ["chroot", str(root), "apt-get", "update", "-qq"]
    subprocess.run(["cp", "-L", "/etc/resolv.conf", str(root / "etc/resolv.conf")], check=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
