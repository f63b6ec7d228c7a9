"""`fer-edge settings`: each setting with its value, its default, what it may be, and what it means."""

from __future__ import annotations

import argparse
from pathlib import Path

from fer_edge import settings_reference as reference
from fer_edge.commands.options import add_settings_options, read_settings
from fer_edge.errors import SettingsError, counted
from fer_edge.settings import load
from fer_edge.suggest import did_you_mean


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument("names", metavar="NAME", nargs="*", help="a table, as in log, or a setting, as in log.mode")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--toml", action="store_true", help="print a settings file; what has its default is a comment")
    kind.add_argument("--markdown", action="store_true", help="print docs/settings.md")
    kind.add_argument("--check", metavar="FILE", type=Path, help="say whether a settings file is right")
    add_settings_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print what was asked for. Raises SettingsError."""
    _check_options(options)
    if options.check:
        _check(options.check)
    elif options.markdown:
        print(reference.as_markdown(), end="")
    elif options.toml:
        print(reference.as_toml(read_settings(options, {})), end="")
    else:
        _check_names(options.names)
        print(reference.as_text(read_settings(options, {}), options.names))
    return 0


def _check_options(options: argparse.Namespace) -> None:
    """Refuse what would change nothing. Raises SettingsError."""
    kind = next((name for name in ("toml", "markdown", "check") if getattr(options, name)), "")
    if kind and options.names:
        raise SettingsError(f"{options.names[0]}: --{kind} is about all settings; leave out one of the two")
    own = {
        "--config": options.config,
        "--set": options.set,
        "--max-faces": options.max_faces,
        "--min-face": options.min_face,
        "--threads": options.threads,
    }
    if kind in ("markdown", "check"):
        for option in (option for option, value in own.items() if value not in (None, [])):
            raise SettingsError(f"{option}: changes nothing with --{kind}; leave out one of the two")


def _check(path: Path) -> None:
    names = reference.changed(load(path))
    print(f"{path}: right; {counted(len(names), 'value')} of its own{':' if names else ''}", *names, sep="\n  ")


def _check_names(names: list[str]) -> None:
    known = {name for table in reference.tables() for name in (table.name, *(entry.name for entry in table.settings))}
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"; tables are {', '.join(n for n in sorted(known) if '.' not in n)}"
            raise SettingsError(f"{name!r}: there is no such table or setting{hint}")
