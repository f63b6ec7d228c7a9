"""What the image is made of, and that it starts with settings that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fer_edge import cli, settings
from fer_edge.commands import run
from fer_edge.commands.run_outputs import DefaultOutputs

ROOT = Path(__file__).parents[2]
CONTAINERFILE = (ROOT / "Containerfile").read_text()
SHIPPED = ROOT / "container" / "fer-edge.toml"


def test_image_is_made_of_files_there_are() -> None:
    """Each file that is copied is there, and .dockerignore lets it in."""
    lines = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", CONTAINERFILE, re.MULTILINE)
    copied = [name for line in lines for name in line.split()]
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert {"edge", "convert", "models", "pyproject.toml"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists(), name
        assert any(path == name or path.startswith(f"{name}/") for path in let_in), name


def test_image_starts_without_being_root() -> None:
    final = CONTAINERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (?!root|0)", final, re.MULTILINE)
    assert "\nHEALTHCHECK " in final


def test_users_group_is_the_documented_one() -> None:
    """A token that is given to that group must be readable in the image."""
    documented = re.search(r"chgrp (\d+) token", (ROOT / "container" / "README.md").read_text())
    made = re.search(r"groupadd --gid (\d+) fer-edge", CONTAINERFILE)
    assert documented
    assert made
    assert documented[1] == made[1]
    assert f"--gid {made[1]} " in CONTAINERFILE.partition("useradd")[2]


def test_containers_settings_are_valid() -> None:
    """They are the image's; a page that other devices reach needs a decision, which its own file takes."""
    loaded = settings.load(SHIPPED)
    assert loaded.kiosk.address == "0.0.0.0"
    assert loaded.kiosk.insecure
    assert str(loaded.log.path).startswith("/var/lib/fer-edge/")
    assert "kiosk" in loaded.run.sinks


@pytest.mark.parametrize("name", ["Containerfile", "compose.yaml"])
def test_containers_command_is_understood(name: str) -> None:
    if name == "Containerfile":
        arguments = json.loads(re.search(r"^CMD (\[.*\])$", CONTAINERFILE, re.MULTILINE)[1])
    else:
        line = re.search(r"^    command: \[(.*)\]$", (ROOT / name).read_text(), re.MULTILINE)
        arguments = line[1].split(", ")
    assert "/etc/fer-edge/fer-edge.toml" in arguments
    given = [word.replace("/etc/fer-edge/fer-edge.toml", str(SHIPPED)) for word in arguments]
    found = run._read(cli.parser(given).parse_args(given), DefaultOutputs())
    assert found.kiosk.insecure
    assert ("mqtt" in found.run.sinks) == (name == "compose.yaml")
    assert bool(found.mqtt.device) == (name == "compose.yaml")  # else each new container is a new device


def test_compose_shows_the_page_here_alone() -> None:
    """The page has no token in there, so its port is published on this device's own address."""
    published = re.findall(r'ports: \["(.*)"\]', (ROOT / "compose.yaml").read_text())
    assert published == ["127.0.0.1:8600:8600"]
