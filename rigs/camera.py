"""The real picamera2 and the real libcamera on a camera made of pictures: to try fer_edge.sources.picamera with.

Debian 13's libcamera has a "virtual" camera that shows JPEGs. This unpacks as much of Debian as that takes, with
picamera2 and the product's own wheels beside it, and runs programs in there, with none of the machine's own devices.
Needs x86-64 Linux; on Debian root gets the tools that are missing, elsewhere it says which. What it makes lies in
build/camera (0.4 GB, half a minute, once).

python3 rigs/camera.py                      # sets it up
python3 rigs/camera.py frames 640 480       # runs a program of rigs/camera_inside/programs.py
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import debian
from debian import ROOT, RigError, run, say

BUILD = debian.BUILD / "camera"
INSIDE = Path(__file__).resolve().parent / "camera_inside"
REASON = BUILD / "why-not.txt"

SUITE, PYTHON = "trixie", "3.13"
PACKAGES = (
    *("base-files", "python3-minimal", "libpython3-stdlib", "libstdc++6"),
    *("python3-libcamera", "libcamera-ipa", "python3-prctl"),
)
# picamera2 alone, and what of its requirements it imports; virtual_camera.py stands in for some.
PICAMERA2 = "picamera2==0.3.38"
WHEELS = (
    *("piexif", "simplejpeg", "videodev2"),
    *tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"],
)
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_27_x86_64", "manylinux_2_28_x86_64")
TOOLS = {  # what must be there -> Debian's package
    "/usr/bin/mmdebstrap": "mmdebstrap",
    "/usr/bin/unshare": "util-linux",
    "/usr/bin/gcc": "gcc",
    "/usr/include/linux/udmabuf.h": "libc6-dev",
}
# What mmdebstrap, pip and the kernel say where it is not the rig that is broken.
EXCUSES = ("resolve", "connect", "Failed to fetch", "unreachable", "timed out", "Operation not permitted")


class Inside(NamedTuple):
    """The unpacked system with the product in it."""

    system: Path
    folder: Path  # within it, for this run alone; programs may write here

    def run(self, *program: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program of camera_inside/programs.py."""
        here = f"/{self.folder.relative_to(self.system)}"
        base = {"PYTHONPATH": f"{here}:{here}/edge:/opt/site", "HOME": here, "PYTHONHASHSEED": "0"}
        # Root changes into the folder as into a system; others become root of a namespace, for that alone.
        enter = ["unshare", *(["--map-root-user"] if os.geteuid() else []), f"--root={self.system}"]
        # The loader preloads it, not LD_PRELOAD: that would reach unshare too, outside.
        python = ["/lib64/ld-linux-x86-64.so.2", "--preload", "/opt/udmabuf.so", "/usr/bin/python3"]
        return subprocess.run(
            [*enter, *python, f"{here}/programs.py", *program],
            env=base | environment,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )


@contextmanager
def inside(system: Path) -> Iterator[Inside]:
    """`system` with the product as it is now."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=system / "srv"))
    try:
        for name in ("edge", "models"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.keras"))
        shutil.copytree(INSIDE, folder, dirs_exist_ok=True)
        # Nobody may mount a /proc without more rights; of it the loop needs when its process began.
        (system / "proc" / "self").mkdir(parents=True, exist_ok=True)
        (system / "proc" / "self" / "stat").write_text(f"1 (python3) R{49 * ' 0'}")
        yield Inside(system, folder)
    finally:
        shutil.rmtree(folder)


def find() -> Path:
    """The system that `main` made. Raises RigError where there is none, and says why."""
    if not system_path().exists():
        raise RigError(REASON.read_text() if REASON.exists() else "not set up; try: python3 rigs/camera.py")
    return system_path()


def excused(reason: str) -> bool:
    """Whether there may be none: CI as root on Debian has all that it takes, but for network and rights."""
    able = (
        os.environ.get("CI") == "true" and debian.is_debian() and os.geteuid() == 0 and platform.machine() == "x86_64"
    )
    return not able or any(word in reason for word in EXCUSES)


def system_path() -> Path:
    """Where the system lies; other packages, wheels or adaptations make another one."""
    sources = [path.read_text() for path in (INSIDE / "udmabuf.c", INSIDE / "virtual.yaml")]
    return BUILD / f"{SUITE}-{debian.mark([*PACKAGES, PICAMERA2, *WHEELS, *sources])}"


def make() -> Path:
    """The system, set up where it is missing. Raises RigError."""
    system = system_path()
    if system.exists():
        return system
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise RigError(f"needs Linux on x86-64, this is {platform.system()} on {platform.machine()}")
    debian.get_tools(TOOLS)
    BUILD.mkdir(parents=True, exist_ok=True)
    for left in BUILD.glob(f"{SUITE}-*"):  # of other wheels, or cut off
        shutil.rmtree(left)
    half = debian.fresh(system)
    half.mkdir()
    try:
        unpack(half)
        with inside(half) as trial:
            done = trial.run("draw")
            if done.returncode:
                raise RigError(f"picamera2 does not run in there: {debian.gist(done.stdout + done.stderr)}")
        half.rename(system)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return system


def unpack(system: Path) -> None:
    """Debian, wheels and the virtual camera. Raises RigError."""
    say(f"unpacking Debian's libcamera ({SUITE})")
    options = ("--quiet", "--mode=chrootless", "--variant=extract", f"--include={','.join(PACKAGES)}")
    run("mmdebstrap", *options, SUITE, str(system))
    say(f"fetching {PICAMERA2} and its wheels")
    debian.get_wheels(system / "opt" / "site", PYTHON, PLATFORMS, *WHEELS)
    debian.get_wheels(system / "opt" / "site", PYTHON, PLATFORMS, "--no-deps", PICAMERA2)
    run("gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(system / "opt" / "udmabuf.so"), str(INSIDE / "udmabuf.c"))
    settings = system / "usr" / "share" / "libcamera" / "pipeline" / "virtual"
    settings.mkdir(parents=True)
    shutil.copy(INSIDE / "virtual.yaml", settings)
    (system / "srv").mkdir(exist_ok=True)


def main(program: list[str]) -> int:
    """Set up, or run a program inside."""
    try:
        system = make()
    except RigError as reason:
        say(str(reason))
        BUILD.mkdir(parents=True, exist_ok=True)
        REASON.write_text(str(reason).splitlines()[-1])
        return 1
    REASON.unlink(missing_ok=True)
    if not program:
        return 0
    with inside(system) as there:
        done = there.run(*program)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
