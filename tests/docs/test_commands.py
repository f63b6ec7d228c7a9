"""Every block of commands in the documentation is run, or says why not; every other block is what it says it is."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from doc_pages import FENCE, KINDS, ROOT, Block, blocks, blocks_of, pages
from fer_edge import settings
from fer_edge.demo import PORTRAIT

LANGUAGES = {"sh", "text", "toml", "python", "yaml", "{toctree}", "{eval-rst}"}
ACTIONS = {"skip", "exit", "stop", "needs", "long", "file", "run"}
TIME_LIMIT_S = 300  # of one block, on a machine that is busy with other work
LONG_LIMIT_S = 1800  # of one that is marked long
# fer-edge as it is called in a block: without a camera of this machine, and with the kiosk on a port that is free.
CALL = """#!/bin/sh
case "$*" in
  run*--source*) ;;
  run*) set -- "$@" --source demo ;;
esac
case "$*" in run*kiosk*) set -- "$@" --set kiosk.port={port} ;; esac
exec {python} -m fer_edge "$@"
"""


def line(hour: int, kind: str) -> str:
    """A line of the log, on the day that the report's example is about."""
    face = {
        "id": 1,
        "box": [10, 10, 90, 90],
        "emotion": "happy",
        "confidence": 0.9,
        "scores": {"happy": 0.9, "sad": 0.1},
    }
    return json.dumps(
        {
            "time": f"2026-03-27T{hour:02}:00:00+00:00",
            "source": "camera:0",
            "frame": hour,
            "faces": [face] if kind == "came" else [],
            "events": [{"kind": kind, "id": 1, "emotion": "happy"}],
        }
    )


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a clone of the repository, in which something was recorded and pictures lie."""
    folder = tmp_path_factory.mktemp("docs")
    for name in ("models", "rigs", "systemd", "convert"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "edge" / "fer_edge" / "demo", folder / "edge" / "fer_edge" / "demo")
    (folder / "pictures").mkdir()
    shutil.copy(PORTRAIT, folder / "portrait.jpg")
    shutil.copy(PORTRAIT, folder / "pictures" / "portrait.jpg")
    cv2.imwrite(str(folder / "pictures" / "wall.png"), np.full((240, 320, 3), 180, np.uint8))
    (folder / "fer-edge.jsonl").write_text(f"{line(9, 'came')}\n{line(10, 'gone')}\n", encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    programs = {
        "fer-edge": CALL.format(python=sys.executable, port=port),
        "fer-convert": f'#!/bin/sh\nexec {sys.executable} -m fer_convert "$@"\n',
        "python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
    }
    (folder / ".bin").mkdir()
    for name, text in programs.items():
        path = folder / ".bin" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


def environment(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FER_", "PYTEST"))}
    search = f"{folder / '.bin'}:{kept['PATH']}"
    modules = os.pathsep.join([str(ROOT / "edge"), str(ROOT / "convert")])
    return kept | {"PATH": search, "HOME": str(folder), "PYTHONPATH": modules, "TF_ENABLE_ONEDNN_OPTS": "0"}


def run(block: Block, folder: Path) -> tuple[int, str]:
    """The exit code and what was printed. A block with `stop` is interrupted when its words were printed."""
    words = block.value if block.action == "stop" else "\0"
    command = ["bash", "-euo", "pipefail", "-c", block.text]
    if block.language == "python":
        command = [sys.executable, "-c", block.text]
    printed, stopped = "", False
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        limit_s = LONG_LIMIT_S if block.action == "long" else TIME_LIMIT_S
        limit = threading.Timer(limit_s, os.killpg, (child.pid, signal.SIGKILL))
        limit.start()
        for each in child.stdout:
            printed += each
            if words in each and not stopped:
                os.killpg(child.pid, signal.SIGINT)
                stopped = True
        limit.cancel()
    if block.action == "stop" and not stopped:
        pytest.fail(f"it ended before it printed {words!r}:\n{printed}")
    return child.returncode, printed


def params(*languages: str) -> Iterator[object]:
    """The blocks that are run, and those that are skipped, with their reason."""
    for block in blocks(*languages):
        if block.language == "python" and block.action != "run":
            continue
        marks = [pytest.mark.timeout(TIME_LIMIT_S + 20)]
        if block.action == "skip":
            marks = [pytest.mark.skip(reason=f"{block}: {block.value}")]
        if block.action == "long":
            marks = [pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(LONG_LIMIT_S + 20)]
        yield pytest.param(block, id=str(block), marks=marks)


@pytest.mark.process
@pytest.mark.parametrize("block", list(params("sh", "python")))
def test_block_runs(block: Block, sandbox: Path) -> None:
    """In the order of the page, in one folder."""
    if block.action in ("needs", "long"):
        for module in block.value.partition(":")[0].split(", "):
            pytest.importorskip(module, exc_type=ImportError)
    for file in blocks("python"):
        if file.page == block.page and file.action == "file":
            (sandbox / file.value).write_text(file.text, encoding="utf-8")
    if block.action == "long":  # run by itself, it lacks what the short ones above it make
        for above in blocks("sh"):
            if above.page == block.page and above.line < block.line and above.action not in ("skip", "long"):
                assert run(above, sandbox)[0] == 0
    expected = {"exit": block.value.split(", "), "stop": ["130", "0", "-2"]}.get(block.action, ["0"])
    code, printed = run(block, sandbox)
    assert str(code) in expected, f"{block}: exit code {code}\n{printed}"


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_settings_are_read(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "fer-edge.toml"
    path.write_text(block.text, encoding="utf-8")
    settings.load(path)
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_parses(block: Block) -> None:
    assert ast.parse(block.text).body


def test_each_block_says_what_it_is() -> None:
    """A block without a language is neither run nor shown with its colours."""
    for block in blocks():
        assert block.language in LANGUAGES, f"{block}: {block.language!r}; commands are sh, what they print is text"
        assert not block.action or block.action in ACTIONS, f"{block}: {block.action}"
        if block.action == "skip":
            kinds, _, reason = block.value.partition(": ")
            assert set(kinds.split(", ")) <= KINDS, f"{block}: {kinds}"
            assert len(reason.split()) > 2, f"{block}: why?"


CALLED = re.compile(
    r"(?:^|&& |; |\| )(?:sudo )?(?:[A-Z_]+=\S+ )*(?:[\w.~/-]*/)?"
    r"(?P<program>fer-edge|fer-convert|install\.sh|make)(?P<rest>(?: [^\n`|;&#)]*)?)",
    re.MULTILINE,
)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def calls() -> Iterator[tuple[str, str, str]]:
    """(page, program, arguments) of each command in a block of `sh`, run or not, and in a line of text."""
    for path in pages():
        text = path.read_text(encoding="utf-8")
        page = str(path.relative_to(ROOT))
        joined = "\n".join(block.text.replace("\\\n", " ") for block in blocks_of(page, text) if block.language == "sh")
        inline = "\n".join(CODE.findall(FENCE.sub("", text)))
        for match in CALLED.finditer(f"{joined}\n{inline}"):
            yield page, match["program"], match["rest"]


def known_options(program: str, arguments: list[str]) -> set[str]:
    """The options that a program's command takes; an unknown command fails."""
    if program == "install.sh":
        return set(re.findall(r"--[a-z]+", (ROOT / "systemd" / "install.sh").read_text(encoding="utf-8")))
    module = importlib.import_module("fer_edge.cli" if program == "fer-edge" else "fer_convert.cli")
    parser = module.parser(arguments) if program == "fer-edge" else module._parser()
    known = set(parser._option_string_actions)
    for word in arguments:
        sub = [action for action in parser._actions if isinstance(action.choices, dict)]
        if not sub or word.startswith("-"):
            break
        assert word in sub[0].choices, f"{program} {word}: no such command"
        parser = sub[0].choices[word]
        known |= set(parser._option_string_actions)
    return known


def test_options_exist() -> None:
    """Of each command that a page names, also where it is not run; and each target of make."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    checked = 0
    for page, program, rest in calls():
        words = [word.strip("[]'\"") for word in rest.split()]
        if page == "CHANGELOG.md" or not words or words[0] == "hall" or not re.match("[a-z-]", words[0]):
            continue  # a version's own words; no command; the name of a device
        checked += 1
        if program == "make":
            assert words[0] in targets or "=" in words[0], f"{page}: make {rest}"
            continue
        options = {word.partition("=")[0] for word in words if re.match("--[a-z]", word)}
        unknown = options - known_options(program, words)
        assert not unknown, f"{page}: {program}{rest}: {sorted(unknown)}"
    assert checked > 100
