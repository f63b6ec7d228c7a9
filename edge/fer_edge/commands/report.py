"""`fer-edge report`: summarizes the log, in the terminal, as an HTML page, or as a table for a spreadsheet."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from fer_edge.commands.options import read_settings
from fer_edge.drawing.words import Words, words_of
from fer_edge.errors import LogError, SettingsError, SinkError, counted
from fer_edge.files import atomic_write
from fer_edge.logs.reader import entries, is_written
from fer_edge.report import page, pictures, table, terminal
from fer_edge.report.dates import moment, period, since_last
from fer_edge.report.tally import Summary, tally


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument(
        "--since", metavar="DATE", help="today, yesterday, 2026-01-31 or 2026-01-31T12:00, local time (default: all)"
    )
    parser.add_argument(
        "--last", metavar="TIME", help="the last 7d (today and six days before), 2w, 12h or 30m, in place of --since"
    )
    parser.add_argument("--until", metavar="DATE", help="the same; a day is included whole (default: now)")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with charts; an older one is replaced")
    parser.add_argument("--csv", metavar="FILE", help="write a row for each hour ('-': standard output, and no tables)")
    parser.add_argument(
        "--svg", metavar="FOLDER", type=Path, help="write the page's charts as pictures; older ones are replaced"
    )
    parser.add_argument("--language", metavar="NAME", help="en, de, es, fr, it, ja, nl, pl, pt, tr, or a file of texts")
    add_log_options(parser)


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """`--log` and `--config`, for commands that read a log."""
    parser.add_argument("--log", metavar="FILE", help="the log (default: as the settings say, fer-edge.jsonl here)")
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings, as TOML (default: built-in settings)")
    parser.set_defaults(set=[], max_faces=None, min_face=None, threads=None)


def run(options: argparse.Namespace, now: datetime | None = None, zone: tzinfo | None = None) -> int:
    """Read the log once and print the report. Raises FerEdgeError. If `now` and `zone` are None, the system's count."""
    chosen = read_settings(options, {"log": "log.path", "language": "drawing.language"})
    settings, words = chosen.log, words_of(chosen)
    if settings.store == "memory" and options.log is None:
        raise LogError("log.store = 'memory': that log is not on the disk; give another one with --log")
    now = datetime.now().astimezone() if now is None else now
    if options.last is not None and options.since is not None:
        raise SettingsError("--last and --since both say when the report begins; give one of the two")
    start = moment("--since", options.since, now, zone) if options.since is not None else None
    start = since_last("--last", options.last, now, zone) if options.last is not None else start
    end = moment("--until", options.until, now, zone, end=True) if options.until is not None else None
    if start is not None and end is not None and start >= end:
        begin = f"--last {options.last!r}" if options.last is not None else f"--since {options.since!r}"
        raise SettingsError(f"--until {options.until!r}: not after {begin}; give a later date")
    longest = settings.heartbeat_seconds
    log = entries(Path(settings.path), _earlier(start, longest), end)
    summary = tally(log, start, end, longest, now if is_written(log.path) else None, zone)
    if start is not None:
        last = now if end is None else min(end - timedelta(microseconds=1), now)
        summary.asked = start.astimezone(zone).date(), last.astimezone(zone).date()
    if options.csv != "-":
        if summary.begin is None:
            when = _when(start, end, zone)
            print(f"log {log.path}: no line{when}" if when else f"log {log.path}: is empty")
        else:
            print(terminal.report(summary, terminal.style_of(sys.stdout), words))
    if log.torn:  # not among the rows of a table
        print(f"left out: {counted(log.torn, 'half-written line')}", file=sys.stderr if options.csv == "-" else None)
    if options.html is not None:
        _write("--html", options.html, page.page(summary, log.path.name, log.torn, now, words), page.FIRST_LINES)
    if options.svg is not None:
        _write_pictures(options.svg, summary, words)
    if options.csv == "-":
        print(table.table(summary), end="")
    elif options.csv is not None:
        _write("--csv", Path(options.csv), table.table(summary), ",".join(table.HOUR_COLUMNS))
    return 0


def _write_pictures(folder: Path, summary: Summary, words: Words) -> None:
    """Write each chart into `folder`, which is made. Raises SinkError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise SinkError(f"--svg {folder}: cannot be made ({cause.strerror}); choose another folder") from None
    for name, text in pictures.pictures(summary, words).items():
        _write("--svg", folder / name, text, pictures.FIRST_LINES)


def _earlier(start: datetime | None, seconds: float) -> datetime | None:
    """The time from which to read, so that the faces in view at `start` are known."""
    try:
        return None if start is None else start - timedelta(seconds=seconds)
    except OverflowError:
        return start


def _when(start: datetime | None, end: datetime | None, zone: tzinfo | None) -> str:
    if start is not None and end is not None:
        return f" from {period(start.astimezone(zone), end.astimezone(zone))}"
    if start is not None:
        return f" since {start.astimezone(zone):%Y-%m-%d %H:%M}"
    return f" before {end.astimezone(zone):%Y-%m-%d %H:%M}" if end is not None else ""


def _write(option: str, path: Path, text: str, start: str) -> None:
    """Write `path` atomically; an existing file is replaced only if it begins with `start`. Raises SinkError."""
    try:
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as old:
                if old.read(len(start)) != start.encode():
                    raise SinkError(f"{option} {path}: is not a report, so it is not replaced; choose another file")
        if path.exists() and not path.is_file():  # /dev/stdout
            path.write_text(text, encoding="utf-8")
            return
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as cause:
        raise SinkError(f"{option} {path}: cannot be written ({cause.strerror}); choose another file") from None
    print(f"written: {path}", file=sys.stderr)
