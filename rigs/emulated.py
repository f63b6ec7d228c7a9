"""Runs a whole Debian of another processor in a chroot: each of its programs by QEMU, by the kernel's binfmt_misc.

The kernel keeps that table for each user namespace (Linux 6.7 or later), so this machine's own stays as it is. All
users are mapped to themselves: what is written belongs to whom it would belong to.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

QEMU = "/usr/bin/qemu-aarch64-static"
TOOLS = {"mmdebstrap": "mmdebstrap", QEMU: "qemu-user-static"}
# The start of an ELF file for aarch64, and which of its bits count; O: opened by the kernel, C: with the rights of the
# program, as sudo needs; F: found once, so that a chroot needs no QEMU of its own; P: a program is called what it is
# called, since a login shell is one by its name.
MAGIC = r"\x7fELF\x02\x01\x01" + r"\x00" * 9 + r"\x02\x00\xb7\x00"
MASK = r"\xff" * 7 + r"\x00" + r"\xff" * 8 + r"\xfe\xff\xff\xff"
ENTRY = f":aarch64:M::{MAGIC}:{MASK}:{QEMU}:POCF"
INSIDE = """
read -r mapped
mount -t proc proc /proc
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc || exit 125
printf '%s' "$1" > /proc/sys/fs/binfmt_misc/register || exit 125
shift
exec "$@"
"""
IN_CHROOT = """
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
exec chroot "$@"
"""


def run(command: Sequence[str]) -> int:
    """The exit code of a command in the namespace; 125 if the kernel has no table for one."""
    unshare = ["unshare", "--user", "--mount", "--pid", "--fork", "--kill-child"]
    child = subprocess.Popen([*unshare, "bash", "-c", INSIDE, "emulated", ENTRY, *command], stdin=subprocess.PIPE)
    assert child.stdin
    first = ""
    while not first and child.poll() is None:  # until unshare has forked
        first = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().strip()
    for name in ("uid_map", "gid_map") if first else ():
        Path("/proc", first, name).write_text("0 0 4294967295\n")
    child.stdin.write(b"\n")
    child.stdin.close()
    return child.wait()


def chroot(root: Path) -> list[str]:
    """What runs the words after it in a Debian of another processor."""
    return [sys.executable, __file__, "bash", "-c", IN_CHROOT, "chroot", str(root)]


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
