"""`fer-edge completion`: prints what a shell needs to complete commands, options and names."""

from __future__ import annotations

import argparse
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "completions"
FILES = {"bash": "fer-edge.bash", "zsh": "_fer-edge", "fish": "fer-edge.fish"}
MAN_PAGE = "fer-edge.1"
HOW = """\
where to put it:
  bash  ~/.local/share/bash-completion/completions/fer-edge
  zsh   ~/.zfunc/_fer-edge (with fpath+=~/.zfunc before compinit)
  fish  ~/.config/fish/completions/fer-edge.fish
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument("what", choices=(*FILES, "man"), help="the shell; man: the manual page")
    parser.epilog = f"{HOW}\n{parser.epilog}"


def run(options: argparse.Namespace) -> int:
    """Print the file."""
    print((FOLDER / FILES.get(options.what, MAN_PAGE)).read_text(encoding="utf-8"), end="")
    return 0
