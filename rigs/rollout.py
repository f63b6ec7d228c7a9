"""Rolls a signed model out to two devices by the Ansible role in deploy/, twice: the second run changes nothing.

The devices are two folders of models on this machine, by Ansible's local connection; the model is signed by Debian's
minisign and served on loopback. Then the site gives another model, and nothing is installed.

python3 rigs/rollout.py      # needs ansible-playbook and minisign
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from debian import ROOT, RigError, get_tools, run
from fer_edge.classifiers.cards import models_folder

NAME = "mini_xception-int8"
DEVICES = ("hall", "stairs")
PROGRAM = '#!/bin/sh\nPYTHONPATH={edge} exec {python} -m fer_edge "$@"\n'
RECAP = re.compile(r"^(\w+) +: ok=\d+ +changed=(\d+) .*?failed=(\d+)", re.MULTILINE)


def site(folder: Path) -> str:
    """Put a model and its card there, signed; the public key."""
    files = [folder / f"{NAME}.tflite", folder / f"{NAME}.json"]
    for file in files:
        shutil.copy(models_folder() / file.name, file)
    run("minisign", "-G", "-W", "-p", str(folder / "key.pub"), "-s", str(folder.parent / "key"))
    for file in files:
        run("minisign", "-S", "-s", str(folder.parent / "key"), "-m", str(file))
    return (folder / "key.pub").read_text().splitlines()[1]


def play(inventory: Path) -> dict[str, tuple[int, int]]:
    """Run the playbook: device -> (changed, failed)."""
    environment = os.environ | {"ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
    command = ["ansible-playbook", "-i", str(inventory), str(ROOT / "deploy" / "ansible" / "model.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    found = {name: (int(changed), int(failed)) for name, changed, failed in RECAP.findall(done.stdout)}
    if not found:
        raise SystemExit(f"rollout: {done.stdout}{done.stderr}")
    return found


def main() -> None:
    """Print a line for each thing that holds."""
    try:
        get_tools({"minisign": "minisign", "ansible-playbook": "ansible-core"})
    except RigError as cause:
        raise SystemExit(f"rollout: {cause}") from None
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "site").mkdir()
        key = site(folder / "site")
        program = folder / "fer-edge"
        program.write_text(PROGRAM.format(edge=ROOT / "edge", python=sys.executable))
        program.chmod(0o755)
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder / "site"))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            model = folder / "site" / f"{NAME}.tflite"
            lines = ["[fer_edge]"]
            lines += [f"{name} fer_edge_model_folder={folder}/{name}/models" for name in DEVICES]
            lines += ["[fer_edge:vars]", "ansible_connection=local", f"ansible_python_interpreter={sys.executable}"]
            lines += [f"fer_edge_model_program={program}", f"fer_edge_model_key={key}"]
            lines += [f"fer_edge_model_url=http://127.0.0.1:{server.server_port}/{NAME}.tflite"]
            lines += [f"fer_edge_model_sha256={hashlib.sha256(model.read_bytes()).hexdigest()}"]
            inventory = folder / "devices.ini"
            inventory.write_text("\n".join(lines) + "\n")
            check("the first run installs the model on both", play(inventory), dict.fromkeys(DEVICES, (1, 0)))
            check("the second run changes nothing", play(inventory), dict.fromkeys(DEVICES, (0, 0)))
            for name in DEVICES:
                shutil.rmtree(folder / name)
            model.write_bytes(model.read_bytes() + b"\0")
            check("another model stops the roll-out at the first device", play(inventory), {DEVICES[0]: (0, 1)})
            check("and nothing is installed", any((folder / name / "models").exists() for name in DEVICES), False)
            server.shutdown()


def check(claim: str, found: object, wanted: object) -> None:
    """Print the claim if it holds, or end the program."""
    if found != wanted:
        raise SystemExit(f"rollout: not so: {claim}: {found}")
    print(f"ok: {claim}", flush=True)


if __name__ == "__main__":
    main()
