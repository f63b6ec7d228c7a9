"""`fer-edge log purge`: deletes the lines of the log before a date."""

from __future__ import annotations

import argparse
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
    add_log_options(purge_parser)


def run(options: argparse.Namespace, now: datetime | None = None, zone: tzinfo | None = None) -> int:
    """Purge the log and print the counts. Raises FerEdgeError. If `now` and `zone` are None, the system's count."""
    settings = read_settings(options, {"log": "log.path"}).log
    now = datetime.now().astimezone() if now is None else now
    before = moment("--before", options.before, now, zone)
    done = purge(Path(settings.path), before)
    torn = f" and {done.torn} half-written" if done.torn else ""
    where = f" in {counted(done.files, 'file')}, {done.whole} of them whole" if done.files else ""
    when = f"{before.astimezone(zone):%Y-%m-%d %H:%M}"
    print(f"deleted {counted(done.lines, 'line')}{torn} before {when}{where}; {counted(done.kept, 'line')} kept")
    return 0
