"""The rigs that take minutes, each as one test: `make rigs`. What each shows stands in its own file beside this one.

Two files run at a time, since they mostly wait. The service's rigs share a folder and a network, so they are one file.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from rig_tests import on_debian_as_root, run

HERE = Path(__file__).parent


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
