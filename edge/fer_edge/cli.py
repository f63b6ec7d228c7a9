"""The command line, `fer-edge`: options become settings; errors become one line and an exit code."""

from __future__ import annotations

import argparse
import atexit
import importlib
import logging
import os
import re
import sys
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NoReturn

from fer_edge import __version__
from fer_edge.errors import FerEdgeError, SettingsError, SinkError
from fer_edge.service import log_handler
from fer_edge.service.process_title import hide_secrets
from fer_edge.suggest import did_you_mean
from fer_edge.urls import mask

_log = logging.getLogger(__name__)

# name -> module with `add_options(parser)` and `run(options) -> exit code`
COMMANDS = {
    "run": ("fer_edge.commands.run", "read a camera or video, and log the emotions"),
    "detect": ("fer_edge.commands.detect", "read pictures, videos or folders once"),
    "report": ("fer_edge.commands.report", "say what the log says: time per emotion, faces, busiest hours"),
    "log": ("fer_edge.commands.log", "delete the log's lines before a date"),
    "cameras": ("fer_edge.commands.cameras", "list the cameras here, how to name them, and who uses them"),
    "outputs": ("fer_edge.commands.outputs", "list where predictions can go, what that needs, and how to switch it on"),
    "models": ("fer_edge.commands.models", "list the installed models"),
    "detectors": ("fer_edge.commands.detectors", "list what finds faces here, and install a neural detector"),
    "settings": ("fer_edge.commands.settings", "say what can be set, what it is, and what it means"),
    "doctor": ("fer_edge.commands.doctor", "say what is wrong here, and the command that fixes it"),
    "bench": ("fer_edge.commands.bench", "measure what models and the loop cost here, and say which model to use"),
    "completion": ("fer_edge.commands.completion", "print what a shell completes commands by, or the manual page"),
}


# command -> three things to try
EXAMPLES = {
    "run": (
        "run --source tour --sink kiosk   # invented faces, without a camera",
        "run --source camera:0 --sink kiosk   # beside the log and the console",
        "run --config fer-edge.toml --fps 10",
    ),
    "detect": (
        "detect photo.jpg --annotate drawn",
        "detect holiday.mp4 --csv holiday.csv",
        "detect pictures --json faces.jsonl --jobs 2",
    ),
    "report": ("report", "report --since 2026-01-01 --html report.html", "report --since today --csv -"),
    "log": (
        "log purge --before 2026-01-31",
        "log purge --before 2026-01-31 --log kiosk.jsonl",
        "log purge --before 2026-01-31 --config fer-edge.toml",
    ),
    "cameras": ("cameras", "run --source camera:0", "settings source"),
    "outputs": ("outputs", "run --sink kiosk", "outputs --config fer-edge.toml"),
    "models": ("models", "models --verify", "models install my_model-int8.tflite"),
    "detectors": ("detectors", "detectors install blazeface", "run --set detector.name=haar"),
    "settings": ("settings log", "settings --toml > fer-edge.toml", "settings --check fer-edge.toml"),
    "doctor": ("doctor", "doctor --config fer-edge.toml", "doctor --bundle report.tar.gz"),
    "completion": (
        "completion fish > ~/.config/fish/completions/fer-edge.fish",
        "completion zsh > ~/.zfunc/_fer-edge",
        "completion man | man -l -",
    ),
    "bench": ("bench", "bench --models all --threads 1,2,4", "bench --apply --config fer-edge.toml"),
}


PATHS_COMMANDS = ("detect",)  # those that take several paths


class Parser(argparse.ArgumentParser):
    """Reports what is wrong in one line, as all of fer-edge does."""

    known: Collection[str] = ()  # what a word that is not known may have meant
    given: Sequence[str] = ()  # all arguments
    mixes = False  # whether options may stand between its paths
    _is_mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, which takes no path after an option that follows paths."""
        found = super().parse_known_args(args, namespace)
        if not found[1] or not self.mixes or self._is_mixing:
            return found
        self._is_mixing = True  # what is called comes back here
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_mixing = False

    def error(self, message: str) -> NoReturn:
        """Raise SettingsError, without the password of an address that an option has."""
        unknown = re.search(r"(?:invalid choice: '|unrecognized arguments: )(-{0,2}[A-Za-z][A-Za-z-]*)", message)
        choices = message.partition("(choose from ")[2].rstrip(")").replace("'", "").split(", ")
        known = choices if choices != [""] else self.known
        hint = _about_paths(self.given, message) or (did_you_mean(unknown[1], known) if unknown else "")
        raise SettingsError(f"{mask(message)}{hint or f'; try: {self.prog} --help'}")


def _about_paths(given: Sequence[str], message: str) -> str:
    """How to give a path that was taken for an option, or that has none; "" if there is no such path."""
    for word in given[1:]:
        if word.startswith("-") and word != "-" and os.path.lexists(word):
            return f"; a path that begins with a dash is given as ./{word}"
    left = message.partition("unrecognized arguments: ")[2]
    if given[:1] in (["run"], ("run",)) and left and not left.startswith("-"):
        return f"; what is read is given as --source {mask(left)}"
    return ""


def parser(arguments: Sequence[str], whole: bool = False) -> argparse.ArgumentParser:
    """All commands, and the options of the one that `arguments` name: only its module is imported.

    `whole`: with the options of all, for what is made of them.
    """
    top = Parser(prog="fer-edge", description="Facial expressions read on the device. No picture leaves it.")
    top.add_argument("--version", action="version", version=f"fer-edge {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    top.known, top.given = COMMANDS, arguments
    for name, (module, summary) in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog="\n".join(["examples:", *(f"  fer-edge {example}" for example in EXAMPLES[name])]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if whole or name in arguments[:1]:
            sub.given, sub.mixes = arguments, name in PATHS_COMMANDS
            importlib.import_module(module).add_options(sub)
            top.known = re.findall(r"--[a-z][a-z-]*", sub.format_help())  # what is left over, it reports
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    whole_program = arguments is None
    if arguments is None:
        arguments = sys.argv[1:]
        hide_secrets()
    _fix_streams()
    log_handler.install()
    _fix_time_zone()
    try:
        if not arguments:
            parser(arguments).print_help()
            return 0
        options = parser(arguments).parse_args(arguments)
        code = int(importlib.import_module(COMMANDS[options.command][0]).run(options))
        sys.stdout.flush()
        if whole_program and options.command == "run":
            _end_at_once(code)
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


def _end_at_once(code: int) -> NoReturn:
    """End the program, whose files are closed, without taking it apart: that takes a second of a busy processor.

    And it would take OpenCV and the interpreter apart under a thread that still works for a client who has gone.
    """
    atexit._run_exitfuncs()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


def _fix_time_zone() -> None:
    """Take UTC if the variable TZ names a zone that Python cannot compute with."""
    try:
        datetime.now().astimezone()
    except (ValueError, OverflowError):
        os.environ["TZ"] = "UTC"
        time.tzset()
        _log.warning("the variable TZ names no time zone; UTC is used instead")


def _forget_output() -> None:
    """Send what is still buffered to nowhere: no program reads standard output, and Python would complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
