"""One path of `fer-edge detect`: read to its end, into the outputs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from fer_edge import loop
from fer_edge.drawing.words import Words
from fer_edge.errors import SourceError, printable
from fer_edge.reader import Reader
from fer_edge.sinks.annotated import AnnotatedPictures, AnnotatedVideo
from fer_edge.sinks.tables import Table
from fer_edge.sinks.verdict import PictureVerdict, VideoVerdict
from fer_edge.sources import open_files
from fer_edge.sources.folder import PictureFolder
from fer_edge.sources.options import source_options
from fer_edge.sources.picture import Picture
from fer_edge.sources.sequence import Pages
from fer_edge.stopwatch import Stopwatch
from fer_edge.types import Sink

MIN_BAR_FRAMES = 50  # from which there is a progress bar: fewer are read at once
Outcome = tuple[str, SourceError | None]  # a path, and why it could not be read whole
Outcomes = Generator[Outcome, None, None]


@dataclass(frozen=True)
class Work:
    """What is done with each path. It may be sent to other processes."""

    reader: Reader
    folder: Path | None = None  # of annotated copies; None: none are made
    font: str = ""  # of their labels
    words: Words | None = None  # of those; None: as the model has them
    file_times: bool = False  # whether a video's times count from when its file was written


def read_path(
    path: str,
    work: Work,
    tables: Sequence[Sink],
    words: TextIO,
    bar: bool = True,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Read one path into `tables`, `words` and, where a folder is given, annotated copies.

    Raises SourceError if it cannot be read, or not to its end; what could be read is in the outputs.
    """
    options = source_options(work.reader.settings.source, file_times=work.file_times)
    with ExitStack() as stack:
        source = stack.enter_context(closing(open_files(path, options)))
        for table in tables:
            if isinstance(table, Table):
                table.still = source.still
        verdict = PictureVerdict(words) if source.still else VideoVerdict(words)
        sinks: list[Sink] = [*tables, stack.enter_context(closing(verdict))]
        if work.folder is not None:
            drawn: AnnotatedVideo | AnnotatedPictures
            if not isinstance(source, Picture | Pages | PictureFolder) and not source.still:
                drawn = AnnotatedVideo(work.folder, Path(source.name).stem, source.fps, work.font, work.words)
            else:
                drawn = AnnotatedPictures(work.folder, work.font, work.words)
            stack.callback(_say_where, drawn)  # after it is closed, and also of what a damaged file gave
            sinks.append(stack.enter_context(closing(drawn)))
        # A bar on a terminal alone, and only if there is something to wait for.
        quiet = None if bar and (source.length or MIN_BAR_FRAMES) >= MIN_BAR_FRAMES else True
        frames = tqdm(source, total=source.length, unit=" frames", leave=False, disable=quiet)
        parts = stack.enter_context(work.reader.parts(source.still))
        loop.run(frames, *parts, sinks, Stopwatch(), stopped)


def _say_where(drawn: AnnotatedPictures | AnnotatedVideo) -> None:
    """Say where the annotated copies are; standard output is for what was read."""
    if drawn.written:
        print(f"written: {printable(drawn.written)}", file=sys.stderr, flush=True)


def read_here(paths: Sequence[str], work: Work, tables: Sequence[Sink], words: TextIO) -> Outcomes:
    """Read `paths` one after the other in this process; each outcome comes when its path is done."""
    for path in paths:
        try:
            read_path(path, work, tables, words)
        except SourceError as error:
            yield path, error
        else:
            yield path, None
