"""`fer-edge detect`: pictures, videos and folders, once."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from fer_edge.batch.jobs import read_in_processes
from fer_edge.batch.progress import Progress, key_of
from fer_edge.batch.work import Work, read_here
from fer_edge.commands.options import add_settings_options, positive, read_settings
from fer_edge.drawing.fonts import font_of
from fer_edge.drawing.words import words_of
from fer_edge.errors import SettingsError, SourceError
from fer_edge.reader import Reader
from fer_edge.sinks.tables import Csv, Parquet, json_lines, rows_path
from fer_edge.sources.content import STANDARD_INPUT
from fer_edge.types import Sink

_log = logging.getLogger(__name__)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="picture, video, folder of pictures; -: stdin")
    parser.add_argument("--json", metavar="FILE", help="append a JSON line for each frame ('-': standard output)")
    parser.add_argument("--csv", metavar="FILE", help="append a row for each face ('-': standard output)")
    parser.add_argument("--parquet", metavar="FILE", help="write the same table as Parquet, by pandas")
    parser.add_argument(
        "--jobs", metavar="N", type=positive, default=1, help="paths that are read at once, each in a process"
    )
    parser.add_argument("--annotate", metavar="DIR", type=Path, help="write pictures and videos with boxes drawn in")
    add_settings_options(parser)


def run(options: argparse.Namespace) -> int:
    """Read every path; a bad one is reported and the rest go on. Raises FerEdgeError where any failed."""
    settings = read_settings(options, {})
    _check(options)
    with ExitStack() as stack:
        reader = Reader(settings=settings)
        work = Work(reader)
        if options.annotate:
            work = Work(reader, options.annotate, font_of(settings), words_of(settings))
        progress = _progress(options, reader)
        if progress is not None:
            stack.enter_context(closing(progress))
        paths = [path for path in options.paths if progress is None or not progress.is_done(path)]
        failed, error = 0, None
        if progress is not None and len(paths) < len(options.paths):
            done, failed = len(options.paths) - len(paths), progress.failed
            _log.info(f"{done} of {len(options.paths)} paths were read by a run that was stopped; see {progress.path}")
        tables = [stack.enter_context(closing(table)) for table in _tables(options, reader.labels)]
        words = sys.stderr if "-" in (options.json, options.csv) else sys.stdout
        jobs = min(options.jobs, len(paths))
        outcomes = (
            read_in_processes(paths, work, tables, words, jobs) if jobs > 1 else read_here(paths, work, tables, words)
        )
        for path, error in stack.enter_context(closing(outcomes)):
            if error is not None:
                failed += 1
                if len(options.paths) > 1:
                    _log.error(error)
            for table in tables:
                if isinstance(table, Csv):
                    table.flush()
            if progress is not None:
                progress.add(path, error is not None)
        for table in tables:
            if isinstance(table, Parquet):
                table.finish()
        if progress is not None:
            progress.finish()
    if failed and len(options.paths) == 1 and error is not None:
        raise error
    if failed:
        raise SourceError(f"{failed} of {len(options.paths)} paths could not be read whole, as said above")
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuse outputs that are each other. Raises SettingsError."""
    seen: dict[str, str] = {}
    for option in ("json", "csv", "parquet"):
        if name := getattr(options, option):
            other = seen.setdefault(name if name == "-" else str(Path(name).resolve()), option)
            if other != option:
                raise SettingsError(f"--{other} and --{option} both name {name}; give them two files")
    if options.parquet == "-":
        raise SettingsError("--parquet -: a Parquet file is written at the end, not as it comes; give a file")
    if options.jobs > 1 and set(STANDARD_INPUT) & set(options.paths):
        raise SettingsError(f"--jobs {options.jobs}: standard input is read by one process; leave out - or --jobs")


def _tables(options: argparse.Namespace, labels: tuple[str, ...]) -> Iterator[Sink]:
    """The outputs for programs, opened. Raises SinkError, SettingsError."""
    if options.json is not None:
        yield json_lines(options.json)
    if options.csv is not None:
        yield Csv(options.csv, labels)
    if options.parquet is not None:
        yield Parquet(options.parquet, labels)


def _progress(options: argparse.Namespace, reader: Reader) -> Progress | None:
    """What a stopped run has done; None without an output that is a file. Raises SinkError."""
    rows = rows_path(options.parquet) if options.parquet else None
    named = [Path(name) for name in (options.json, options.csv, rows) if name and name != "-"]
    files = [path for path in named if path.is_file() or not path.exists()]
    return Progress(files, key_of(reader)) if files else None
