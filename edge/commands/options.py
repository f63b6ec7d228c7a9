"""Options that commands share: the settings file, and single settings over it."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge import settings
from edge.settings import Settings


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """`--config`, `--set`, `--threads`."""
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings, as TOML (default: built-in settings)")
    parser.add_argument(
        "--set",
        metavar="PART.KEY=VALUE",
        action="append",
        default=[],
        help="one setting over the file's, e.g. detector.name=yunet (repeatable)",
    )
    parser.add_argument("--threads", metavar="N", help="threads of the interpreter and of OpenCV")


def read_settings(options: argparse.Namespace, **named: str) -> Settings:
    """The file's settings, then `--set`, then the options of their own: `named` maps them to "part.key"."""
    chosen = settings.load(options.config) if options.config else Settings()
    for assignment in options.set:
        chosen = settings.override(chosen, assignment)
    named = {"threads": "classifier.threads detector.threads"} | named
    for option, keys in named.items():
        value = getattr(options, option)
        for key in keys.split() if value is not None else ():
            chosen = settings.override(chosen, f"{key}={value}")
    return chosen
