"""The rigs that take minutes, each as one test: `make rigs`. What each shows stands in its own file beside this one.

Two run at a time, since they mostly wait; but one service at a time, since its containers share a folder.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
from card_writes import UNABLE

HERE = Path(__file__).parent
on_debian_as_root = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/etc/debian_version").exists() or platform.machine() != "x86_64",
    reason="needs Debian on x86-64, and root",
)


def run(program: str, *words: str) -> str:
    """What the rig prints; it must end well."""
    command = [sys.executable, str(HERE / program), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        try:
            out, _ = child.communicate()
        except BaseException:  # the time is over: it is to end its containers and servers itself
            child.terminate()
            raise
    if child.returncode == UNABLE:
        pytest.skip(out.strip())
    assert child.returncode == 0, out[-9000:]
    return out


@on_debian_as_root
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.rig("service")
@pytest.mark.xdist_group("service")
@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_the_service_is_installed_lives_and_goes(suite: str) -> None:
    assert f"{suite}: removed, with all it had" in run("service.py", suite)


@on_debian_as_root
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.rig("service")
@pytest.mark.xdist_group("service")
def test_a_service_with_old_packages_upgrades() -> None:
    """Its settings and its log stay, and it can be taken back."""
    assert "the report reads the log of both" in run("service_before.py")


@on_debian_as_root
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.rig("soak")
def test_each_fault_is_got_over_once() -> None:
    """Whether anything grows takes longer to say: `make soak`."""
    table = run("soak.py", "9")
    assert re.findall(r"^\| (.+) \| 1 \| [\d.]+ s \| [\d.]+ s \|$", table, re.MULTILINE) == [
        "camera gone",
        "broker killed",
        "disk full",
        "camera silent",
        "another model",
        "webhook's server gone",
        "model spoilt",
        "settings read again",
        "paused",
    ]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.rig("home-assistant")
def test_home_assistant_finds_and_shows_the_device() -> None:
    pytest.skip("sets up two gigabytes and takes ten minutes, so it is run by hand: make home-assistant")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.rig("device")
def test_a_whole_device() -> None:
    pytest.skip("emulates a whole machine and takes long, so it is run by hand: make device-test")


@on_debian_as_root
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.rig("card")
def test_what_a_day_writes_is_bounded_by_the_flushes() -> None:
    """The mode `changes` costs a flush every five seconds at most, whatever happens in front of the camera."""
    table = run("card_writes.py")
    rows = re.findall(r"^\| ([^|]+?) \| ([\d.]+) MB \| ([\d.]+) MB \| ([\d.]+) MB \|$", table, re.MULTILINE)
    assert len(rows) == 4
    for words, five, sixty, lines in rows:
        assert float(five) >= float(sixty) >= float(lines) > 0
        assert "frames" in words or float(five) < 350


@pytest.mark.process
@pytest.mark.rig("attack")
def test_mutated_text_is_an_answer_or_a_message() -> None:
    """The shortest of the attacks; `make attack` runs them all, with more cases."""
    command = [sys.executable, "-m", "attack.parsers", "1000"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.rig("attack")
@pytest.mark.parametrize("door", ["pictures"])
def test_attacked_door_holds(door: str) -> None:
    """The door that most depends on the system; `make attack` tries all of them."""
    command = [sys.executable, "-m", f"attack.{door}"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
