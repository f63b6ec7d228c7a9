"""Paths read by the workers of a Dask cluster; what they find comes in the paths' order, as with one process."""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from fer_edge import __version__
from fer_edge.batch.early import Early, Result
from fer_edge.batch.spool import Spool, write_spooled
from fer_edge.batch.work import Outcomes, Work, read_path
from fer_edge.classifiers import tflite
from fer_edge.classifiers.cards import is_path, read_model
from fer_edge.errors import FerEdgeError, ModelError, SettingsError, SourceError, first_line
from fer_edge.reader import Reader
from fer_edge.settings import Settings
from fer_edge.types import Sink

_log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10
ADDRESS = r"(?:[a-z]+://)?(?:[\w.-]+|\[[0-9a-f:.]+\]):\d{1,5}"
MAX_SUBMITTED = 1000  # paths that the scheduler knows at once
COMPRESSION = 1  # gzip's fastest: a tenth of the size


def read_on_cluster(
    paths: Sequence[str], work: Work, tables: Sequence[Sink], words: TextIO, address: str, early: Early
) -> Outcomes:
    """Read `paths` by the workers of the scheduler at `address`; their outcomes, in order.

    `early` keeps what comes before its turn. A path that kills its workers, or that none of them can read, has an error
    for its outcome. Raises SettingsError without Dask, FerEdgeError if the scheduler or what workers need is missing.
    """
    settings = _fixed(work.reader.settings)
    work = replace(work, reader=Reader(settings=settings))
    task = _Task(work, __version__, model_digest(work.reader), bool(tables))
    with (
        _connected(address) as client,
        tqdm(total=len(paths), unit=" files", leave=False, disable=None if len(paths) > 1 else True) as bar,
    ):
        arrivals = _arrivals(client, [path for path in paths if not early.has(path)], task, address)
        for path in paths:
            while not early.has(path):
                early.put(*next(arrivals))
                bar.update()
            with early.taken(path) as result:
                words.write(result.words)
                with gzip.open(io.BytesIO(result.observations)) as spooled:
                    write_spooled(spooled, tables)
                yield path, result.error


def _fixed(settings: Settings) -> Settings:
    """`settings` that mean the same on every machine: one file of the model, whole paths, one thread a path."""
    classifier, detector = settings.classifier, settings.detector
    card, runtime = tflite.chosen(classifier)
    name = str(Path(classifier.model).absolute()) if is_path(classifier.model) else card.name
    if detector.model:
        detector = replace(detector, model=str(Path(detector.model).absolute()))
    return replace(
        settings,
        classifier=replace(classifier, model=name, runtime=runtime),
        detector=replace(detector, threads=detector.threads or 1),
    )


@lru_cache(maxsize=4)
def model_digest(reader: Reader) -> str:
    """The SHA-256 of the file of its model here. Raises ModelError."""
    card, _ = tflite.chosen(reader.settings.classifier)
    return hashlib.sha256(read_model(card)).hexdigest()


# --- on this side ---


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client of the scheduler at `address`, or of the one that its file names. Raises SettingsError, FerEdgeError."""
    try:
        import distributed
    except ImportError as cause:
        raise SettingsError(
            f"--dask: Dask is needed ({first_line(cause)}); install it with: pip install 'fer-edge[dask]'"
        ) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it says of lost connections is said here
    try:
        if address.endswith(".json"):
            where = {"scheduler_file": str(Path(address).resolve(strict=True))}  # Dask waits for it for ever
        else:
            where = {"address": address}
            if not re.fullmatch(ADDRESS, address):
                raise ValueError("it is no address with a port, as in tcp://192.168.1.2:8786")
        client = distributed.Client(**where, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError) as cause:
        reason = cause.strerror if isinstance(cause, FileNotFoundError) else first_line(cause)
        raise FerEdgeError(
            f"scheduler {address}: cannot be reached ({reason}); start one with: dask scheduler"
        ) from cause
    try:
        if not client.scheduler_info()["workers"]:
            _log.warning("scheduler %s: has no workers yet; waiting for: dask worker %s", address, address)
        yield client
    finally:
        client.close(timeout=CONNECT_TIMEOUT_S)


def _arrivals(client: Any, paths: Sequence[str], task: _Task, address: str) -> Iterator[tuple[str, Result]]:
    """Each path with its result, as they come. Raises FerEdgeError.

    A path whose workers were killed is read again alone, after all others: they may have died of its neighbour.
    """
    import distributed

    waiting, run = iter(paths), uuid.uuid4().hex
    asked: dict[str, str] = {}  # the key of a task -> its path

    def submit(path: str) -> Any:
        key = f"fer-edge-{run}-{len(asked)}"
        asked[key] = path
        return client.submit(task, path, str(Path(path).absolute()), key=key, pure=False)

    arrived, killed = 0, []
    completed = distributed.as_completed([*map(submit, islice(waiting, MAX_SUBMITTED))], loop=client.loop)
    for future in completed:
        arrived += 1
        path = asked[future.key]
        if future.status == "error" and isinstance(future.exception(), distributed.KilledWorker):
            killed.append(path)
        else:
            yield path, _result(future, path, address)
        future.release()
        for other in islice(waiting, 1):
            completed.add(submit(other))
    if arrived < len(paths):
        raise _lost(address)
    for path in killed:
        yield path, _result(submit(path), path, address)


def _result(future: Any, path: str, address: str) -> Result:
    """What a task gave; what it failed by, as an error of its path. Raises FerEdgeError for what ends all tasks."""
    import distributed

    if future.cancelled():
        raise _lost(address)
    try:
        result: Result = future.result()
    except distributed.KilledWorker:
        why = "every worker that read it was killed, mostly for lack of memory; give workers more, or leave it out"
        return Result("", SourceError(f"{path}: {why}"), b"")
    except FerEdgeError:
        raise
    except (ImportError, AttributeError) as cause:
        raise FerEdgeError(
            f"scheduler {address}: a worker cannot load fer-edge ({first_line(cause)}); install fer-edge "
            f"{__version__} where the workers and the scheduler run"
        ) from cause
    except (OSError, distributed.TimeoutError) as cause:
        raise _lost(address) from cause
    return result


def _lost(address: str) -> FerEdgeError:
    return FerEdgeError(f"scheduler {address}: is lost; run it again, and it goes on from here")


# --- on the workers ---


class _Task:
    """What a worker does with a path."""

    def __init__(self, work: Work, version: str, digest: str, tables: bool) -> None:
        self._work, self._version, self._digest, self._tables = work, version, digest, tables

    def __call__(self, path: str, absolute: str) -> Result:
        """Read the file at `absolute`, and call it `path`. Raises FerEdgeError where this worker would read others."""
        self._check()
        words, out, error = io.StringIO(), io.BytesIO(), None
        with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=COMPRESSION, mtime=0) as spooled:
            tables = (Spool(spooled, (absolute, path)),) if self._tables else ()
            try:
                read_path(absolute, self._work, tables, words, bar=False)
            except SourceError as cause:
                error = type(cause)(str(cause).replace(absolute, path))
            except FerEdgeError as cause:
                raise type(cause)(f"worker {_here()}: {cause}") from None
            except Exception as cause:  # noqa: BLE001 - of a decoder: the other paths go on
                error = SourceError(
                    f"{path}: cannot be read ({type(cause).__name__}: {first_line(cause)}); check the file"
                )
        return Result(words.getvalue().replace(absolute, path), error, out.getvalue())

    def _check(self) -> None:
        """Raise FerEdgeError where results would be others'."""
        if __version__ != self._version:
            raise FerEdgeError(
                f"worker {_here()}: has fer-edge {__version__}, and {self._version} asks; install the same"
            )
        if model_digest(self._work.reader) != self._digest:
            name = self._work.reader.settings.classifier.model
            raise ModelError(f"worker {_here()}: model {name} is another file there; install the same")


def _here() -> str:
    """The worker's address, with its machine."""
    import distributed

    return f"{distributed.get_worker().address} on {os.uname().nodename}"
