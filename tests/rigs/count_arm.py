"""Counts the AArch64 instructions of one face read, on a Raspberry Pi 4's and 5's processor: `make count-arm`.

Needs no Pi: QEMU runs the device's own wheels and a plugin counts. Counts are not time, since they know neither caches
nor pipelines, but they repeat to a few in a million on any machine, however busy, and a regression shows in them.
On Debian 12 root gets all that is missing; elsewhere it says what is. What it makes lies in build/arm (0.4 GB).

python3 tests/rigs/count_arm.py [VARIANT ...]      # default: float32 int8
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "arm"
SYSTEM, PLUGIN, VENV = BUILD / "system", BUILD / "count_instructions.so", BUILD / "venv"
TIMES = 20  # reads; the difference to twice as many is what so many reads cost, without start and set-up

# Pinned: another version is another count.
WHEELS = {
    "ai-edge-litert": ("ai-edge-litert==2.3.0", "numpy==2.4.6", "opencv-python-headless==4.14.0.94"),
    "tflite-runtime": ("tflite-runtime==2.14.0", "numpy==1.26.4", "opencv-python-headless==4.11.0.86"),
}
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_27_aarch64", "manylinux_2_28_aarch64", "manylinux_2_34_aarch64")
# QEMU's name -> a name for people, and what Linux writes into /proc/cpuinfo.
PROCESSORS = {
    "cortex-a72": ("Cortex-A72 (Pi 4)", "0xd08", "fp asimd evtstrm crc32 cpuid"),
    "cortex-a76": (
        "Cortex-A76 (Pi 5)",
        "0xd0b",
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
    ),
}
PACKAGES = "python3-minimal,libpython3-stdlib,libstdc++6"


def main(variants: list[str]) -> None:
    """Set up what is missing, count, and print a table."""
    get_tools()
    BUILD.mkdir(parents=True, exist_ok=True)
    make_plugin()
    make_system()
    heads = [f"{name}, {variant}" for name, _, _ in PROCESSORS.values() for variant in variants]
    print("instructions for one face read (crop, resize, inference), millions; in brackets: int8 dot products\n")
    print(f"| interpreter | {' | '.join(heads)} |")
    print(f"|---|{'---:|' * len(heads)}", flush=True)
    for runtime, wheels in WHEELS.items():
        site = make_site(runtime, wheels)
        cells = [count(runtime, site, processor, variant) for processor in PROCESSORS for variant in variants]
        print(f"| {wheels[0].replace('==', ' ')} | {' | '.join(cells)} |", flush=True)


def get_tools() -> None:
    """Install the Debian packages that are missing, or say which."""
    tools = {"mmdebstrap": "mmdebstrap", "qemu-aarch64": "qemu-user", "gcc": "gcc"}
    missing = [package for tool, package in tools.items() if not shutil.which(tool)]
    missing += [] if Path("/usr/include/stdio.h").exists() else ["libc6-dev"]
    missing += [] if importlib.util.find_spec("ensurepip") else ["python3-venv"]
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing]
    if missing and (not is_debian_12() or os.geteuid()):
        raise SystemExit(
            f"count-arm: {', '.join(missing)}: missing here; on Debian 12, as root: {' '.join(install)}; {elsewhere()}"
        )
    if missing:
        say(f"installing {', '.join(missing)}")
        run("apt-get", "update", "--quiet")
        run(*install, environment={"DEBIAN_FRONTEND": "noninteractive"})
    if "-plugin" not in run("qemu-aarch64", "-h"):
        raise SystemExit(f"count-arm: this qemu-aarch64 takes no plugins, Debian 12's does; {elsewhere()}")


def is_debian_12() -> bool:
    """Whether the packages are those that this was tried with."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return False
    return (system.get("ID"), system.get("VERSION_ID")) == ("debian", "12")


def elsewhere() -> str:
    """How to run it on another system."""
    inside = "apt-get update && apt-get install -y make python3 && make count-arm"
    return f"elsewhere, in a container: docker run --rm -v {ROOT}:{ROOT} -w {ROOT} debian:12 sh -c '{inside}'"


def make_plugin() -> None:
    """Compile what counts."""
    source = HERE / "count_instructions.c"
    run("gcc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-fvisibility=hidden", "-o", str(PLUGIN), str(source))


def make_system() -> None:
    """Debian for arm64, as far as Python needs it; nothing in it is ever installed, only unpacked."""
    if SYSTEM.exists():
        return
    say("unpacking Debian 12 for arm64")
    half = fresh(BUILD / "system.half")
    options = ("--mode=chrootless", "--architectures=arm64", "--variant=extract", f"--include={PACKAGES}")
    run("mmdebstrap", *options, "bookworm", str(half))
    (half / "proc").mkdir(exist_ok=True)
    half.rename(SYSTEM)


def make_site(runtime: str, wheels: tuple[str, ...]) -> Path:
    """A folder with the device's own wheels; its name says which, so that other ones get another."""
    site = BUILD / "-".join(wheel.replace("==", "-") for wheel in wheels)
    if site.exists():
        return site
    say(f"fetching {', '.join(wheels)} for aarch64")
    if not (VENV / "bin" / "pip").exists():
        run(sys.executable, "-m", "venv", "--clear", str(VENV))
    half = fresh(BUILD / "site.half")
    chosen = [word for name in PLATFORMS for word in ("--platform", name)]
    chosen += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.11", "--no-compile"]
    run(str(VENV / "bin" / "pip"), "install", "--quiet", "--target", str(half), *chosen, *wheels)
    half.rename(site)
    return site


def pretend(processor: str) -> None:
    """Put into the emulated system what Linux says of a Pi's four cores: the interpreters look there, not at QEMU."""
    _, part, features = PROCESSORS[processor]
    core = f"Features : {features}\nCPU implementer : 0x41\nCPU architecture: 8\nCPU variant : 0x0\nCPU part : {part}\n"
    cores = (f"processor : {number}\n{core}CPU revision : 0\n" for number in range(4))
    folder = SYSTEM / "sys" / "devices" / "system" / "cpu"
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in (
        (SYSTEM / "proc" / "cpuinfo", "\n".join(cores)),
        (folder / "possible", "0-3\n"),
        (folder / "present", "0-3\n"),
    ):
        path.write_text(text)


def count(runtime: str, site: Path, processor: str, variant: str) -> str:
    """Instructions of one read, and of them dot products, in words: "4.08 (0.81)"."""
    pretend(processor)

    def executed(times: int) -> list[int]:
        out = BUILD / "count"
        out.unlink(missing_ok=True)
        environment = {
            "COUNT_OUT": str(out),
            "PYTHONPATH": f"{site}:{ROOT}",
            "PYTHONPYCACHEPREFIX": str(BUILD / "pycache"),
            "PYTHONHASHSEED": "0",
            "OPENBLAS_NUM_THREADS": "1",
        }
        emulator = ("qemu-aarch64", "-cpu", processor, "-L", str(SYSTEM), "-plugin", str(PLUGIN))
        python = (str(SYSTEM / "usr" / "bin" / "python3.11"), str(HERE / "read_faces.py"))
        run(*emulator, *python, variant, runtime, str(times), environment=environment)
        return [int(word) for word in out.read_text().split()]

    executed(1)  # compiles what Python would else compile in the first of the two runs that count
    once, twice = executed(TIMES), executed(2 * TIMES)
    total, dots = ((b - a) / TIMES / 1e6 for a, b in zip(once, twice, strict=True))
    return f"{total:.2f} ({dots:.2f})" if dots else f"{total:.2f}"


def fresh(folder: Path) -> Path:
    """`folder`, without what a run that was cut off left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    """What a command prints; where it fails, all of that is shown."""
    child = subprocess.run(
        command,
        env=os.environ | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if child.returncode:
        raise SystemExit(
            f"{child.stdout}count-arm: {command[0]} failed with exit code {child.returncode}, as said above"
        )
    return child.stdout


def say(text: str) -> None:
    """Tell what is being set up."""
    print(f"count-arm: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["float32", "int8"])
