"""Writes the locks anew, from pyproject.toml and what the package index has: `make update-locks`.

    python requirements/update.py [--newest]

A lock names each package that pip installs on a device, in one version, with the hashes of its files. `--newest` takes
releases of the last seven days too: one that was tampered with is mostly found out within days.
"""

from __future__ import annotations

import argparse
import itertools
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
PYPROJECT = FOLDER.parent / "pyproject.toml"
EXTRAS = ("gpio", "heif", "kiosk", "mqtt", "oled", "parquet", "signed")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")  # armv7l: see install.py
MIN_AGE = "7 days"
COMMAND = "make update-locks"
# By folder, NumPy of the distributions, which picamera2 is built against: what is locked beside it works with these.
DISTRIBUTIONS = {
    ".": ["numpy>=2", "numpy==2.2.4; python_version == '3.13'"],  # Debian 13
    "numpy1": [  # Debian 12, Ubuntu 24.04; newer ones have NumPy 2
        "numpy==1.24.2; python_version < '3.12'",
        "numpy==1.26.4; python_version == '3.12'",
        "numpy>=2; python_version >= '3.13'",
    ],
}
# Where the system has no NumPy, this one.
NUMPY = {".": "numpy>=2", "numpy1": "numpy>=1.26,<2; python_version < '3.13'"}
# uv heeds no upper limit of a package's Pythons, pip does: 1.3 is for Python before 3.11.
FOR_PIP = ["backports-strenum<1.3"]
BUILD = ["editables>=0.5,<1"]  # for `pip install --editable`; the rest is in pyproject.toml's [build-system]


def main(arguments: list[str] | None = None) -> int:
    """Write all locks; those that are the same in both folders stand in the first alone."""
    parser = argparse.ArgumentParser(description="Writes the locks anew.")
    parser.add_argument("--newest", action="store_true", help=f"take releases of the last {MIN_AGE}, too")
    newest = parser.parse_args(arguments).newest
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, constraints in DISTRIBUTIONS.items():
            write(place / name, constraints, NUMPY[name], newest)
        requirements = place / "build.in"
        requirements.write_text("\n".join([*build_requirements(), *BUILD]) + "\n")
        compile_lock(requirements, place / "build.txt", ["--generate-hashes"], newest)
        for lock in sorted(place.rglob("*.txt")):
            name = lock.relative_to(place)
            target = FOLDER / name
            if name.parent.name and lock.read_text() == (place / name.name).read_text():
                target.unlink(missing_ok=True)
                continue
            target.parent.mkdir(exist_ok=True)
            target.write_text(lock.read_text())
            print(f"{target.relative_to(FOLDER.parent)}: {len(blocks(lock)) - 1} packages")
    for python, machine in itertools.product(PYTHONS, MACHINES):
        check(python, machine, ".")
        if python in ("3.11", "3.12"):
            check(python, machine, "numpy1")
    return 0


def write(place: Path, constraints: list[str], numpy: str, newest: bool) -> None:
    """Write the locks of one NumPy into `place`: what all need, and what each extra adds."""
    place.mkdir(exist_ok=True)
    (place / "numpy.in").write_text(numpy + "\n")
    (place / "together.in").write_text("\n".join([*constraints, *FOR_PIP]) + "\n")
    extras = [option for extra in EXTRAS for option in ("--extra", extra)]
    # All at once first, so that the locks agree with each other.
    compile_lock(PYPROJECT, place / "all.in", [*extras, "--constraint", str(place / "together.in")], newest)
    shared = ["--constraint", str(place / "all.in"), "--generate-hashes", "--no-emit-package", "numpy"]
    compile_lock(PYPROJECT, place / "base.txt", shared, newest)
    base = blocks(place / "base.txt")
    for extra in EXTRAS:
        lock = place / f"{extra}.txt"
        compile_lock(PYPROJECT, lock, [*shared, "--extra", extra], newest)
        head, *packages = blocks(lock)
        lock.write_text("".join([head, *(package for package in packages if package not in base)]))
    compile_lock(place / "numpy.in", place / "numpy.txt", ["--generate-hashes"], newest)


def compile_lock(requirements: Path, lock: Path, options: list[str], newest: bool) -> None:
    """Let uv resolve `requirements` for each Python and processor."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    command += ["--native-tls", "--no-annotate", "--custom-compile-command", COMMAND, "--output-file", str(lock)]
    command += [] if newest else ["--exclude-newer", MIN_AGE]
    subprocess.run([*command, *options, str(requirements)], check=True)


def check(python: str, machine: str, numpy: str) -> None:
    """Let uv look whether each package has a wheel for one Python and processor, and whether they go together."""
    locks = [choose(name, numpy) for name in ("numpy", "base", *EXTRAS)]
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--native-tls", "--dry-run", "--no-build"]
    command += ["--require-hashes", "--python-version", python, "--python-platform", f"{machine}-manylinux_2_36"]
    with tempfile.TemporaryDirectory() as folder:
        command += ["--target", folder, *(option for lock in locks for option in ("--requirement", str(lock)))]
        subprocess.run(command, check=True)
    print(f"Python {python}, {machine}{', NumPy 1' if numpy == 'numpy1' else ''}: each has a wheel")


def choose(name: str, numpy: str) -> Path:
    """The lock of that name beside that NumPy."""
    special = FOLDER / numpy / f"{name}.txt"
    return special if special.exists() else FOLDER / f"{name}.txt"


def build_requirements() -> list[str]:
    """What builds the wheel."""
    (line,) = re.findall(r"^requires = \[(.*)\]$", PYPROJECT.read_text(), re.MULTILINE)
    return re.findall(r'"([^"]+)"', line)


def blocks(lock: Path) -> list[str]:
    """The head of a lock, then its packages with their hashes."""
    return re.split(r"^(?=[\w.-]+==)", lock.read_text(), flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
