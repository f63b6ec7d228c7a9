"""`install.sh` in a folder that stands for the device, full of others' files, links and runs that are killed.

    python -m attack.installer

No root, no container: apt, systemctl and Python are stand-ins (those of tests/systemd), and the environment is empty.
Held: every file of others is as before, outside the folder nothing is written, and one of several runs wins.
"""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attack.target import Table

TEST = Path(__file__).parents[2] / "tests/systemd/test_install_script.py"
OTHERS = {
    "notes.txt": "mine",
    "README.md": "# mine\n",
    ".git/HEAD": "ref",
    "env-9/data": "mine",
    "env-1 x/data": "mine",
}
COMMANDS: list[list[str]] = [
    ["--help"],
    ["--loud"],
    ["--wheel"],
    ["--wheel", "/no such; rm -rf /"],
    ["--with"],
    ["--with", "$(touch OWNED)"],
    ["--with", "; touch OWNED"],
    ["--with", "../../etc"],
    ["--purge"],
    ["--rollback"],
    ["--uninstall"],
    ["--uninstall", "--purge"],
    ["--rollback", "--uninstall"],
    ["\n--uninstall"],
    ["--", "x"],
    [""],
]
KILLS = 25
AT_ONCE = 8


def load() -> Any:
    """The stand-ins of a device, which the tests of install.sh have."""
    spec = importlib.util.spec_from_file_location("install_script", TEST)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = load()


def main() -> int:
    table = Table("install.sh")
    for name, attack in {
        "odd options beside files of others": options,
        "links in the place of files": links,
        f"killed at any moment, {KILLS} times": kills,
        f"{AT_ONCE} at once": at_once,
    }.items():
        attack(table, name)
    return table.close()


def filled(folder: Path) -> Any:
    """A device whose /opt/fer-edge, and what is around it, has files of others."""
    machine = SCRIPT.Machine(folder)
    fill(machine.opt)
    fill(machine.root / "srv")
    return machine


def fill(folder: Path) -> None:
    for name, text in OTHERS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def kept(folder: Path) -> bool:
    return all((folder / name).is_file() and (folder / name).read_text() == text for name, text in OTHERS.items())


def start(machine: Any, *arguments: str) -> subprocess.Popen[bytes]:
    command = ["bash", str(SCRIPT.SCRIPT), *arguments]
    pipe = subprocess.DEVNULL
    return subprocess.Popen(
        command, env=machine.environment, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, cwd=machine.root
    )


def options(table: Table, name: str) -> None:
    held = 0
    for arguments in COMMANDS:
        with tempfile.TemporaryDirectory() as folder:
            machine = filled(Path(folder))
            start(machine, *arguments).wait()
            held += kept(machine.opt) and kept(machine.root / "srv") and not list(Path(folder).rglob("OWNED"))
    table.row(name, len(COMMANDS), held)


def links(table: Table, name: str) -> None:
    """Each place that is written is a link to a file or folder of others."""
    places: dict[str, Callable[[Any, Path], None]] = {
        "lock": lambda machine, other: (machine.opt / ".lock").symlink_to(other / "notes.txt"),
        "current": lambda machine, other: (machine.opt / "current").symlink_to(other),
        "previous": lambda machine, other: (machine.opt / "previous").symlink_to(other),
        "current.new": lambda machine, other: (machine.opt / "current.new").symlink_to(other),
        "environment": lambda machine, other: (machine.opt / "env-101").symlink_to(other),
        "old environment": lambda machine, other: (machine.opt / "env-5").symlink_to(other),
    }
    tried = held = 0
    for place in places.values():
        for arguments in ([], ["--rollback"], ["--uninstall"], ["--uninstall", "--purge"]):
            with tempfile.TemporaryDirectory() as folder:
                machine = filled(Path(folder))
                other = Path(folder) / "other"
                fill(other)
                (other / "pyvenv.cfg").touch()
                place(machine, other)
                start(machine, *arguments).wait()
                tried += 1
                held += kept(machine.opt) and kept(other) and (other / "pyvenv.cfg").exists()
    table.row(name, tried, held)


def kills(table: Table, name: str) -> None:
    """What is left is whole: what `current` names runs, a later run succeeds, and others' files are there."""
    draw, held = random.Random(7), 0
    with tempfile.TemporaryDirectory() as folder:
        machine = filled(Path(folder))
        for _ in range(KILLS):
            run = start(machine)
            time.sleep(draw.random() * 0.6)
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            current = machine.opt / "current"
            whole = not current.is_symlink() or os.access(current / "bin/fer-edge", os.X_OK)
            held += whole and kept(machine.opt) and kept(machine.root / "srv")
        tried = KILLS + 1
        held += start(machine).wait() == 0 and kept(machine.opt)
    table.row(name, tried, held)


def at_once(table: Table, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = filled(Path(folder))
        codes = [run.wait() for run in [start(machine) for _ in range(AT_ONCE)]]
        current = machine.opt / "current"
        held = (
            set(codes) <= {0, 1} and 0 in codes and os.access(current / "bin/fer-edge", os.X_OK) and kept(machine.opt)
        )
    table.row(name, 1, int(held), f"{codes.count(0)} of {AT_ONCE} installed")


if __name__ == "__main__":
    sys.exit(main())
