"""Which outputs `fer-edge run` has: those of the settings, and those that its options add."""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from fer_edge.errors import SettingsError
from fer_edge.settings import LogSettings, RunSettings, Settings, parse

_log = logging.getLogger(__name__)

SHIPPED = RunSettings.sinks  # this very object, unless a file or --set names the outputs


@dataclass
class DefaultOutputs:
    """Outputs that are on by default alone, and are left out here; decided once, not at each reload."""

    left_out: tuple[str, ...] | None = None  # None: not decided yet


def with_outputs(settings: Settings, options: argparse.Namespace, defaults: DefaultOutputs) -> Settings:
    """`settings` with the outputs that --sink adds, or --only-sink names alone. Raises SettingsError."""
    if options.sink and options.only_sink:
        raise SettingsError("--sink adds to the outputs, --only-sink takes their place; give one of the two")
    chosen = settings.run.sinks
    if options.only_sink:
        chosen = _checked(options.only_sink)
    elif options.sink:
        added = _checked(options.sink)
        if chosen is SHIPPED:
            if defaults.left_out is None:
                defaults.left_out = _harmful(settings, options)
            chosen = tuple(name for name in chosen if name not in defaults.left_out)
        chosen = tuple(dict.fromkeys((*chosen, *added)))
    for option in ("log", "log_mode"):
        if getattr(options, option) is not None and "log" not in chosen:
            raise SettingsError(
                f"--{option.replace('_', '-')}: no log is written, the outputs are {', '.join(chosen) or 'none'}; "
                f"add the log to them, or leave out --{option.replace('_', '-')}"
            )
    if options.log is not None and settings.log.store == "memory":
        raise SettingsError(
            f"--log {options.log}: log.store = 'memory', which writes no file; leave out --log, or add "
            "--set log.store=disk"
        )
    return replace(settings, run=replace(settings.run, sinks=chosen))


def _checked(names: list[str]) -> tuple[str, ...]:
    """`names`, if all are outputs. Raises SettingsError."""
    return parse({"run": {"sinks": names}}).run.sinks


def _harmful(settings: Settings, options: argparse.Namespace) -> tuple[str, ...]:
    """The default outputs that no option names, and that would break or change what a program started with --sink does.

    A log would end the start if it cannot be opened; the journal of a service would keep who showed what.
    """
    found = []
    if "log" not in options.sink and options.log is None and (why := _no_log(settings.log)):
        found.append("log")
        _log.warning(f"log: none is written, {why}; name a file with --log, or say --only-sink {options.sink[0]}")
    if "console" not in options.sink and _is_journal():
        found.append("console")
    return tuple(found)


def _no_log(log: LogSettings) -> str:
    """Why the default log cannot be, or should not be, where it would be; "" if it can."""
    path = Path(log.path).absolute()
    if log.store == "memory":
        return ""
    if path.parent == Path("/"):
        return "since this folder is /"
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return f"since {path} cannot be written"
    with suppress(OSError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return f"since another fer-edge writes to {path}"
    return ""


def _is_journal() -> bool:
    """Whether standard output goes into systemd's journal (systemd.exec(5), $JOURNAL_STREAM)."""
    try:
        status = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError):  # a program's own stream
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
