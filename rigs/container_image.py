"""Builds the image of Containerfile, and runs it and compose.yaml in podman: `make container`.

No registry of images is asked: Debian and the broker are made of Debian's packages, under the names by which
Containerfile and compose.yaml call them. Root on Debian gets what is missing; all that is made lies in build/container
(1.5 GB), and the containers are removed; podman's bridge stays. compose.yaml's own port, 8600, must be free. `--arch
arm64` builds the image for an emulated processor, and reads a picture in it; it is not run as a service there.

python3 rigs/container_image.py [--keep-image] [--arch arm64]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import claims
import debian
import emulated
from debian import ROOT, RigError, say
from service_device import SHARED

BUILD = debian.BUILD / "container"
SUITE = "trixie"
# As debian:trixie-slim has it, and the certificates, which the host's pip may need.
SLIM = ("--variant=minbase", "--include=ca-certificates", "--dpkgopt=path-exclude=/usr/share/doc/*")
BROKER = """FROM {base}
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq --yes --no-install-recommends mosquitto mosquitto-clients
CMD ["/usr/sbin/mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]
"""
# runc, since crun refuses a system that has both versions of cgroups; names are looked up by another program on each.
TOOLS = {"mmdebstrap": "mmdebstrap", "podman": "podman", "runc": "runc", "/usr/bin/catatonit": "catatonit"}
NAMES_ON_12 = {
    "/usr/lib/cni/dnsname": "golang-github-containernetworking-plugin-dnsname",
    "/usr/sbin/dnsmasq": "dnsmasq-base",
}
NAMES = {"/usr/lib/podman/aardvark-dns": "aardvark-dns"}
COMPOSE = "podman-compose>=1.5,<2"
LIMITS = '["nofile=1024:1024", "nproc=1024:1024"]'  # podman's own are more than root has in a container
STARTS_WITHIN_S = 120
NAME = "fer-edge-rig"
DEMO = ROOT / "edge" / "fer_edge" / "demo"
A_SMILE = re.compile(r"Happy \(\d+ %\).*astronaut\.jpg")  # as `fer-edge detect` says it of a picture in there
# Of compose.yaml, and of the documentation, each with what the image is told there.
CONFINED = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--tmpfs=/tmp",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
)
EMULATED = (sys.executable, emulated.__file__)  # runs what stands after it where programs of arm64 run, too
CONFIG = ("run", "--config", "/etc/fer-edge/fer-edge.toml")


def main() -> None:
    """Print a line for each thing that holds; the first that does not ends it."""
    parser = argparse.ArgumentParser(description="Builds the container's image, and runs it and compose.yaml.")
    parser.add_argument("--keep-image", action="store_true", help="run the image of the last time")
    parser.add_argument("--arch", default="amd64", choices=("amd64", "arm64"), help="arm64 is emulated")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the containers are removed then, too
    if os.geteuid():
        raise SystemExit("container: must be root, to start containers; try: sudo make container")
    try:
        if options.arch == "arm64":
            set_up_arm64()
            show_arm64(options.keep_image)
            return
        set_up()
        if not options.keep_image:
            show_build()
        show_image()
        read_a_picture()
        run_alone()
        run_compose()
    except RigError as cause:
        raise SystemExit(f"container: {cause}") from None
    finally:
        podman("rm", "--force", "--ignore", NAME)


# --- what it takes ---


def set_up() -> None:
    """Get the tools, a storage of the rig's own, and what the image is made from. Raises RigError."""
    is_12 = platform.freedesktop_os_release().get("VERSION_ID") == "12" if debian.is_debian() else False
    debian.get_tools(TOOLS | (NAMES_ON_12 if is_12 else NAMES))
    set_storage(BUILD, "overlay")
    if not Path("/run/systemd/system").exists():  # whose timers ask for a container's health; here the rig does
        os.environ["DISABLE_HC_SYSTEMD"] = "true"
    podman("rm", "--force", "--ignore", NAME)  # of a run that was cut off
    base, broker = image_names()
    if not exists(base):
        tar = BUILD / "base.tar"
        say(f"making {base} (0.15 GB)")
        debian.run("mmdebstrap", "--quiet", "--mode=root", *SLIM, "--format=tar", SUITE, str(tar))
        podman("import", str(tar), base, check=True)
        tar.unlink()
    if not exists(broker):
        say(f"making {broker}")
        (BUILD / "Broker").write_text(BROKER.format(base=base))
        build(broker, BUILD / "Broker", BUILD / "networks")
    if not (BUILD / "compose").exists():
        half = debian.fresh(BUILD / "compose")
        debian.pip("install", "--target", str(half), COMPOSE)
        debian.finish(half, BUILD / "compose")


def set_up_arm64() -> None:
    """The same for the build on an emulated processor. Raises RigError."""
    debian.get_tools(emulated.TOOLS | TOOLS)
    folder = debian.BUILD / "container-arm64"
    set_storage(folder, "vfs")  # overlay cannot rename folders of a lower layer in a namespace of users
    base, _ = image_names()
    if not exists(base):
        tar = folder / "base.tar"
        say(f"making {base} for arm64 (0.15 GB)")
        command = ("mmdebstrap", "--quiet", "--mode=root", *SLIM, "--format=tar", SUITE, str(tar))
        debian.run(*EMULATED, *command, "--architectures=arm64", "--skip=check/qemu", "--skip=output/dev")
        podman("import", "--arch=arm64", str(tar), base, check=True)
        tar.unlink()


def set_storage(folder: Path, driver: str) -> None:
    """Have podman keep all that it makes in `folder`."""
    (folder / "networks").mkdir(parents=True, exist_ok=True)
    storage = f'[storage]\ndriver = "{driver}"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n'
    (folder / "storage.conf").write_text(storage)
    network = f'[network]\nnetwork_config_dir = "{folder}/networks"\n[containers]\ndefault_ulimits = {LIMITS}\n'
    (folder / "containers.conf").write_text(f'{network}[engine]\nruntime = "runc"\n')
    os.environ["CONTAINERS_STORAGE_CONF"] = str(folder / "storage.conf")
    os.environ["CONTAINERS_CONF"] = str(folder / "containers.conf")


# A build takes from the network what it needs as this machine does, with its certificates, which stay out of the image.
BUILDING = (
    "--pull=never",
    "--isolation=chroot",
    "--network=host",
    "--format=docker",
    *(f"--volume={path}:{path}:ro" for path in SHARED),
)


def build(image: str, file: Path, folder: Path, *options: str) -> None:
    """Build an image. Raises RigError."""
    podman("build", *BUILDING, *options, "--tag", image, "--file", str(file), str(folder), check=True)


def image_names() -> tuple[str, str]:
    """What the image begins with, and the broker: as Containerfile and compose.yaml call them."""
    base = re.search(r"^ARG BASE=(\S+)$", (ROOT / "Containerfile").read_text(), re.MULTILINE)
    broker = re.search(r"^    image: (\S+mosquitto\S*)$", (ROOT / "compose.yaml").read_text(), re.MULTILINE)
    assert base
    assert broker
    return base[1], broker[1]


def exists(image: str) -> bool:
    """Whether the rig's storage has it."""
    return subprocess.run(["podman", "image", "exists", image], check=False).returncode == 0


def podman(*arguments: str, check: bool = False, within: Sequence[str] = ()) -> str:
    """What podman prints, errors too, `within` a command. Raises RigError if it must not fail and does."""
    if not shutil.which("podman"):
        return ""
    done = subprocess.run(
        [*within, "podman", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if check and done.returncode:
        raise RigError(f"{done.stdout}podman {' '.join(arguments)}: exit code {done.returncode}")
    return done.stdout


# --- what is shown ---


def show_build() -> None:
    """The image, from nothing but the base."""
    begun = time.monotonic()
    build("fer-edge", ROOT / "Containerfile", ROOT, "--no-cache")
    print(f"builds in {(time.monotonic() - begun) / 60:.1f} min", flush=True)


def show_image() -> None:
    """Its size, and who it runs as."""
    (found,) = json.loads(podman("image", "inspect", "fer-edge", check=True))
    claim(f"has {found['Size'] / 1e6:.0f} MB", found["Size"] < 0.6e9)
    health = found.get("Healthcheck") or found["Config"].get("Healthcheck")  # podman's, Docker's
    claim("knows how to ask for its health", "/healthz" in str(health))
    who = podman("run", "--rm", "--network=none", "--entrypoint=id", "fer-edge", check=True).strip()
    claim(f"runs as {who}", who.startswith("uid=10001(fer-edge) gid=10001(fer-edge)") and "44(video)" in who)


def show_arm64(keep_image: bool) -> None:
    """The image of arm64, from nothing but the base, and that it reads a picture as who it runs as."""
    if not keep_image:
        begun = time.monotonic()
        options = ("--no-cache", "--arch=arm64")
        podman("build", *BUILDING, *options, "--tag=fer-edge", str(ROOT), check=True, within=EMULATED)
        print(f"arm64: builds in {(time.monotonic() - begun) / 60:.1f} min", flush=True)
    (found,) = json.loads(podman("image", "inspect", "fer-edge", check=True))
    claim(f"arm64: has {found['Size'] / 1e6:.0f} MB", found["Architecture"] == "arm64" and found["Size"] < 0.6e9)
    root = Path(podman("image", "mount", "fer-edge", check=True).strip())
    try:
        (picture,) = root.glob("opt/fer-edge/lib/python3*/site-packages/fer_edge/demo/astronaut.jpg")
        user = ("setpriv", "--reuid=10001", "--regid=10001", "--clear-groups")
        command = ("/opt/fer-edge/bin/fer-edge", "detect", f"/{picture.relative_to(root)}")
        # Without /sys: the interpreter takes the machine's own processor in there for the emulated one, and crashes.
        said = debian.run(*emulated.chroot(root), *user, *command)
    finally:
        podman("image", "unmount", "fer-edge")
    claim("arm64: reads a picture", A_SMILE.search(said))


def read_a_picture() -> None:
    """As container/README.md says it, but on the demo's own pictures."""
    command = ("run", "--rm", "--read-only", "--tmpfs=/tmp", "--network=none", f"--volume={DEMO}:/pictures:ro")
    said = podman(*command, "fer-edge", "detect", "/pictures", check=True)
    claim("reads a picture, without a network", A_SMILE.search(said))


def run_alone() -> None:
    """The page, its health, signals, a token, and the end."""
    token = BUILD / "token"
    secret = secrets.token_hex(16)
    token.write_text(secret)
    token.chmod(0o640)
    os.chown(token, 0, 10001)
    start = ("run", "--detach", "--name", NAME, *CONFINED, "--publish=127.0.0.1::8600")  # on a port that is free
    begun = time.monotonic()
    podman(*start, "fer-edge", check=True)
    until("is healthy", lambda: not podman("healthcheck", "run", NAME).strip())
    print(f"is healthy {time.monotonic() - begun:.1f} s after the command", flush=True)
    port = published()
    claim("shows the page", b"<html" in get(port, "/")[1])
    inside = podman(
        "exec", NAME, "sh", "-c", "touch /etc/x /opt/fer-edge/x; touch /var/lib/fer-edge/x /tmp/x && echo written"
    )
    claim("writes where it may, and nowhere else", inside.count("Read-only") == 2 and "written" in inside)
    podman("kill", "--signal=HUP", NAME, check=True)
    until("reads its settings again on HUP", lambda: "settings read again" in podman("logs", NAME))
    podman("kill", "--signal=USR1", NAME, check=True)
    until("pauses on USR1", lambda: b'"paused"' in get(port, "/api/v1/status")[1])
    begun = time.monotonic()
    podman("stop", "--time=15", NAME, check=True)
    print(f"ends in {time.monotonic() - begun:.1f} s", flush=True)
    said = podman("logs", NAME)
    code = podman("inspect", "--format={{.State.ExitCode}}", NAME, check=True).strip()
    claim("ends as it should", code in ("0", "143") and "Traceback" not in said)
    peak = re.search(r"peak memory (\d+) MB", said)
    claim(f"takes {peak[1] if peak else '?'} MB at most", peak and int(peak[1]) < 400)
    podman("rm", "--force", NAME)
    with_token = ("--set", "kiosk.insecure=false", "--set", "kiosk.token_file=/etc/fer-edge/token")
    podman(*start, f"--volume={token}:/etc/fer-edge/token:ro", "fer-edge", *CONFIG, *with_token, check=True)
    port = published()
    until("asks for its token", lambda: get(port, "/api/v1/status")[0] == 401)
    claim("takes its token", get(port, "/api/v1/status", secret)[0] == 200)
    token.unlink()
    podman("rm", "--force", NAME)


def run_compose() -> None:
    """compose.yaml as it is: the page on its port, and messages on its broker."""
    folder = BUILD / "compose"
    compose = [sys.executable, "-m", "podman_compose", "--file", str(ROOT / "compose.yaml")]
    environment = {"PYTHONPATH": str(folder)}
    debian.run(*compose, "down", "--volumes", environment=environment)
    try:
        debian.run(*compose, "up", "--detach", "--no-build", environment=environment)
        until("compose: the page answers", lambda: get(8600, "/healthz")[0] == 200)
        ask = ("exec", "fer-edge_broker_1", "mosquitto_sub", "-t", "fer-edge/+/state", "-C", "1", "-W", "5")
        until("compose: the broker has a message", lambda: '"faces"' in podman(*ask))
        device = json.loads(podman(*ask).splitlines()[-1])["device"]
        claim(f"compose: its device is {device}, as compose.yaml says", device == "container")
    finally:
        debian.run(*compose, "down", "--volumes", environment=environment)


def published() -> int:
    """The port on this machine that is the container's page."""
    return int(podman("port", NAME, "8600", check=True).rpartition(":")[2])


def get(port: int, path: str, token: str = "") -> tuple[int, bytes]:
    """Status and body of a page; (0, b"") if nothing answers."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, b""
    except OSError:
        return 0, b""


def claim(text: str, holds: object) -> None:
    """Print what holds. Raises RigError if it does not."""
    if not holds:
        raise RigError(f"NOT: {text}\n{podman('logs', NAME)[-3000:]}")
    print(text, flush=True)


def until(text: str, holds: Callable[[], object]) -> None:
    """Claim what takes a while. Raises RigError."""
    claims.until(text, STARTS_WITHIN_S, holds, lambda: podman("logs", NAME)[-3000:])


if __name__ == "__main__":
    main()
