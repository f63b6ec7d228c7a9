"""`fer-edge log purge`: deletes the lines of the log before a date."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, tzinfo
from pathlib import Path

from fer_edge.commands.options import read_settings
from fer_edge.commands.report import add_log_options
from fer_edge.errors import counted
from fer_edge.logs.purge import purge
from fer_edge.report.dates import moment


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    words = "delete the lines before a date"
    purge_parser = actions.add_parser("purge", help=words, description="Delete lines before a date, permanently.")
    purge_parser.add_argument(
        "--before",
        metavar="DATE",
        required=True,
        help="today, 2026-01-31 or 2026-01-31T12:00, local time; lines of that date are kept",
    )
    purge_parser.add_argument(
        "--yes", action="store_true", help="do not ask; without a terminal, as in scripts, nothing is asked"
    )
    add_log_options(purge_parser)


def run(options: argparse.Namespace, now: datetime | None = None, zone: tzinfo | None = None) -> int:
    """Purge the log and print the counts. Raises FerEdgeError. If `now` and `zone` are None, the system's count."""
    settings = read_settings(options, {"log": "log.path"}).log
    now = datetime.now().astimezone() if now is None else now
    before = moment("--before", options.before, now, zone)
    if not options.yes and not _agreed(Path(settings.path), f"{before.astimezone(zone):%Y-%m-%d %H:%M}"):
        print("nothing is deleted")
        return 1
    done = purge(Path(settings.path), before)
    torn = f" and {done.torn} half-written" if done.torn else ""
    where = f" in {counted(done.files, 'file')}, {done.whole} of them whole" if done.files else ""
    when = f"{before.astimezone(zone):%Y-%m-%d %H:%M}"
    print(f"deleted {counted(done.lines, 'line')}{torn} before {when}{where}; {counted(done.kept, 'line')} kept")
    return 0


def _agreed(path: Path, when: str) -> bool:
    """Whether the user at the terminal says yes; a script without one said so by its date, as it always did."""
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    try:
        answer = input(f"delete all lines of {path} before {when}, for good? [y/N] ")
    except EOFError:
        print()
        return False
    return answer.strip().lower() in ("y", "yes")
