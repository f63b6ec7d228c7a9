"""`fer-edge detect`: pictures, videos and folders, once."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from fer_edge.batch.archive import files_below
from fer_edge.batch.cluster import read_on_cluster
from fer_edge.batch.early import Early
from fer_edge.batch.jobs import read_in_processes
from fer_edge.batch.progress import Progress, key_of
from fer_edge.batch.work import Outcomes, Work, read_here
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
    parser.add_argument("--parquet", metavar="FILE", help="write the same table as Parquet")
    parser.add_argument(
        "--jobs", metavar="N", type=positive, default=1, help="paths that are read at once, each in a process"
    )
    parser.add_argument(
        "--archive", action="store_true", help="read each file below the folders by itself, with the files' own times"
    )
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="let the workers of a Dask scheduler read, as with --archive; or its .json"
    )
    parser.add_argument("--annotate", metavar="DIR", type=Path, help="write pictures and videos with boxes drawn in")
    add_settings_options(parser)


def run(options: argparse.Namespace) -> int:
    """Read every path; a bad one is reported and the rest go on. Raises FerEdgeError where any failed."""
    settings = read_settings(options, {})
    _check(options)
    all_paths = files_below(options.paths) if options.archive else options.paths
    with ExitStack() as stack:
        reader = Reader(settings=settings)
        work = Work(reader, file_times=options.archive)
        if options.annotate:
            work = replace(work, folder=options.annotate, font=font_of(settings), words=words_of(settings))
        key = key_of(reader, options.archive)
        progress = _progress(options, key)
        if progress is not None:
            stack.enter_context(closing(progress))
        before = [progress.failed(path) if progress is not None else None for path in all_paths]
        paths = [path for path, state in zip(all_paths, before, strict=True) if state is None]
        failed, error = before.count(True), None
        if progress is not None and len(paths) < len(all_paths):
            done = len(all_paths) - len(paths)
            _log.info(f"{done} of {len(all_paths)} paths were read by a run that was stopped; see {progress.path}")
        tables = [stack.enter_context(closing(table)) for table in _tables(options, reader.labels)]
        words = sys.stderr if "-" in (options.json, options.csv) else sys.stdout
        early = _early(stack, progress, key) if options.dask and paths else None
        for path, error in stack.enter_context(closing(_outcomes(options, paths, work, tables, words, early))):
            if error is not None:
                failed += 1
                if len(all_paths) > 1:
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
        if early is not None:
            early.finish()
    if failed and len(all_paths) == 1 and error is not None:
        raise error
    if failed:
        raise SourceError(f"{failed} of {len(all_paths)} paths could not be read whole, as said above")
    return 0


def _outcomes(
    options: argparse.Namespace,
    paths: Sequence[str],
    work: Work,
    tables: Sequence[Sink],
    words: TextIO,
    early: Early | None,
) -> Outcomes:
    """Those of `paths`, read where the options say."""
    if early is not None:
        return read_on_cluster(paths, work, tables, words, options.dask, early)
    jobs = min(options.jobs, len(paths))
    return read_in_processes(paths, work, tables, words, jobs) if jobs > 1 else read_here(paths, work, tables, words)


def _early(stack: ExitStack, progress: Progress | None, key: str) -> Early:
    """Where results wait for their turn: beside the outputs, if a later run is to find them. Raises SinkError."""
    if progress is not None:
        return stack.enter_context(closing(Early(progress.early, key)))
    folder = stack.enter_context(TemporaryDirectory(prefix="fer-edge-"))
    return Early(Path(folder, "early"), key)


def _check(options: argparse.Namespace) -> None:
    """Refuse outputs that are each other, and what does not go with --dask. Raises SettingsError."""
    if options.dask is not None:
        options.archive = True
        refused = {
            "--jobs": options.jobs > 1,
            "--annotate": options.annotate,
            "-": set(STANDARD_INPUT) & set(options.paths),
        }
        for option in (name for name, given in refused.items() if given):
            raise SettingsError(f"{option}: is for one machine, and --dask for several; leave out one of them")
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


def _progress(options: argparse.Namespace, key: str) -> Progress | None:
    """What a stopped run has done; None without an output that is a file. Raises SinkError."""
    rows = rows_path(options.parquet) if options.parquet else None
    named = [Path(name) for name in (options.json, options.csv, rows) if name and name != "-"]
    files = [path for path in named if path.is_file() or not path.exists()]
    return Progress(files, key) if files else None
