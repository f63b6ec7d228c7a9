"""A Dask cluster gives what one process gives, to the byte; what is killed costs nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest
from fer_edge.batch import cluster
from fer_edge.batch.early import Early
from fer_edge.batch.progress import key_of
from fer_edge.cli import main
from fer_edge.demo import PORTRAIT
from fer_edge.demo.clip import Clip
from fer_edge.reader import Reader

distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'fer-edge[dask]'")
pytest.importorskip("pyarrow", reason="needs PyArrow: pip install 'fer-edge[parquet]'")
pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]

TIMEOUT_S = 200.0  # of a busy machine
FRAMES = 6  # of a clip
OTHER_SUMMER = 1_700_000_000  # when a file was written


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Cluster:
    """A scheduler on loopback, and workers of one thread."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.file = folder / "scheduler.json"
        self._environment = os.environ | {f"DASK_DISTRIBUTED__{key}": value for key, value in settings.items()}
        self._log = (folder / "cluster.txt").open("w")
        self.scheduler = self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        self.workers: list[subprocess.Popen[bytes]] = []
        until(self.file.exists)

    def _start(self, program: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{program}", "--scheduler-file", str(self.file), *options]
        return subprocess.Popen(
            [*command, "--no-dashboard"], env=self._environment, stdout=self._log, stderr=subprocess.STDOUT
        )

    def add_worker(self, *options: str) -> None:
        options = options or ("--no-nanny",)
        self.workers.append(self._start("dask_worker", "--nthreads", "1", "--host", "127.0.0.1", *options))

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self._log.close()


@contextmanager
def started(folder: Path, workers: int, **settings: str) -> Iterator[Cluster]:
    there = Cluster(folder, **settings)
    try:
        for _ in range(workers):
            there.add_worker()
        if workers:  # else the first command says that it waits for them
            with distributed.Client(scheduler_file=str(there.file), set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=TIMEOUT_S)
        yield there
    finally:
        there.close()


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with started(tmp_path_factory.mktemp("cluster"), 2) as there:
        yield there


def clip(path: Path, frames: int = FRAMES) -> None:
    drawn = Clip()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (640, 480))
    for number in range(frames):
        writer.write(drawn.draw(number % 100))
    writer.release()
    os.utime(path, (OTHER_SUMMER, OTHER_SUMMER))


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Clips in folders, a picture, a clip that nobody can read, and a text."""
    folder = tmp_path / "archive"
    (folder / "b").mkdir(parents=True)
    for name in ("c.avi", "b/a.avi", "b/z.avi"):
        clip(folder / name)
    (folder / "a.jpg").write_bytes(PORTRAIT.read_bytes())
    (folder / "b" / "bad.mp4").write_text("no video " * 100)
    (folder / "notes.txt").write_text("of the dig")
    monkeypatch.chdir(tmp_path)
    return folder


def detect(*options: str) -> list[str]:
    return ["detect", "archive", *options]


def test_cluster_gives_the_same_bytes(
    two_workers: Cluster, archive: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Table, lines and words, also from a relative path; the clip that no worker can read is one line."""
    said = []
    for name, options in (("one", ["--archive"]), ("many", ["--dask", str(two_workers.file)])):
        caplog.clear()
        assert main(detect(*options, "--parquet", f"{name}.parquet", "--json", f"{name}.jsonl")) == 3
        said.append((capsys.readouterr().out, [record.getMessage() for record in caplog.records]))
    assert said[0] == said[1]
    assert said[0][0].count("Happy") == 4
    assert sum("archive/b/bad.mp4: is neither a video nor a picture" in line for line in said[1][1]) == 1
    for kind in ("parquet", "jsonl"):
        assert Path(f"one.{kind}").read_bytes() == Path(f"many.{kind}").read_bytes()
    names = ("archive", "one.parquet", "one.jsonl", "many.parquet", "many.jsonl")
    assert {path.name for path in Path().iterdir()} == set(names)


def test_other_release_is_refused(
    two_workers: Cluster, archive: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Results of two releases, or of two models, are not mixed."""
    monkeypatch.setattr(cluster, "__version__", "9.9.9")
    assert main(detect("--dask", str(two_workers.file))) == 1
    assert "and 9.9.9 asks; install the same" in caplog.text
    monkeypatch.undo()
    monkeypatch.chdir(archive.parent)
    monkeypatch.setattr(cluster, "model_digest", lambda reader: "other")
    assert main(detect("--dask", str(two_workers.file))) == 5
    assert "is another file there; install the same" in caplog.text


@pytest.mark.parametrize("stopped", ["worker", "client"])
@pytest.mark.long
def test_killed_in_the_middle(tmp_path: Path, archive: Path, stopped: str) -> None:
    """The other worker, or the next run, goes on; files that were read are spoilt meanwhile, and not read again."""
    for number in range(8):
        clip(archive / "b" / f"{number}.avi", 30)
    assert main(detect("--archive", "--parquet", "one.parquet")) == 3
    table = Path("many.parquet")
    early = Early(Path(f"{table}.rows.csv.early"), key_of(Reader(), file_times=True))
    paths = [f"archive/b/{number}.avi" for number in range(8)]
    with started(tmp_path, 2) as there:
        command = [sys.executable, "-m", "fer_edge", *detect("--dask", str(there.file), "--parquet", str(table))]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as client:
            until(lambda: done(table) or any(map(early.has, paths)))
            (there.workers[0] if stopped == "worker" else client).kill()
            client.communicate()
        assert client.returncode == (3 if stopped == "worker" else -signal.SIGKILL)
        if stopped == "client":
            read = [path for path in paths if path in done(table) or early.has(path)]
            assert len(read) < len(paths)
            for path in read:
                spoil(Path(path))
            assert main(detect("--dask", str(there.file), "--parquet", str(table))) == 3
    assert table.read_bytes() == Path("one.parquet").read_bytes()
    assert not list(Path().glob("many.parquet.*"))


def done(table: Path) -> list[str]:
    """Paths that are noted as done."""
    progress = Path(f"{table}.rows.csv.progress")
    lines = progress.read_text().splitlines()[1:] if progress.exists() else []
    return [os.path.relpath(json.loads(line)["path"]) for line in lines]


def spoil(path: Path) -> None:
    """Other content of the same size and time."""
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


KILLER = """
import os, signal
from fer_edge.batch import cluster, work
read = work.read_path  # Dask may load this twice
cluster.read_path = lambda path, *rest, **more: (
    os.kill(os.getpid(), signal.SIGKILL) if path.endswith("b/z.avi") else read(path, *rest, **more)
)
"""


@pytest.mark.long
def test_clip_that_kills_its_workers(tmp_path: Path, archive: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As one that needs more memory than there is: it is one line; its neighbours in the queue are read."""
    (tmp_path / "killer.py").write_text(KILLER)
    clip(archive / "b" / "zz.avi")
    with started(tmp_path, 0, SCHEDULER__ALLOWED_FAILURES="1") as there:
        there.add_worker("--nanny", "--preload", str(tmp_path / "killer.py"))
        assert main(detect("--dask", str(there.file), "--csv", "t.csv")) == 3
    _, errors = capfd.readouterr()
    assert errors.count("was killed") == 1
    assert "archive/b/z.avi: every worker that read it was killed" in errors
    assert "2 of 6 paths could not be read whole" in errors
    assert b"b/zz.avi" in Path("t.csv").read_bytes()


SLOW = """
import time
from fer_edge.batch import cluster, work
read = work.read_path  # Dask may load this twice
cluster.read_path = lambda path, *rest, **more: (
    time.sleep(600) if path.endswith("b/z.avi") else read(path, *rest, **more)
)
"""


@pytest.mark.long
def test_scheduler_is_lost(tmp_path: Path, archive: Path) -> None:
    """One line, and what was read is kept for the next run."""
    (tmp_path / "slow.py").write_text(SLOW)
    with started(tmp_path, 0) as there:
        there.add_worker("--no-nanny", "--preload", str(tmp_path / "slow.py"))
        command = [sys.executable, "-m", "fer_edge", *detect("--dask", str(there.file), "--csv", "t.csv")]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as client:
            until(lambda: Path("t.csv").exists() and b"a.jpg" in Path("t.csv").read_bytes())
            there.scheduler.kill()
            _, errors = client.communicate()
    assert client.returncode == 1
    assert "is lost; run it again, and it goes on from here" in errors.splitlines()[-1]
    assert Path("t.csv.progress").exists()


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"tcp://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "why"),
    [(closed_port(), "Timed out"), ("tower", "no address with a port"), ("/none/s.json", "No such file or directory")],
    ids=["closed", "no port", "no file"],  # processes that share the tests must name them alike
)
def test_absent_scheduler_is_one_line(
    address: str, why: str, archive: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT_S", 1)
    assert main(detect("--dask", address, "--csv", "t.csv")) == 1
    warning, error = capfd.readouterr().err.splitlines()
    assert "1 file left out" in warning
    assert error.startswith(f"fer-edge: error: scheduler {address}: cannot be reached (")
    assert why in error
    assert not list(Path().glob("t.csv.*"))


@pytest.mark.parametrize("option", [["--jobs", "2"], ["--annotate", "drawn"], ["-"]])
def test_one_machine_or_several(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", *option, "archive", "--dask", "tcp://127.0.0.1:1"]) == 2
    assert "is for one machine, and --dask for several" in capsys.readouterr().err
