"""Several paths at once, each in a process; what they find comes in the paths' order, as with one process."""

from __future__ import annotations

import io
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from tqdm import tqdm

from fer_edge.batch.spool import Spool, write_spooled
from fer_edge.batch.work import Outcomes, Work, read_path
from fer_edge.errors import FerEdgeError, SourceError
from fer_edge.reader import Reader
from fer_edge.service import log_handler
from fer_edge.types import Sink

AHEAD = 2  # paths a process that are begun or done before the first of them is written


class Done(NamedTuple):
    """What a process gives back. The observations are in the file."""

    words: str
    error: SourceError | None


def read_in_processes(paths: Sequence[str], work: Work, tables: Sequence[Sink], words: TextIO, jobs: int) -> Outcomes:
    """Read `paths`, `jobs` at once; their outcomes, in order. Raises FerEdgeError if a process was killed."""
    work = replace(work, reader=_sharing_the_cores(work.reader, jobs))
    context = multiprocessing.get_context("spawn")  # a fork would inherit threads of OpenCV, without their locks
    stop = context.Event()
    waiting = deque(enumerate(paths))
    begun: deque[tuple[str, Path, Future[Done]]] = deque()
    with (
        tempfile.TemporaryDirectory(prefix="fer-edge-") as folder,
        ProcessPoolExecutor(jobs, context, _begin, (stop, Path(folder))) as pool,
        tqdm(total=len(paths), unit=" files", leave=False, disable=None if len(paths) > jobs else True) as bar,
    ):
        try:
            while waiting or begun:
                while waiting and len(begun) < AHEAD * jobs:
                    number, path = waiting.popleft()
                    file = Path(folder, str(number))
                    begun.append((path, file, pool.submit(_read, path, work, file if tables else None)))
                path, file, future = begun.popleft()
                done = future.result()
                words.write(done.words)
                if tables:
                    with file.open("rb") as spooled:  # in a folder for this user alone
                        write_spooled(spooled, tables)
                    file.unlink()
                bar.update()
                yield path, done.error
        except BrokenProcessPool as cause:
            raise FerEdgeError(
                f"{path}: its process, or that of a neighbour, was killed, mostly for lack of memory; "
                "give fewer --jobs, and run it again"
            ) from cause
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _sharing_the_cores(reader: Reader, jobs: int) -> Reader:
    """The reader, with as many of OpenCV's threads as cores are left for each process."""
    settings = reader.settings
    if settings.detector.threads:
        return reader
    threads = max((os.cpu_count() or 1) // jobs, 1)
    return Reader(settings=replace(settings, detector=replace(settings.detector, threads=threads)))


_stopped: Any = None  # in a process of the pool: an event


def _begin(stop: Any, folder: Path) -> None:
    """Prepare a process of the pool, which puts its results into `folder`."""
    global _stopped
    _stopped = stop
    threading.Thread(target=_end_with_the_first, args=(folder,), name="orphan", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process tells the others
    log_handler.install()


def _end_with_the_first(folder: Path) -> None:
    """Wait until the first process has ended. If it was killed, nothing else ends this one, nor removes `folder`."""
    first = multiprocessing.parent_process()
    if first is not None:
        first.join()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)


def _read(path: str, work: Work, file: Path | None) -> Done:
    """Read `path` in a process of the pool, into `file`."""
    words = io.StringIO()
    if file is None:
        return Done(words.getvalue(), _error(path, work, (), words))
    with file.open("wb") as out:
        error = _error(path, work, (Spool(out),), words)
    return Done(words.getvalue(), error)


def _error(path: str, work: Work, tables: Sequence[Sink], words: TextIO) -> SourceError | None:
    try:
        read_path(path, work, tables, words, bar=False, stopped=_stopped.is_set)
    except SourceError as error:
        error.__cause__ = None  # it may be an exception that cannot be pickled
        return error
    return None
