"""What shells and `man` get holds every command and option; packaging/completions.py makes it anew."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fer_edge.cli import COMMANDS, EXAMPLES, main, parser
from fer_edge.commands.completion import FILES, FOLDER, MAN_PAGE
from fer_edge.sinks import SINKS

AGAIN = "made anew by: python packaging/completions.py"


def options(one: argparse.ArgumentParser) -> Iterator[str]:
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from options(sub)
        elif action.help != argparse.SUPPRESS:
            yield from (name for name in action.option_strings if name.startswith("--") and name != "--help")


@pytest.mark.parametrize("what", [*FILES, "man"])
def test_files_know_all_options(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An option that was added, and a command, is completed and described."""
    assert main(["completion", what]) == 0
    text = capsys.readouterr().out.replace("\\-", "-")
    known = [*COMMANDS, *options(parser((), whole=True)), *(SINKS if what != "man" else ())]
    short = [f"-l {name.lstrip('-')}" if what == "fish" and name.startswith("--") else name for name in known]
    assert [name for name in short if name not in text] == [], AGAIN
    assert str(Path.home()) not in text  # of whoever made it


@pytest.mark.process
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("rep", "report"),
        ("run --only", "--only-sink"),
        ("run --sink kio", "kiosk"),
        ("run --sink kiosk --log-mode fr", "frames"),
        ("models ins", "install"),
        ("settings log.mo", "log.mode"),
        ("report --language j", "ja"),
    ],
)
def test_bash_completes(words: str, found: str) -> None:
    """In bash itself."""
    if (bash := shutil.which("bash")) is None:
        pytest.skip("no bash")
    script = (
        f"source {FOLDER / FILES['bash']}; COMP_WORDS=(fer-edge {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
        "made=$(complete -p fer-edge); made=${made##*-F }; ${made%% *} fer-edge; echo ${COMPREPLY[@]}"
    )
    done = subprocess.run([bash, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == (found, "")


@pytest.mark.process
@pytest.mark.parametrize(("shell", "check"), [("zsh", ("zsh", "-n")), ("fish", ("fish", "--no-execute"))])
def test_other_shells_read_theirs(shell: str, check: tuple[str, ...]) -> None:
    if shutil.which(check[0]) is None:
        pytest.skip(f"no {shell}")
    done = subprocess.run([*check, FOLDER / FILES[shell]], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.process
def test_man_page_is_without_warnings() -> None:
    if (groff := shutil.which("groff")) is None:
        pytest.skip("no groff")
    command = [groff, "-man", "-Tutf8", "-ww", "-z", FOLDER / MAN_PAGE]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""


def test_each_command_has_examples() -> None:
    assert list(EXAMPLES) != []
    assert set(EXAMPLES) == set(COMMANDS)
    assert "fer-edge " not in "".join(map("".join, EXAMPLES.values()))
