"""Debian for arm64, unpacked and run by QEMU, with the device's own wheels: a Raspberry Pi's programs without one.

Nothing in it is ever installed, only unpacked, so it takes no root once the tools are there; on Debian root gets those,
elsewhere it says what is missing. What it makes lies in build/arm (0.6 GB). Emulated milliseconds mean nothing.

python3 rigs/arm.py      # sets up all that rigs/test_arm.py looks at
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import debian
from debian import ROOT, RigError, finish, fresh, mark, run, say

BUILD = debian.BUILD / "arm"


class Suite(NamedTuple):
    """A Debian, and so a Raspberry Pi OS."""

    python: str  # its version
    glibc: int  # 2.N


SUITES = {"bookworm": Suite("3.11", 36), "trixie": Suite("3.13", 41)}
PACKAGES = ("python3-minimal", "libpython3-stdlib", "libstdc++6")
# QEMU's name -> a name for people, and what Linux writes into /proc/cpuinfo.
PROCESSORS = {
    "cortex-a72": ("Cortex-A72 (Pi 4)", "0xd08", "fp asimd evtstrm crc32 cpuid"),
    "cortex-a76": (
        "Cortex-A76 (Pi 5)",
        "0xd0b",
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
    ),
}
TOOLS = {"mmdebstrap": "mmdebstrap", "qemu-aarch64": "qemu-user"}


class WheelSet(NamedTuple):
    """A device's Python and what it has installed."""

    suite: str
    requirements: tuple[str, ...]

    @property
    def site(self) -> Path:
        """Where its wheels lie, or will lie; other requirements lie elsewhere."""
        return BUILD / f"{self.suite}-site-{mark(self.requirements)}"

    def python(self, processor: str) -> Python:
        """Its interpreter, set up where it is not. Raises RigError."""
        return Python(make_system(self.suite), make_site(self.suite, self.requirements), processor)

    def missing(self) -> str:
        """Why it cannot be run here and now, in words; nothing where it can."""
        if not shutil.which("qemu-aarch64"):
            return "needs qemu-aarch64 (Debian's qemu-user), which is not here"
        if system_path(self.suite).exists() and self.site.exists():
            return ""
        reason = reason_of(self.site)
        why = reason.read_text() if reason.exists() else "`make rigs` does it"
        return f"Debian {self.suite} for arm64 with these wheels is not set up in build/arm: {why}"


class Python(NamedTuple):
    """An emulated interpreter that sees this project and a folder of wheels."""

    system: Path
    site: Path
    processor: str  # QEMU's name

    def run(self, *arguments: str, qemu: Sequence[str] = (), **environment: str) -> str:
        """What it prints. `qemu` are options of the emulator. Raises RigError."""
        root = root_of(self.system, self.processor)
        (python,) = (root / "usr" / "bin").glob("python3.[0-9][0-9]")
        base = {"PYTHONPATH": f"{self.site}:{ROOT}/edge", "PYTHONPYCACHEPREFIX": str(BUILD / "pycache")}
        command = ["qemu-aarch64", "-cpu", self.processor, "-L", str(root), *qemu, str(python), *arguments]
        return run(*command, environment=base | environment)


def wheel_sets() -> dict[str, WheelSet]:
    """What pip chooses on the devices that there are, by the product's own requirements."""
    newer = requirements()
    # pip takes tflite-runtime on 32 bit alone; on 64 bit, built by hand, it needs the older NumPy.
    older = [line for line in newer if not line.startswith(("ai-edge-litert", "tflite-runtime", "numpy"))]
    return {
        "bookworm": WheelSet("bookworm", tuple(newer)),
        "bookworm-tflite": WheelSet("bookworm", (*older, "tflite-runtime==2.14.0", "numpy<2")),
        "trixie": WheelSet("trixie", tuple(newer)),
    }


def requirements() -> list[str]:
    """What pyproject.toml says that the device needs."""
    lines: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return lines


def make_system(suite: str, packages: Sequence[str] = PACKAGES) -> Path:
    """Debian `suite` for arm64, as far as `packages` go, unpacked once. Raises RigError."""
    system = system_path(suite, packages)
    if system.exists():
        return system
    debian.get_tools(TOOLS)
    say(f"unpacking Debian {suite} for arm64")
    half = fresh(system)
    options = ("--mode=chrootless", "--architectures=arm64", "--variant=extract", f"--include={','.join(packages)}")
    run("mmdebstrap", "--quiet", *options, suite, str(half))
    if not (half / "lib").exists():  # the link that an installation makes
        (half / "lib").symlink_to("usr/lib")
    return finish(half, system)


def system_path(suite: str, packages: Sequence[str] = PACKAGES) -> Path:
    """Where it lies, or will lie; other packages lie elsewhere."""
    return BUILD / f"{suite}-{mark(packages)}"


def make_site(suite: str, requirements: Sequence[str]) -> Path:
    """A folder with the wheels that pip takes for `requirements` on `suite`; other requirements get another one.

    Raises RigError.
    """
    site = WheelSet(suite, tuple(requirements)).site
    if site.exists():
        return site
    say(f"fetching wheels of {suite} for aarch64: {', '.join(requirements)}")
    half = fresh(site)
    python, glibc = SUITES[suite]
    debian.get_wheels(half, python, list(platforms(glibc)), *requirements)
    return finish(half, site)


def platforms(glibc: int) -> Iterator[str]:
    """Tags of the wheels that run with this glibc, the newest first, as pip on the device has them."""
    for minor in range(glibc, 16, -1):
        yield f"manylinux_2_{minor}_aarch64"
    yield "manylinux2014_aarch64"


def root_of(system: Path, processor: str) -> Path:
    """`system` beside what Linux says of a Pi's four cores: the interpreters look there, not at QEMU."""
    root = BUILD / f"{system.name}-{processor}"
    if root.exists():
        return root
    half = fresh(root)
    half.mkdir()
    for part in system.iterdir():
        if part.name in ("bin", "etc", "lib", "sbin", "usr"):
            (half / part.name).symlink_to(part)
    _, part_number, features = PROCESSORS[processor]
    core = f"Features : {features}\nCPU implementer : 0x41\nCPU architecture: 8\nCPU variant : 0x0\n"
    cores = (f"processor : {number}\n{core}CPU part : {part_number}\nCPU revision : 0\n" for number in range(4))
    folder = half / "sys" / "devices" / "system" / "cpu"
    folder.mkdir(parents=True)
    (half / "proc").mkdir()
    (half / "proc" / "cpuinfo").write_text("\n".join(cores))
    for name in ("possible", "present"):
        (folder / name).write_text("0-3\n")
    return finish(half, root)


def set_up(wheels: Iterable[WheelSet]) -> int:
    """Make each; where one fails, its reason lies beside, and the others go on. How many failed."""
    BUILD.mkdir(parents=True, exist_ok=True)
    failed = 0
    for each in wheels:
        reason = reason_of(each.site)
        reason.unlink(missing_ok=True)
        try:
            make_system(each.suite)
            make_site(each.suite, each.requirements)
        except RigError as cause:
            failed += 1
            say(str(cause))
            reason.write_text(str(cause).splitlines()[-1])
    return failed


def reason_of(site: Path) -> Path:
    """Where it stands why `site` could not be set up."""
    return site.with_suffix(".why")


if __name__ == "__main__":
    sys.exit(set_up(wheel_sets().values()))
