"""The command line, `fer-edge`: options become settings; errors become one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from edge import __version__
from edge.errors import FerEdgeError

# name -> module with `add_options(parser)` and `run(options) -> exit code`
COMMANDS = {
    "run": ("edge.commands.run", "read a camera or video, and log the emotions"),
    "detect": ("edge.commands.detect", "read pictures, videos or folders once"),
    "models": ("edge.commands.models", "list the installed models"),
}


def parser() -> argparse.ArgumentParser:
    """All options of all commands."""
    top = argparse.ArgumentParser(
        prog="fer-edge", description="Facial expressions read on the device. Nothing leaves it."
    )
    top.add_argument("--version", action="version", version=f"fer-edge {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        importlib.import_module(module).add_options(sub)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = parser().parse_args(arguments)
    logging.basicConfig(format="fer-edge: %(levelname)s: %(message)s", level=logging.WARNING)
    logging.addLevelName(logging.WARNING, "warning")
    try:
        return int(importlib.import_module(COMMANDS[options.command][0]).run(options))
    except FerEdgeError as error:
        sys.stdout.flush()
        print(f"fer-edge: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("fer-edge: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`fer-edge … | head`); Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
