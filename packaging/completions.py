"""Makes what shells and `man` need from the command line's own parser: the files in edge/fer_edge/completions.

pip install shtab argparse-manpage && python packaging/completions.py [FOLDER]   # a test holds the files to the parser
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage
from fer_edge.classifiers.cards import scan
from fer_edge.cli import COMMANDS, EXAMPLES, parser
from fer_edge.commands.completion import FILES, FOLDER, MAN_PAGE
from fer_edge.settings_reference import tables
from fer_edge.sinks import SINKS
from fer_edge.sinks.kiosk.i18n import shipped

SOURCES = ("auto", "picamera", "camera:0", "demo", "tour")
MAN_HEAD = """\
.TH FER-EDGE "1" "" "fer-edge" "User Commands"
.SH NAME
fer\\-edge \\- read facial expressions on the device
"""


def main(folder: Path) -> None:
    """Write all files."""
    os.environ["COLUMNS"] = "80"
    for shell, name in FILES.items():
        (folder / name).write_text(completion(shell), encoding="utf-8")
    (folder / MAN_PAGE).write_text(man_page(), encoding="utf-8")


def completion(shell: str) -> str:
    """The script of `shell`."""
    top = parser((), whole=True)
    _add_names(top)
    text = shtab.complete(top, shell)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _add_names(one: argparse.ArgumentParser) -> None:
    """Say what arguments may be: names as choices, which only completion reads, and files."""
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                _add_names(sub)
            continue
        kind = str(action.metavar or "")
        names = {
            "sink": list(SINKS),
            "only_sink": list(SINKS),
            "language": shipped(),
            "models": sorted({"all", *(card.name for card in scan()[0])}),
            "names": [entry.name for table in tables() for entry in (table, *table.settings)],
        }.get(action.dest)
        if names:
            action.choices = names
        elif action.dest == "source" and one.prog == "fer-edge run":
            action.choices = list(SOURCES)
        elif re.search("FILE|PATH|OLD.json", kind) or action.dest == "source":
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif re.search("FOLDER|DIR", kind):
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]


def man_page() -> str:
    """The page of section 1, without a date, so that it is the same every day."""
    top = parser((), whole=True)
    data = {"project_name": "fer-edge", "prog": "fer-edge", "long_description": "", "url": "", "authors": []}
    text = str(Manpage(top, data))
    text = MAN_HEAD + text[text.index(".SH SYNOPSIS") :]
    return text.rstrip() + "\n" + "".join(_examples()) + ".SH SEE ALSO\nfer\\-edge settings, fer\\-edge outputs\n"


def _examples() -> Iterator[str]:
    yield ".SH EXAMPLES\n.nf\n"
    for name in COMMANDS:
        for example in EXAMPLES[name]:
            yield f"fer\\-edge {example}\n".replace("-", "\\-").replace("\\\\-", "\\-")
    yield ".fi\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
