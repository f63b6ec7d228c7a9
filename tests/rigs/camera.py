"""The real picamera2 and the real libcamera on a camera made of pictures: what edge/sources/picamera.py is tried with.

Debian 13's libcamera has a "virtual" camera that shows JPEGs. This unpacks as much of Debian as that takes, with
picamera2 and the product's own wheels beside it, and runs programs in there, with none of the machine's own devices.
Needs x86-64 Linux; on Debian root gets the tools that are missing, elsewhere it says which. What it makes lies in
build/camera (0.4 GB, half a minute, once).

python3 tests/rigs/camera.py                      # sets it up
python3 tests/rigs/camera.py frames 640 480       # runs a program of tests/rigs/camera_inside/programs.py
"""

from __future__ import annotations

import hashlib
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

from arm import is_debian

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "camera"
INSIDE = HERE / "camera_inside"
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


class CameraRigError(Exception):
    """It cannot be set up here; one line says why."""


class Inside(NamedTuple):
    """The unpacked system with the product in it."""

    system: Path
    folder: Path  # within it, for this run alone; programs may write here

    def run(self, *program: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program of camera_inside/programs.py."""
        here = f"/{self.folder.relative_to(self.system)}"
        base = {"PYTHONPATH": f"{here}:/opt/site", "HOME": here, "PYTHONHASHSEED": "0"}
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
    """The system that `main` made. Raises CameraRigError where there is none, and says why."""
    if not system_path().exists():
        raise CameraRigError(REASON.read_text() if REASON.exists() else "not set up; try: python3 tests/rigs/camera.py")
    return system_path()


def excused(reason: str) -> bool:
    """Whether there may be none: CI as root on Debian has all that it takes, but for network and rights."""
    able = os.environ.get("CI") == "true" and is_debian() and os.geteuid() == 0 and platform.machine() == "x86_64"
    return not able or any(word in reason for word in EXCUSES)


def system_path() -> Path:
    """Where the system lies; other packages, wheels or adaptations make another one."""
    sources = [path.read_text() for path in (INSIDE / "udmabuf.c", INSIDE / "virtual.yaml")]
    mark = hashlib.sha256("\n".join([*PACKAGES, PICAMERA2, *WHEELS, *sources]).encode()).hexdigest()[:10]
    return BUILD / f"{SUITE}-{mark}"


def make() -> Path:
    """The system, set up where it is missing. Raises CameraRigError."""
    system = system_path()
    if system.exists():
        return system
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise CameraRigError(f"needs Linux on x86-64, this is {platform.system()} on {platform.machine()}")
    get_tools()
    BUILD.mkdir(parents=True, exist_ok=True)
    for left in BUILD.glob(f"{SUITE}-*"):  # of other wheels, or cut off
        shutil.rmtree(left)
    half = Path(tempfile.mkdtemp(prefix=f"{SUITE}-half-", dir=BUILD))
    half.chmod(0o755)
    try:
        unpack(half)
        with inside(half) as trial:
            done = trial.run("draw")
            if done.returncode:
                raise CameraRigError(f"picamera2 does not run in there: {gist(done.stdout + done.stderr)}")
        half.rename(system)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return system


def get_tools() -> None:
    """Install the Debian packages that are missing. Raises CameraRigError where that is not possible."""
    missing = [package for path, package in TOOLS.items() if not Path(path).exists()]
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing]
    if missing and (not is_debian() or os.geteuid()):
        raise CameraRigError(f"{', '.join(missing)}: missing here; on Debian, as root: {' '.join(install)}")
    if missing:
        say(f"installing {', '.join(missing)}")
        run("apt-get", "update", "--quiet")
        run(*install)


def unpack(system: Path) -> None:
    """Debian, wheels and the virtual camera. Raises CameraRigError."""
    say(f"unpacking Debian's libcamera ({SUITE})")
    options = ("--quiet", "--mode=chrootless", "--variant=extract", f"--include={','.join(PACKAGES)}")
    run("mmdebstrap", *options, SUITE, str(system))
    say(f"fetching {PICAMERA2} and its wheels")
    chosen = [word for name in PLATFORMS for word in ("--platform", name)]
    chosen += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", PYTHON, "--no-compile"]
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    pip = (*pip, "--target", str(system / "opt" / "site"), *chosen)
    run(*pip, *WHEELS)
    run(*pip, "--no-deps", PICAMERA2)
    run("gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(system / "opt" / "udmabuf.so"), str(INSIDE / "udmabuf.c"))
    settings = system / "usr" / "share" / "libcamera" / "pipeline" / "virtual"
    settings.mkdir(parents=True)
    shutil.copy(INSIDE / "virtual.yaml", settings)
    (system / "srv").mkdir(exist_ok=True)


def run(*command: str) -> None:
    """Run a command that makes something. Raises CameraRigError, after showing what it said."""
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        print(done.stdout, end="", file=sys.stderr)
        raise CameraRigError(f"{Path(command[0]).name} failed: {gist(done.stdout)}")


def gist(output: str) -> str:
    """The line of a program's output that says why it failed: its first error, else its last words."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it said nothing"]
    return next((line for line in lines if line.startswith(("E:", "ERROR:", "error:"))), lines[-1])


def say(text: str) -> None:
    """Tell what is being set up."""
    print(f"camera: {text}", file=sys.stderr, flush=True)


def main(program: list[str]) -> int:
    """Set up, or run a program inside."""
    try:
        system = make()
    except CameraRigError as reason:
        say(str(reason))
        BUILD.mkdir(parents=True, exist_ok=True)
        REASON.write_text(str(reason))
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
