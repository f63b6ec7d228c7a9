"""What the rigs share that unpack or boot a Debian: getting tools and wheels, running commands, making folders whole.

On Debian root gets the tools that are missing; elsewhere, and for others, it is said which.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
VENV = BUILD / "venv"  # for its pip: the environment of the tests may have none


class RigError(Exception):
    """A rig cannot be set up here, or what runs in it failed; its last line says why."""


def get_tools(tools: Mapping[str, str]) -> None:
    """Install the packages of the programs or files (paths) that are missing. Raises RigError where it cannot."""
    install(*(tools[tool] for tool in missing(tools)))


def missing(tools: Iterable[str]) -> list[str]:
    """Those of programs and files (paths) that are not here."""
    return [tool for tool in tools if not shutil.which(tool) and not Path(tool).is_file()]


def install(*packages: str) -> None:
    """Install Debian's packages. Raises RigError where that is not possible."""
    command = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
    if packages and (not is_debian() or os.geteuid()):
        raise RigError(f"{', '.join(packages)}: missing here; on Debian 12, as root: {' '.join(command)}")
    if packages:
        say(f"installing {', '.join(packages)}")
        run("apt-get", "update", "--quiet")
        run(*command, environment={"DEBIAN_FRONTEND": "noninteractive"})


def is_debian() -> bool:
    """Whether the packages are called as here."""
    try:
        return platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        return False


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """What a command prints. Raises RigError with all that it said, and the gist in its last line."""
    merged = os.environ | dict(environment or {})
    try:
        child = subprocess.run(command, env=merged, capture_output=True, text=True, check=False)
    except FileNotFoundError as cause:
        raise RigError(f"{command[0]}: not found") from cause
    if child.returncode:
        said = child.stdout + child.stderr
        raise RigError(f"{said}{Path(command[0]).name} failed with exit code {child.returncode}: {gist(said)}")
    return child.stdout


def gist(output: str) -> str:
    """The line of a program's output that says why it failed: its first error, else its last words."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it said nothing"]
    return next((line for line in lines if line.startswith(("E:", "ERROR:", "error:"))), lines[-1])


def say(text: str) -> None:
    """Tell what is being set up."""
    print(f"rig: {text}", file=sys.stderr, flush=True)


# --- wheels ---


def pip(command: str, *arguments: str) -> None:
    """Run a command of pip. Raises RigError."""
    if not VENV.exists():
        if not importlib.util.find_spec("ensurepip"):
            install("python3-venv")
        half = fresh(VENV)
        run(sys.executable, "-m", "venv", str(half))
        finish(half, VENV)
    run(str(VENV / "bin" / "python"), "-m", "pip", command, "--quiet", "--disable-pip-version-check", *arguments)


def get_wheels(target: Path, python: str, platforms: Sequence[str], *requirements: str) -> None:
    """Unpack what pip takes for another device: its Python's version, and tags of its platform."""
    chosen = [word for name in platforms for word in ("--platform", name)]
    chosen += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python, "--no-compile"]
    pip("install", "--target", str(target), *chosen, *requirements)


def make_wheel(folder: Path, project: Path = ROOT) -> Path:
    """fer-edge as it is in `project`, alone in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(project))
    (wheel,) = folder.glob("*.whl")
    return wheel


# --- folders that are there whole, or not at all ---


def mark(words: Sequence[str]) -> str:
    """A short name for `words`."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:10]


def fresh(place: Path) -> Path:
    """Where to make what `finish` then puts at `place`; what runs that were cut off left there is removed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    us = str(threading.get_native_id())
    for half in place.parent.glob(f"{place.name}.half-*"):
        maker = half.name.rpartition("-")[2]
        if maker == us or not Path("/proc", maker).exists():
            shutil.rmtree(half) if half.is_dir() else half.unlink()
    return place.with_name(f"{place.name}.half-{us}")


def finish(half: Path, place: Path) -> Path:
    """Give what was made its name, unless another process made it meanwhile."""
    try:
        half.rename(place)
    except OSError:
        if not place.exists():
            raise
        shutil.rmtree(half)
    return place


def answers(port: int) -> bool:
    """Whether a server on this machine takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True
