"""Options that commands share: the settings file, and single settings that override it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from fer_edge import settings
from fer_edge.settings import Settings

SERVICE_SETTINGS = Path("/etc/fer-edge/fer-edge.toml")
DEFAULT_CONFIG = Path("fer-edge.toml")  # that is written if --config names no file


def add_settings_options(parser: argparse.ArgumentParser, threads: bool = True) -> None:
    """`--config`, `--set`, and single settings; `--threads` unless the command has a `--threads` of its own."""
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings, as TOML (default: built-in settings)")
    parser.add_argument(
        "--set",
        metavar="PART.KEY=VALUE",
        action="append",
        default=[],
        help="one setting, overrides the file's, e.g. detector.name=yunet (repeatable)",
    )
    parser.add_argument(
        "--max-faces", metavar="N", type=int, help="most faces in one frame (default: 8, in single pictures 100)"
    )
    parser.add_argument(
        "--min-face",
        metavar="SHARE",
        type=float,
        help="smallest face, as a share of the shorter side (default: 0.1, in single pictures 0.04)",
    )
    if threads:
        parser.add_argument("--threads", metavar="N", type=int, help="threads of the interpreter and of OpenCV")
    else:
        parser.set_defaults(threads=None)


def positive(text: str) -> int:
    """A whole number above zero."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number, 1 or more")
    return int(text)


def read_settings(options: argparse.Namespace, named: Mapping[str, str]) -> Settings:
    """The file's settings, overridden by `--set`, then by the options in `named`: option -> "part.key"."""
    chosen = settings.load(options.config) if options.config else Settings()
    for assignment in options.set:
        chosen = settings.override(chosen, assignment)
    for option, name in named.items():
        value = getattr(options, option)
        if value is not None:
            part, key = name.split(".")
            chosen = settings.parse({part: {key: value}}, chosen)
    for key in ("max_faces", "min_face"):
        value = getattr(options, key)
        if value is not None:
            chosen = settings.parse({"detector": {key: value}}, chosen)
    if options.threads is not None:
        chosen = settings.parse({part: {"threads": options.threads} for part in ("classifier", "detector")}, chosen)
    return chosen
