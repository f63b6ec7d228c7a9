"""Installs fer-edge in each documented way on fresh systems, with what the documentation says alone: `make stranger`.

Each way starts from a Debian 12 or 13 on which nothing is installed but sudo and Python, as a user who is not root, and
ends with a face that is read, or a service that is there. The commands are the documentation's own (a test holds that);
the table that is printed at the end says how many minutes each way took. `--arch arm64` emulates a processor, without
systemd: install.sh is left out, and the package is installed as in an image that is being made. Root on Debian gets
what is missing; what it makes lies in build/stranger (0.5 GB).

python3 rigs/stranger.py [--arch arm64] [--suite bookworm] [--suite trixie] [--way pipx] ...
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import debian
import emulated
from debian import ROOT, RigError, say
from service_device import ENVIRONMENT, SHARED, TOOLS, Device

BUILD = debian.BUILD / "stranger"
SUITES = ("bookworm", "trixie")
PACKAGES = ("systemd-sysv", "dbus", "ca-certificates", "sudo", "python3", "procps")
USER = "guest"
STEP_LIMIT_S = 3600  # of one command: emulated ones take minutes
DEB = "./dist/fer-edge_0.1.0_all.deb"
NO_CAMERA, NEXT_BOOT = "the doctor says why", "the service starts at the next boot"
GONE = "test ! -e /opt/fer-edge && test ! -e /etc/fer-edge && sudo test ! -e /var/lib/fer-edge && ! id fer-edge"


class Step(NamedTuple):
    """A command of the documentation, run in the clone once there is one; `shows` is what it must print."""

    command: str
    shows: str = ""
    documented: bool = True


PREPARE = Step("sudo apt update && sudo apt install -y git make python3-venv")
PIPX = Step("sudo apt update && sudo apt install -y --no-install-recommends git pipx")
CLONE = Step("git clone <this repository> fer-edge && cd fer-edge")  # the address is the rig's
DETECT = Step("fer-edge detect edge/fer_edge/demo/astronaut.jpg", "Happy")
WAYS = {
    "make run": (PREPARE, CLONE, Step("make run | cat", "frames 600, face readings 5")),
    "pipx": (PIPX, CLONE, Step("pipx install '.[kiosk,mqtt]'"), DETECT),
    "uv": (PIPX, Step("pipx install uv"), CLONE, Step("uv tool install '.[kiosk,mqtt]'"), DETECT),
    "install.sh": (
        PREPARE,
        CLONE,
        Step("sudo systemd/install.sh", NO_CAMERA),
        Step("sudo systemd/install.sh --with kiosk,mqtt", NO_CAMERA),
        Step("sudo systemd/install.sh --uninstall --purge", "removed, with settings, log and user"),
        Step(GONE, documented=False),
    ),
    "Debian package": (
        PREPARE,
        CLONE,
        Step("make deb", "fer-edge_0.1.0_all.deb"),
        Step(f"sudo apt install -y {DEB}", NO_CAMERA),
        Step("sudo fer-edge-setup --with kiosk,mqtt", NO_CAMERA),
        Step(f"sudo apt install -y --reinstall {DEB}", NO_CAMERA, documented=False),  # an upgrade, to dpkg
        Step("sudo apt remove -y fer-edge", "are still there"),
        Step("sudo apt purge -y fer-edge"),
        Step(GONE, documented=False),
    ),
}
NEED_SYSTEMD = ("install.sh",)


class Fresh:
    """A Debian with a user on which nothing is installed, and what is done to it."""

    def __init__(self, suite: str, arch: str) -> None:
        self.root = BUILD / f"{suite}-{arch}"
        unpack(clean_system(suite, arch), self.root)
        self._device = Device(suite, self.root) if arch == "amd64" else None
        if self._device:
            self._device.boot()

    def run(self, command: str) -> tuple[int, str]:
        """The exit code of a user's command, and what it prints."""
        command = command.replace("<this repository>", "file:///srv/fer-edge.git")
        enter = self._device.enter() if self._device else emulated.chroot(self.root)
        done = subprocess.run(
            [*enter, "runuser", "--login", USER, "--command", f"cd fer-edge 2>/dev/null; {command}"],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=STEP_LIMIT_S,
            check=False,
        )
        return done.returncode, done.stdout

    def close(self) -> None:
        """Switch it off."""
        if self._device:
            self._device.close()


def clean_system(suite: str, arch: str) -> Path:
    """The Debian as it comes, made once. Raises RigError."""
    clean = BUILD / f"{suite}-{arch}-{debian.mark(PACKAGES)}.tar"
    if not clean.is_file():
        say(f"making a Debian {suite} for {arch} (0.2 GB)")
        half = debian.fresh(clean)
        command = [
            "mmdebstrap",
            "--quiet",
            "--mode=root",
            "--variant=minbase",
            "--format=tar",  # the half's name does not say so
            "--include=" + ",".join(PACKAGES),
            suite,
            str(half),
        ]
        if arch == "amd64":
            debian.run(*command)
        else:
            options = [f"--architectures={arch}", "--skip=check/qemu"]
            debian.run(sys.executable, emulated.__file__, *command, *options)
        debian.finish(half, clean)
    return clean


def unpack(clean: Path, root: Path) -> None:
    """The Debian with a user who may use sudo, and the last commit of this project where it is cloned from."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    debian.run("tar", "--extract", "--file", str(clean), "--directory", str(root), "--numeric-owner")
    (root / "etc/machine-id").write_text("")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost {platform.node()}\n")  # which sudo looks up
    for path in ("/etc/resolv.conf", *SHARED):
        (root / path[1:]).unlink(missing_ok=True)
        shutil.copy(path, root / path[1:])
    if SHARED:  # uv brings certificates of its own, which this machine's network may not use
        (root / "etc/profile.d/host.sh").write_text("export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt\n")
    debian.run("useradd", "--root", str(root), "--create-home", "--uid", "1000", "--shell", "/bin/bash", USER)
    (root / "etc/sudoers.d/guest").write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    debian.run("git", "clone", "--quiet", "--bare", str(ROOT), str(root / "srv/fer-edge.git"))
    debian.run("chown", "--recursive", "1000:1000", str(root / "srv/fer-edge.git"))


def go(suite: str, arch: str, way: str) -> str:
    """Try one way; its line of the table. Raises RigError with what a command printed if that is wrong."""
    fresh, total = Fresh(suite, arch), 0.0
    try:
        for step in WAYS[way]:
            begun = time.monotonic()
            code, said = fresh.run(step.command)
            shows = step.shows if arch == "amd64" or step.shows != NO_CAMERA else NEXT_BOOT
            took = time.monotonic() - begun
            total += took
            if code or shows not in said:
                raise RigError(f"{said}\n{suite} {arch}, {way}: {step.command}: exit code {code}, no {shows!r}")
            print(f"{suite} {arch}, {way}: {took / 60:.1f} min: {step.command}", flush=True)
        used = debian.run("du", "--summarize", "--block-size=1M", str(fresh.root)).split()[0]
    finally:
        fresh.close()
    return f"| {way} | {suite} | {arch} | {total / 60:.1f} | {used} MB |"


def main() -> None:
    """Make what is missing, try each way on each system, and print the table."""
    parser = argparse.ArgumentParser(description="Installs fer-edge in each documented way on fresh systems.")
    parser.add_argument("--arch", default="amd64", choices=("amd64", "arm64"), help="arm64 is emulated")
    parser.add_argument("--suite", action="append", choices=SUITES)
    parser.add_argument("--way", action="append", choices=WAYS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the container is ended then, too
    if os.geteuid():
        raise SystemExit("stranger: must be root, to start a container; try: sudo make stranger")
    lines, failed = [], 0
    try:
        debian.get_tools(TOOLS if options.arch == "amd64" else emulated.TOOLS)
    except RigError as cause:
        raise SystemExit(f"stranger: {cause}") from None
    for suite in options.suite or SUITES:
        for way in options.way or WAYS:
            if options.arch != "amd64" and way in NEED_SYSTEMD:
                continue
            try:
                lines.append(go(suite, options.arch, way))
            except RigError as cause:
                failed += 1
                print(f"FAILED: {cause}", flush=True)
    print("", "| way | Debian | processor | minutes | disk |", "|---|---|---|---:|---:|", *lines, sep="\n")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
