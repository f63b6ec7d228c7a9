"""Rolls signed models out to two devices by the Ansible role in deploy/, over ssh: `make rollout`.

Each device is a Debian 12 in a namespace of processes and mounts, with fer-edge, sudo and an ssh server on loopback.
The models are signed by Debian's minisign and served on loopback. Root on Debian gets what is missing; what it makes
lies in build/rollout (1 GB). Each claim is printed as it is shown.

python3 rigs/rollout.py      # needs ansible-playbook and ansible-lint, which `make rollout` installs
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import debian
import leash
from debian import ROOT, RigError, get_tools, run, say
from service_device import ENVIRONMENT, SHARED

NAME = "mini_xception-int8"
DEVICES = ("hall", "stairs")  # the first is the one that is tried first
BUILD = debian.BUILD / "rollout"
PLAYBOOK = ROOT / "deploy" / "ansible"
TOOLS = {"mmdebstrap": "mmdebstrap", "minisign": "minisign", "ssh": "openssh-client", "unshare": "util-linux"}
FROM_PYPI = ("ansible-playbook", "ansible-lint")
PACKAGES = ("openssh-server", "sudo", "ca-certificates", "python3", "python3-venv")
USER = "pi"
MODELS = "etc/fer-edge/models"
PYTHON = "/opt/fer-edge/bin/python"
START_S = 30.0
IN_NAMESPACE = """
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
exec chroot "$@"
"""
RECAP = re.compile(r"^(\w+) +: ok=\d+ +changed=(\d+) .*?failed=(\d+)", re.MULTILINE)


class Device:
    """A Debian with fer-edge and an ssh server."""

    def __init__(self, name: str, system: Path, wheel: Path, key: str) -> None:
        self.root = BUILD / name
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        run("tar", "--extract", "--file", str(system), "--directory", str(self.root), "--numeric-owner")
        shutil.copy(wheel, self.root / "srv")
        inside(self.root, PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", f"/srv/{wheel.name}")
        keys = self.root / f"home/{USER}/.ssh/authorized_keys"
        keys.parent.mkdir(mode=0o700)
        keys.write_text(key)
        run("chown", "--recursive", "1000:1000", str(keys.parent))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        server = ["/usr/sbin/sshd", "-D", "-e", "-p", str(self.port), "-o", "ListenAddress=127.0.0.1"]
        command = [*namespace(self.root), *server]
        with (BUILD / f"{name}.log").open("w") as log:
            self._process = leash.start(command, "KILL", env=ENVIRONMENT, stdout=log, stderr=log)

    def answers(self) -> bool:
        """Whether its ssh server takes connections."""
        return debian.answers(self.port)

    def models(self) -> dict[str, str]:
        """What is installed: file -> its hash."""
        folder = self.root / MODELS
        return {file.name: digest(file) for file in sorted(folder.glob("*")) if file.is_file()}

    def close(self) -> None:
        """Switch it off: unshare takes all of it along."""
        self._process.kill()
        self._process.wait()


def namespace(root: Path) -> list[str]:
    """What runs the words after it in a Debian, with processes and mounts of its own."""
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return [*unshare, "bash", "-e", "-c", IN_NAMESPACE, "namespace", str(root)]


def inside(root: Path, *command: str) -> None:
    """Run a command in a Debian. Raises RigError."""
    run(
        "env",
        "--ignore-environment",
        *(f"{name}={value}" for name, value in ENVIRONMENT.items()),
        *namespace(root),
        *command,
    )


def make_system(wheel: Path) -> Path:
    """A Debian with what fer-edge needs, made once. Raises RigError."""
    system = BUILD / f"system-{debian.mark([*PACKAGES, (ROOT / 'pyproject.toml').read_text()])}.tar"
    if system.is_file():
        return system
    say("making a Debian 12 with ssh and fer-edge (1 GB, minutes)")
    root = BUILD / "system"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    included = "--include=" + ",".join(PACKAGES)
    run("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", included, "bookworm", str(root))
    for path in ("/etc/resolv.conf", *SHARED):
        (root / path[1:]).unlink(missing_ok=True)
        shutil.copy(path, root / path[1:])
    run("useradd", "--root", str(root), "--create-home", "--uid", "1000", "--shell", "/bin/bash", USER)
    (root / f"etc/sudoers.d/{USER}").write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    (root / "run/sshd").mkdir(exist_ok=True)
    shutil.copy(wheel, root / "srv")
    inside(root, "python3", "-m", "venv", "/opt/fer-edge")
    inside(root, PYTHON, "-m", "pip", "install", "--quiet", f"/srv/{wheel.name}[signed]")
    inside(root, PYTHON, "-m", "pip", "uninstall", "--quiet", "--yes", "fer-edge")  # each run installs its own
    (root / "usr/local/bin/fer-edge").symlink_to("/opt/fer-edge/bin/fer-edge")
    half = debian.fresh(system)
    run("tar", "--create", "--file", str(half), "--directory", str(root), "--numeric-owner", ".")
    shutil.rmtree(root)
    return debian.finish(half, system)


class Site:
    """A folder on a web server, with a key that signs what lies there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._secret = folder / "site", folder / "minisign.key"
        self.folder.mkdir()
        run("minisign", "-G", "-W", "-p", str(folder / "minisign.pub"), "-s", str(self._secret))
        self.key = (folder / "minisign.pub").read_text().splitlines()[1]
        handler = functools.partial(Quiet, directory=str(self.folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/{NAME}.tflite"

    def publish(self, more: int = 0, sign: bool = True) -> str:
        """Put the shipped model there, `more` bytes longer, and so another file that reads as before; its hash."""
        model, card = self.folder / f"{NAME}.tflite", self.folder / f"{NAME}.json"
        model.write_bytes((ROOT / "models" / model.name).read_bytes() + bytes(more))
        told = json.loads((ROOT / "models" / card.name).read_text())
        card.write_text(json.dumps(told | {"bytes": model.stat().st_size, "sha256": digest(model)}))
        for file in (model, card) if sign else ():
            run("minisign", "-S", "-s", str(self._secret), "-m", str(file))
        return digest(model)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing of each request."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def digest(file: Path) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def play(inventory: Path, **variables: object) -> dict[str, tuple[int, int]]:
    """Run the playbook: device -> (changed, failed), of those that it came to."""
    environment = os.environ | {
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_HOME": str(inventory.parent / "a"),
    }
    command = ["ansible-playbook", "-i", str(inventory), "-e", json.dumps(variables), str(PLAYBOOK / "model.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    found = {name: (int(changed), int(failed)) for name, changed, failed in RECAP.findall(done.stdout)}
    if not found:
        raise SystemExit(f"rollout: {done.stdout}{done.stderr}")
    return found


def main() -> None:
    """Make what is missing, then show each claim."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the devices are ended then, too
    if os.geteuid():
        raise SystemExit("rollout: must be root, to make systems; try: sudo make rollout")
    try:
        get_tools(TOOLS)
        if missing := debian.missing(FROM_PYPI):
            raise RigError(f"{', '.join(missing)}: missing; try: make rollout")
        lint = run("ansible-lint", "--offline", "--project-dir", str(PLAYBOOK), str(PLAYBOOK))
        check("ansible-lint has nothing to say", lint, "")
        wheel = debian.make_wheel(BUILD / "wheel")
        system = make_system(wheel)
        with tempfile.TemporaryDirectory() as folder:
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/ssh")
            devices: dict[str, Device] = {}
            try:
                for name in DEVICES:
                    devices[name] = Device(name, system, wheel, Path(folder, "ssh.pub").read_text())
                roll_out(Path(folder), devices)
            finally:
                for device in devices.values():
                    device.close()
    except RigError as cause:
        raise SystemExit(f"rollout: {cause}") from None


def roll_out(folder: Path, devices: dict[str, Device]) -> None:
    """Each claim."""
    end = time.monotonic() + START_S
    while not all(device.answers() for device in devices.values()):
        if time.monotonic() > end:
            raise RigError("a device's ssh server does not answer")
        time.sleep(0.1)
    site, inventory = Site(folder), folder / "devices.ini"
    options = f"-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={folder}/known"
    lines = ["[fer_edge]"]
    lines += [f"{name} ansible_host=127.0.0.1 ansible_port={device.port}" for name, device in devices.items()]
    lines += ["[fer_edge:vars]", f"ansible_user={USER}", f"ansible_ssh_private_key_file={folder}/ssh"]
    lines += [f'ansible_ssh_common_args="{options}"', "ansible_python_interpreter=/usr/bin/python3"]
    lines += [f"fer_edge_model_url={site.url}", f"fer_edge_model_key={site.key}", "fer_edge_model_from_apt=false"]
    inventory.write_text("\n".join(lines) + "\n")
    hall, stairs = (devices[name] for name in DEVICES)
    model = f"{NAME}.tflite"

    first = site.publish()
    check(
        "the first run installs it on both",
        play(inventory, fer_edge_model_sha256=first),
        dict.fromkeys(DEVICES, (1, 0)),
    )
    check("the model is there, on both", [device.models().get(model) for device in (hall, stairs)], [first] * 2)
    check(
        "the second run changes nothing", play(inventory, fer_edge_model_sha256=first), dict.fromkeys(DEVICES, (0, 0))
    )

    second = site.publish(16)
    failing = ["/usr/bin/test", "-e", "/run/it-works-with-the-new-model"]
    stopped = play(inventory, fer_edge_model_sha256=second, fer_edge_model_check=failing)
    check("a check that fails on the first device stops it there", stopped, {DEVICES[0]: (1, 1)})
    check("the other has what it had", [device.models().get(model) for device in (hall, stairs)], [second, first])
    again = play(inventory, fer_edge_model_sha256=second)
    check("it goes on where it stopped", again, {DEVICES[0]: (0, 0), DEVICES[1]: (1, 0)})

    before = [device.models() for device in devices.values()]
    third = site.publish(32, sign=False)
    claim = "a signature of another model stops it at the first device"
    check(claim, play(inventory, fer_edge_model_sha256=third), {DEVICES[0]: (0, 1)})
    site.publish()
    claim = "so does an older model that is signed, too"
    check(claim, play(inventory, fer_edge_model_sha256=third), {DEVICES[0]: (0, 1)})
    check("and both are as they were", [device.models() for device in devices.values()], before)


def check(claim: str, found: object, wanted: object) -> None:
    """Print the claim if it holds, or end the program."""
    if found != wanted:
        raise SystemExit(f"rollout: not so: {claim}: {found}")
    print(f"ok: {claim}", flush=True)


if __name__ == "__main__":
    main()
