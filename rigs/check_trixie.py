"""Runs `make check` with Debian 13's own Python 3.13, in a container: `make check-trixie`.

Root on Debian gets what is missing (mmdebstrap, systemd-nspawn); elsewhere it says what is. What it makes lies in
build/check (1.1 GB, two minutes, once). The project's files are copied into it; what it set up there stays.

python3 rigs/check_trixie.py [arguments of pytest]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import debian
from debian import ROOT, RigError, say
from service_device import SHARED, TOOLS

SUITE = "trixie"
PACKAGES = ("python3", "python3-venv", "make", "ca-certificates")
KEPT = {".venv-check", ".mypy_cache", ".pytest_cache", ".ruff_cache"}  # of the runs before
PROJECT = "srv/fer-edge"  # in the container


def make_root() -> Path:
    """The Debian, unpacked once. Raises RigError."""
    root = debian.BUILD / "check" / f"{SUITE}-{debian.mark(PACKAGES)}"
    if root.exists():
        return root
    say(f"unpacking Debian {SUITE} with its Python (0.3 GB)")
    half = debian.fresh(root)
    debian.run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(half))
    for path in SHARED:  # somewhere to bind to
        (half / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (half / path[1:]).touch()
    return debian.finish(half, root)


def copy_project(place: Path) -> None:
    """The project's files as they are now, tracked or new, beside what runs before left to be used again."""
    place.mkdir(parents=True, exist_ok=True)
    for left in place.iterdir():
        if left.name not in KEPT:
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    names = debian.run("git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)


def main(arguments: list[str]) -> int:
    """Make what is missing, and run it; the exit code of make."""
    if os.geteuid():
        raise SystemExit("check-trixie: must be root, to start a container; try: sudo make check-trixie")
    try:
        debian.get_tools(TOOLS)
        root = make_root()
        copy_project(root / PROJECT)
    except RigError as cause:
        raise SystemExit(f"check-trixie: {cause}") from None
    binds = [f"--bind-ro={path}" for path in SHARED]
    command = ["systemd-nspawn", "--keep-unit", "--register=no", "--quiet", "-D", str(root), *binds]
    command += ["--resolv-conf=copy-host", "--console=pipe", f"--chdir=/{PROJECT}", "--setenv=LANG=C.UTF-8"]
    inside = ["make", "check", f"ARGS={' '.join(arguments)}"]
    return subprocess.run([*command, *inside], stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
