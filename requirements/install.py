"""Installs fer-edge into an environment, from the locks: versions and hashes of everything are those of requirements/.

    python requirements/install.py [--python ENVIRONMENT/bin/python] [--with kiosk,mqtt] [--editable] WHEEL-OR-FOLDER

pip refuses a file whose hash no lock names. NumPy of the system stays, where the environment sees one: picamera2 is
built against it, and what is locked beside NumPy 1 is in numpy1/. On armv7l the versions are those of the locks and no
hash is checked: wheels come from piwheels.org there, which builds its own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
HASHLESS = ("armv7l", "armv6l")
# What the environment is: NumPy counts if it is not its own, which an earlier installation put there.
PROBE = """
import importlib.metadata as m, json, platform, sys
try:
    numpy = m.distribution("numpy")
    version = "" if str(numpy.locate_file("")).startswith(sys.prefix + "/") else numpy.version
except m.PackageNotFoundError:
    version = ""
print(json.dumps({"machine": platform.machine(), "python": "%d.%d" % sys.version_info[:2], "numpy": version}))
"""


class RefusedError(Exception):
    """Nothing more is installed; the message is one line."""


def main(arguments: list[str] | None = None) -> int:
    """Install what is asked for; the exit code."""
    parser = argparse.ArgumentParser(description="Installs fer-edge from its locks.")
    parser.add_argument("what", help="a wheel of fer-edge, or the folder of its pyproject.toml")
    parser.add_argument("--python", default=sys.executable, help="the environment's Python (this one)")
    parser.add_argument("--with", dest="extras", default="", help="what outputs need: kiosk,mqtt,...")
    parser.add_argument("--editable", action="store_true", help="the folder itself, so that changes of it count")
    parser.add_argument("--pip", default="", help="options for pip, such as --no-compile")
    options = parser.parse_args(arguments)
    extras = [name for name in options.extras.replace(" ", "").split(",") if name]
    try:
        machine = json.loads(run([options.python, "-c", PROBE]))
        locks = choose(extras, machine["numpy"], machine["machine"], machine["python"])
        install_locked(options.python, locks, machine, options.pip.split())
        install_itself(options.python, options.what, extras, options.editable, options.pip.split())
    except RefusedError as error:
        print(f"fer-edge: error: {error}", file=sys.stderr)
        return 1
    return 0


def choose(extras: list[str], numpy: str, machine: str, python: str) -> list[Path]:
    """The locks of an environment that sees this NumPy of the system ("": none). Raises RefusedError: unknown extra."""
    has_tflite_runtime = machine in HASHLESS and python == "3.11"  # which needs NumPy 1
    older = numpy.startswith(("0.", "1.")) or (not numpy and has_tflite_runtime)
    names = [*([] if numpy else ["numpy"]), "base", *extras]
    known = sorted({path.stem for path in FOLDER.glob("*.txt")} - {"base", "build", "numpy"})
    for name in extras:
        if name not in known:
            raise RefusedError(f"--with {name}: no lock for it; known: {', '.join(known)}")
    found = []
    for name in names:
        special = FOLDER / "numpy1" / f"{name}.txt"
        found.append(special if older and special.exists() else FOLDER / f"{name}.txt")
    return found


def install_locked(python: str, locks: list[Path], machine: dict[str, str], options: list[str]) -> None:
    """Let pip install what the locks name, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        if machine["machine"] in HASHLESS:
            print(
                f"fer-edge: {machine['machine']}: versions are those that are locked, hashes are not checked (piwheels)"
            )
            locks = [without_hashes(lock, Path(folder) / f"{number}.txt") for number, lock in enumerate(locks)]
            checked = []
        else:
            checked = ["--require-hashes", "--only-binary", ":all:"]
        files = [option for lock in locks for option in ("--requirement", str(lock))]
        pip(python, ["install", *options, *checked, *files], machine)


def install_itself(python: str, what: str, extras: list[str], editable: bool, options: list[str]) -> None:
    """fer-edge, whose requirements are there by now: none is fetched. What builds it is locked, too, and not kept."""
    named = what + (f"[{','.join(extras)}]" if extras else "")
    command = ["install", *options, "--no-index", "--no-build-isolation"]
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ)
        if Path(what).is_dir():
            build = ["install", "--require-hashes", "--only-binary", ":all:", "--target", folder]
            pip(python, [*build, "--requirement", str(FOLDER / "build.txt")], {})
            environment["PYTHONPATH"] = folder
        pip(python, [*command, *(["--editable"] if editable else []), named], {}, environment)


def without_hashes(lock: Path, to: Path) -> Path:
    """The same versions, in a file that asks for no hash."""
    text = re.sub(r" \\\n(?: +--hash=\S+(?: \\\n)?)+", "", lock.read_text())
    to.write_text(text)
    return to


def pip(python: str, arguments: list[str], machine: dict[str, str], environment: dict[str, str] | None = None) -> None:
    """Run pip. Raises RefusedError with the cause in one line."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    command += [] if python == sys.executable else ["--python", python]  # which may have no pip of its own
    done = subprocess.run(
        [*command, *arguments], env=environment, stderr=subprocess.PIPE, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise RefusedError(reason(done.stderr, machine))


def reason(said: str, machine: dict[str, str]) -> str:
    """What pip's words come to, in one line."""
    wrong = re.search(
        r"^ +(\S+?)(?: from .*)?:\n +Expected sha256 +(\w+)(?:\n +Expected +or +\w+)*\n +Got +(\w+)", said, re.MULTILINE
    )
    if wrong:
        name = wrong[1].removesuffix(":")
        return (
            f"{name}: the file that came is not the one that is locked (its sha256 is {wrong[3][:16]}…); not installed"
        )
    missing = re.search(r"No matching distribution found for (.+)", said)
    if missing:
        where = f" for Python {machine['python']} on {machine['machine']}" if machine else ""
        return f"{missing[1].strip()}: no such wheel was found{where}; check the network and the package index"
    errors = re.findall(r"^ERROR: (.+)$", said, re.MULTILINE) or said.strip().splitlines()
    return f"pip: {errors[-1].strip()}" if errors else "pip failed and said nothing"


def run(command: list[str]) -> str:
    """The output of a command. Raises RefusedError."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise RefusedError(f"{command[0]}: does not run; {error}") from error


if __name__ == "__main__":
    sys.exit(main())
