"""`fer-edge detect`: pictures, videos and folders, once."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from fer_edge import loop
from fer_edge.commands.options import add_settings_options, read_settings
from fer_edge.drawing.fonts import font_of
from fer_edge.errors import SettingsError, SourceError
from fer_edge.reader import Reader
from fer_edge.sinks.annotated import AnnotatedPictures, AnnotatedVideo
from fer_edge.sinks.tables import Csv, json_lines
from fer_edge.sinks.verdict import PictureVerdict, VideoVerdict
from fer_edge.sources import open_files
from fer_edge.sources.folder import PictureFolder
from fer_edge.sources.options import source_options
from fer_edge.sources.picture import Picture
from fer_edge.sources.sequence import Pages
from fer_edge.stopwatch import Stopwatch
from fer_edge.types import Sink

_log = logging.getLogger(__name__)

MIN_BAR_FRAMES = 50  # from which there is a progress bar: fewer are read at once


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="picture, video, folder of pictures; -: stdin")
    parser.add_argument("--json", metavar="FILE", help="append a JSON line for each frame ('-': standard output)")
    parser.add_argument("--csv", metavar="FILE", help="append a row for each face ('-': standard output)")
    parser.add_argument("--annotate", metavar="DIR", type=Path, help="write pictures and videos with boxes drawn in")
    add_settings_options(parser)


def run(options: argparse.Namespace) -> int:
    """Read every path; a bad one is reported and the rest go on. Raises FerEdgeError where any failed."""
    settings = read_settings(options, {})
    _check(options)
    failed = 0
    with ExitStack() as stack:
        reader = Reader(settings=settings)
        tables: list[Sink] = []
        if options.json is not None:
            tables.append(stack.enter_context(closing(json_lines(options.json))))
        if options.csv is not None:
            tables.append(stack.enter_context(closing(Csv(options.csv, reader.labels))))
        font = font_of(settings) if options.annotate else ""
        words = sys.stderr if "-" in (options.json, options.csv) else sys.stdout
        for path in options.paths:
            try:
                _read(path, reader, tables, options.annotate, font, words)
            except SourceError as error:
                if len(options.paths) == 1:
                    raise
                failed += 1
                _log.error(error)
    if failed:
        raise SourceError(f"{failed} of {len(options.paths)} paths could not be read whole, as said above")
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuse outputs that are each other. Raises SettingsError."""
    outputs = [name if name == "-" else str(Path(name).resolve()) for name in (options.json, options.csv) if name]
    if len(set(outputs)) < len(outputs):
        raise SettingsError(f"--json and --csv both name {options.json}; give them two files")


def _read(
    path: str,
    reader: Reader,
    tables: Sequence[Sink],
    folder: Path | None,
    font: str,
    words: TextIO,
) -> None:
    """Read one path into `tables`, `words` and, where one is given, annotated copies in `folder`.

    Raises SourceError if it cannot be read, or not to its end; what could be read is in the outputs.
    """
    with ExitStack() as stack:
        source = stack.enter_context(closing(open_files(path, source_options(reader.settings.source))))
        verdict = PictureVerdict(words) if source.still else VideoVerdict(words)
        sinks: list[Sink] = [*tables, stack.enter_context(closing(verdict))]
        if folder is not None:
            if not isinstance(source, Picture | Pages | PictureFolder) and not source.still:
                drawn = AnnotatedVideo(folder, Path(source.name).stem, source.fps, font)
                sinks.append(stack.enter_context(closing(drawn)))
            else:
                sinks.append(AnnotatedPictures(folder, font))
        # A bar on a terminal alone, and only if there is something to wait for.
        quiet = None if (source.length or MIN_BAR_FRAMES) >= MIN_BAR_FRAMES else True
        frames = tqdm(source, total=source.length, unit=" frames", leave=False, disable=quiet)
        parts = stack.enter_context(reader.parts(source.still))
        loop.run(frames, *parts, sinks, Stopwatch())
