"""Makes the emulated devices' disk, kernel and first root: Debian 12 for arm64 with fer-edge in it as a service.

No foreign program runs for it: packages and wheels are unpacked, and what their installation would do is done by hand,
as far as this rig needs it. So `systemd/install.sh` does not run either; what it leaves (environment, links, unit,
user, settings) is made here in the same places. Lies in build/device (3 GB) and build/arm (1 GB).
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import NamedTuple

import arm
import debian
from debian import ROOT, RigError, run, say

BUILD = debian.BUILD / "device"
GUEST = Path(__file__).resolve().parent / "device_guest"
SUITE = "bookworm"
HOOKS = Path("/usr/share/mmdebstrap/hooks/merged-usr")
PACKAGES = (
    *("base-files", "base-passwd", "systemd-sysv", "udev", "kmod", "mount", "util-linux", "procps"),
    *(
        "bash",
        "dash",
        "coreutils",
        "grep",
        "sed",
        "busybox-static",
        "e2fsck-static",
        "linux-image-arm64",
        *arm.PACKAGES,
    ),
)
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "qemu-aarch64": "qemu-user",
    "qemu-system-aarch64": "qemu-system-arm",
    "fdtput": "device-tree-compiler",
    "mke2fs": "e2fsprogs",
    "cpio": "cpio",
    "modprobe": "kmod",
}
AT_ONCE = ("ext4", "virtio_pci", "virtio_blk", "bcm2835", "sdhci-iproc")  # needed before there is a root
LATER = ("vivid", "bcm2835_wdt", "bcm2835-rng")  # a camera without a camera, and more of the Pi
FER_EDGE = 990  # number of the service's user and group
GROUPS = {"video": None, "gpio": 991}
# As on Raspberry Pi OS; Debian leaves the pins to root.
PINS_RULE = 'SUBSYSTEM=="gpio", GROUP="gpio", MODE="0660"\n'


class Made(NamedTuple):
    """What an emulator boots."""

    kernel: Path
    initrd: Path
    pi3: Path  # device tree of a Pi 3
    image: Path  # ext4


def make() -> Made:
    """All of it; packages and wheels only once. Raises RigError."""
    if os.geteuid():
        raise RigError("must be root, since the device's files have owners; try: sudo make device-test")
    # What belongs to root lies where root looks.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    debian.get_tools(TOOLS)
    BUILD.mkdir(parents=True, exist_ok=True)
    system = make_system()
    (modules,) = (system / "usr/lib/modules").iterdir()
    kernel, initrd, pi3 = system / f"boot/vmlinuz-{modules.name}", BUILD / "initrd", BUILD / "pi3.dtb"
    make_initrd(system, initrd)
    make_tree(system, pi3)
    return Made(kernel, initrd, pi3, make_image(system))


def make_system() -> Path:
    """Debian's packages, unpacked."""
    system = BUILD / f"system-{debian.mark(PACKAGES)}"
    if system.exists():
        return system
    say(f"unpacking Debian {SUITE} for arm64, with its kernel")
    half = debian.fresh(system)
    options = ("--mode=chrootless", "--architectures=arm64", "--variant=extract", f"--hook-dir={HOOKS}")
    run("mmdebstrap", "--quiet", *options, f"--include={','.join(PACKAGES)}", SUITE, str(half))
    (modules,) = (half / "usr/lib/modules").iterdir()
    run("depmod", "-b", str(half), modules.name)
    return debian.finish(half, system)


def needed(system: Path, names: tuple[str, ...]) -> list[Path]:
    """The files of modules and of those that they need, in the order of loading."""
    (modules,) = (system / "usr/lib/modules").iterdir()
    found: dict[Path, None] = {}
    for name in names:
        told = run("modprobe", "-S", modules.name, "-d", str(system), "--show-depends", name)
        found |= {Path(line.split()[1]): None for line in told.splitlines() if line.startswith("insmod")}
    return list(found)


def make_initrd(system: Path, initrd: Path) -> None:
    """A first root that loads modules, checks and mounts the disk and goes there: two programs and a script."""
    half = debian.fresh(initrd)
    for folder in ("bin", "dev", "proc", "sys", "root", "modules"):
        (half / folder).mkdir(parents=True)
    for program in ("usr/bin/busybox", "usr/sbin/e2fsck.static"):
        shutil.copy(system / program, half / "bin")
    shutil.copy(GUEST / "init", half)
    (half / "bin/sh").symlink_to("busybox")
    for number, module in enumerate(needed(system, AT_ONCE)):
        shutil.copyfile(module, half / f"modules/{number:02}-{module.name}")
    names = "\n".join(str(path.relative_to(half)) for path in sorted(half.rglob("*")))
    packed = subprocess.run(
        ["cpio", "--create", "--format=newc", "--quiet"], cwd=half, input=names.encode(), stdout=-1, check=True
    )
    (half / "packed").write_bytes(gzip.compress(packed.stdout, 1))
    (half / "packed").rename(initrd)
    shutil.rmtree(half)


def make_tree(system: Path, pi3: Path) -> None:
    """A Pi 3's device tree with the board's revision in it, which gpiozero asks for."""
    (tree,) = system.glob("usr/lib/linux-image-*/broadcom/bcm2837-rpi-3-b.dtb")
    half = debian.fresh(pi3)
    shutil.copyfile(tree, half)
    run("fdtput", "--create", str(half), "/system")
    run("fdtput", "--type", "x", str(half), "/system", "linux,revision", "a02082")
    half.rename(pi3)


def make_image(system: Path) -> Path:
    """The device's disk: the system, and fer-edge as it is now."""
    say("making the device's disk")
    site = arm.make_site(SUITE, [*arm.requirements(), *extra("gpio")])
    wheel = debian.make_wheel(BUILD / "wheel")
    tree, image = debian.fresh(BUILD / "tree"), BUILD / "device.img"
    try:
        copy(system, tree)
        (modules,) = (tree / "usr/lib/modules").iterdir()
        keep = {path.name for path in needed(tree, AT_ONCE + LATER)}
        for path in modules.rglob("*.ko"):
            if path.name not in keep:
                path.unlink()
        for folder in ("boot", "usr/share/doc", "usr/share/locale", "usr/share/man", *tree.glob("usr/lib/linux-*")):
            shutil.rmtree(tree / folder)
        (tree / "boot").mkdir()
        run("depmod", "-b", str(tree), modules.name)
        add_system(tree)
        add_service(tree, site, wheel)
        add_rig(tree)
        half = debian.fresh(image)
        run("mke2fs", "-q", "-t", "ext4", "-d", str(tree), "-L", "root", str(half), "2G")
        half.rename(image)
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    return image


def extra(name: str) -> list[str]:
    """What pyproject.toml says that an extra needs."""
    lines: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][name]
    return lines


def add_system(tree: Path) -> None:
    """What the installation of Debian's packages would have left, and this rig needs."""
    masters = tree / "usr/share/base-passwd"
    passwd, groups = (masters / "passwd.master").read_text(), (masters / "group.master").read_text()
    for name, number in GROUPS.items():
        if number is None:
            groups = groups.replace(f"\n{name}:*:44:\n", f"\n{name}:*:44:fer-edge\n")
        else:
            groups += f"{name}:x:{number}:fer-edge\n"
    assert groups.count(":fer-edge\n") == len(GROUPS)
    user = f"fer-edge:x:{FER_EDGE}:{FER_EDGE}::/var/lib/fer-edge:/usr/sbin/nologin\n"
    write(tree / "etc/passwd", passwd + user)
    write(tree / "etc/group", groups + f"fer-edge:x:{FER_EDGE}:\n")
    write(tree / "etc/udev/rules.d/99-gpio.rules", PINS_RULE)
    write(tree / "etc/machine-id", "")
    write(tree / "etc/hostname", "device\n")
    write(tree / "etc/fstab", "LABEL=root / ext4 defaults,noatime 0 1\n")
    for service in ("systemd-firstboot", "systemd-pcrphase", "systemd-repart", "serial-getty@"):  # nobody logs in
        (tree / f"etc/systemd/system/{service}.service").symlink_to("/dev/null")
    compile_all(tree / "usr/lib/python3.11", "/usr/lib/python3.11")


def add_service(tree: Path, site: Path, wheel: Path) -> None:
    """What systemd/install.sh leaves on a device, in the same places."""
    environment = tree / "opt/fer-edge/env-20260101000000"
    packages = environment / "lib/python3.11/site-packages"
    packages.parent.mkdir(parents=True)
    (environment / "bin").mkdir()
    copy(site, packages)
    shutil.rmtree(packages / "bin", ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    compile_all(packages, f"/{packages.relative_to(tree)}")
    inside = f"/{environment.relative_to(tree)}"
    for name in ("python", "python3"):
        (environment / "bin" / name).symlink_to("/usr/bin/python3.11")
    home = "home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.11\n"
    write(environment / "pyvenv.cfg", home)
    program = f"#!{inside}/bin/python\nimport sys\nfrom fer_edge.cli import main\nsys.exit(main())\n"
    write(environment / "bin/fer-edge", program, mode=0o755)
    (tree / "opt/fer-edge/current").symlink_to(environment.name)
    systemd = ROOT / "systemd"
    shutil.copy(systemd / "fer-edge.service", environment)
    write(environment / "extras", "gpio\n")
    for path in (systemd / "README.md", *systemd.glob("fer-edge-*.conf")):
        shutil.copy(path, tree / "opt/fer-edge")
    units = tree / "etc/systemd/system"
    shutil.copy(systemd / "fer-edge.service", units)
    enable(tree, "fer-edge")
    command = tree / "usr/local/bin/fer-edge"
    command.parent.mkdir(parents=True, exist_ok=True)
    command.symlink_to("/opt/fer-edge/current/bin/fer-edge")
    state = tree / "var/lib/fer-edge"
    state.mkdir()
    state.chmod(0o750)
    os.chown(state, FER_EDGE, FER_EDGE)


def add_rig(tree: Path) -> None:
    """What the rig looks and listens with, beside the product: nothing of that is changed."""
    place = tree / "opt/device-test"
    place.mkdir()
    for path in GUEST.glob("*.py"):
        shutil.copy(path, place)
    for path in GUEST.glob("*.service"):
        shutil.copy(path, tree / "etc/systemd/system")
        enable(tree, path.stem)
    drop_in = tree / "etc/systemd/system/fer-edge.service.d"
    drop_in.mkdir()
    shutil.copy(GUEST / "fer-edge.conf", drop_in)
    for path in GUEST.glob("*.toml"):
        settings = tree / "etc/fer-edge" / path.name
        settings.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, settings)
        settings.chmod(0o640)
        os.chown(settings, 0, FER_EDGE)
    levels = (int((number + 0.5) * 256 / 7) for number in range(7))
    frames = b"".join(20 * (b"FRAME\n" + bytes([level]) * 160 * 120 + bytes([128]) * 80 * 60 * 2) for level in levels)
    (place / "levels.y4m").write_bytes(b"YUV4MPEG2 W160 H120 F5:1 Ip A1:1 C420\n" + frames)
    write(tree / "etc/modules-load.d/camera.conf", "vivid\n")
    write(tree / "etc/modprobe.d/camera.conf", "options vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0\n")


def enable(tree: Path, service: str) -> None:
    """Start it at boot."""
    wants = tree / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / f"{service}.service").symlink_to(f"/etc/systemd/system/{service}.service")


def compile_all(folder: Path, inside: str) -> None:
    """What an installation does on the device; by this machine, where it has the device's Python."""
    if sys.version_info[:2] == (3, 11):
        options = ("-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", inside)
        subprocess.run([sys.executable, "-m", "compileall", *options, str(folder)], check=False)


def copy(source: Path, target: Path) -> None:
    """A folder, with owners and links as they are."""
    run("cp", "--archive", "--reflink=auto", str(source), str(target))


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """A file of the device."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
