"""Each way in which the program may be started does something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fer_edge import __version__
from fer_edge.cli import COMMANDS, main, parser

ROOT = Path(__file__).parents[2]


def start(*command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "edge"), str(ROOT / "convert")])}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )


@pytest.mark.process
@pytest.mark.parametrize("module", ["fer_edge", "fer_edge.cli"])
def test_module_is_the_command(module: str) -> None:
    done = start("-m", module, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"fer-edge {__version__}\n", "")


@pytest.mark.process
def test_folder_s_name_is_corrected() -> None:
    """In a checkout the package is in the folder edge, which others take for its name."""
    done = start("-m", "edge", "detect", "my photo.jpg")
    assert done.returncode == 1
    assert done.stderr.endswith("or: python -m fer_edge detect 'my photo.jpg'\n")
    assert len(done.stderr.splitlines()) == 1


def test_path_in_the_wrong_place_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that looks like an option, and a source without its option; no password is shown."""
    monkeypatch.chdir(tmp_path)
    Path("-x.jpg").touch()
    for arguments, words in (
        (["detect", "a.jpg", "--jobs", "2", "-x.jpg"], "unrecognized arguments: -x.jpg"),
        (["detect", "-x.jpg"], "a path that begins with a dash is given as ./-x.jpg"),
        (["run", "clip.mp4"], "what is read is given as --source clip.mp4"),
        (["run", "rtsp://ann:geheim@host/x"], "what is read is given as --source rtsp://"),
        (["run", "--nonsense"], "try: fer-edge --help"),
    ):
        assert main(arguments) == 2
        said = capsys.readouterr().err
        assert words in said
        assert "geheim" not in said


@pytest.mark.process
def test_impossible_time_zone_is_utc() -> None:
    """A zone of 25 hours is one to the system, but not to Python."""
    command = [sys.executable, "-c", "from fer_edge.cli import main; main(['models'])"]
    done = subprocess.run(command, env=os.environ | {"TZ": "XXX-25:99"}, capture_output=True, text=True, check=True)
    assert done.stderr == "fer-edge: warning: the variable TZ names no time zone; UTC is used instead\n"


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        (["a.mp4", "--jobs", "2", "b.jpg"], ["a.mp4", "b.jpg"]),
        (["--jobs", "2", "a.mp4", "b.jpg"], ["a.mp4", "b.jpg"]),
        (["a.mp4", "--set", "run.x=1", "b.jpg", "--jobs", "2", "c.jpg"], ["a.mp4", "b.jpg", "c.jpg"]),
        (["--jobs", "2", "--", "-a.jpg"], ["-a.jpg"]),
    ],
)
def test_options_stand_anywhere(given: list[str], paths: list[str]) -> None:
    """Before, after and between the paths."""
    options = parser(["detect"]).parse_args(["detect", *given])
    assert (options.paths, options.jobs) == (paths, 2)


@pytest.mark.parametrize("command", list(COMMANDS))
def test_help_fits_a_terminal(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 80 columns, examples included."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("rnu", "run"),
        ("run --sorce demo", "--source"),
        ("models instal a.tflite", "install"),
        ("detectors install blazefase", "blazeface"),
        ("log prge", "purge"),
        ("bench --runtime opencvv", "opencv"),
        ("completion bsh", "bash"),
    ],
)
def test_mistyped_word_is_answered(given: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A command, an option, an action or one of an option's choices."""
    assert main(given.split()) == 2
    assert capsys.readouterr().err.endswith(f"; did you mean {meant}?\n")
