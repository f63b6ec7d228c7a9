"""The command line, `fer-edge`: options become settings; errors become one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from fer_edge import __version__
from fer_edge.errors import FerEdgeError, SettingsError, SinkError
from fer_edge.service import log_handler
from fer_edge.service.process_title import hide_secrets
from fer_edge.urls import mask

_log = logging.getLogger(__name__)

# name -> module with `add_options(parser)` and `run(options) -> exit code`
COMMANDS = {
    "run": ("fer_edge.commands.run", "read a camera or video, and log the emotions"),
    "detect": ("fer_edge.commands.detect", "read pictures, videos or folders once"),
    "report": ("fer_edge.commands.report", "say what the log says: time per emotion, faces, busiest hours"),
    "log": ("fer_edge.commands.log", "delete the log's lines before a date"),
    "cameras": ("fer_edge.commands.cameras", "list the cameras here, how to name them, and who uses them"),
    "models": ("fer_edge.commands.models", "list the installed models"),
    "detectors": ("fer_edge.commands.detectors", "list what finds faces here, and install a neural detector"),
    "doctor": ("fer_edge.commands.doctor", "say what is wrong here, and the command that fixes it"),
    "bench": ("fer_edge.commands.bench", "measure what models and the loop cost here, and say which model to use"),
}


class Parser(argparse.ArgumentParser):
    """Reports what is wrong in one line, as all of fer-edge does."""

    def error(self, message: str) -> NoReturn:
        """Raise SettingsError, without the password of an address that an option has."""
        raise SettingsError(f"{mask(message)}; try: {self.prog} --help")


def parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """All commands, and the options of the one that `arguments` name: only its module is imported."""
    top = Parser(prog="fer-edge", description="Facial expressions read on the device. No picture leaves it.")
    top.add_argument("--version", action="version", version=f"fer-edge {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name in arguments[:1]:
            importlib.import_module(module).add_options(sub)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
        hide_secrets()
    _fix_streams()
    log_handler.install()
    try:
        options = parser(arguments).parse_args(arguments)
        code = int(importlib.import_module(COMMANDS[options.command][0]).run(options))
        sys.stdout.flush()
    except FerEdgeError as error:
        return _fail(error)
    except KeyboardInterrupt:
        print("fer-edge: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _forget_output()
        return 141
    except OSError as cause:
        if cause.filename is not None or cause.filename2 is not None:
            raise
        # Errors of files are caught where they are written; what is left is standard output.
        _forget_output()
        return _fail(SinkError(f"standard output: cannot be written ({cause.strerror}); make room"))
    return code


def _fail(error: FerEdgeError) -> int:
    _log.error(error)
    return error.exit_code


def _fix_streams() -> None:
    """Make standard output and error take any text, and be there at all: a service may have closed them."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - for good
        if hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _forget_output() -> None:
    """Send what is still buffered to nowhere: no program reads standard output, and Python would complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
