"""The power may fail before any operation on a file: what was flushed is there once, and nothing torn is ever read.

`Disk` watches what the log does. Of each moment it knows what a journalling file system may have kept: the names as
they were after any of the steps since the folder was last synchronised, in their order; of each file what was
synchronised, or more of it, torn, with zeros where data was on its way, at the end or in between. Each of these disks
is laid out, and the log goes on.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fer_edge.logs.files import PURGE_SUFFIX
from fer_edge.logs.purge import purge

Frames = Callable[[Path], list[int]]
WATCHED = ("open", "write", "ftruncate", "fdatasync", "fsync", "rename", "unlink")


class Cut(NamedTuple):
    """A moment at which the power may fail."""

    flushed: int  # lines that the log said are on the disk
    names: list[dict[str, int]]  # name -> file, before and after each step since the folder's synchronisation
    contents: dict[int, tuple[bytes, bytes]]  # file -> as synchronised, as written


class Disk:
    """What the operations on one folder leave behind."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.undo = folder, patch.undo
        self._open = os.open
        self.flushed = 0
        self.cuts: list[Cut] = []
        self._files: dict[int, int] = {}  # inode -> a descriptor, which keeps the number from being used again
        self._synced: dict[int, bytes] = {}
        self._names = [self._listed()]
        for name in WATCHED:
            patch.setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            self.cuts.append(Cut(self.flushed, list(self._names), self._contents()))
            result = real(*arguments, **more)
            names = self._listed()
            if names != self._names[-1]:
                self._names.append(names)
            if name in ("fsync", "fdatasync"):
                inode = os.fstat(arguments[0]).st_ino
                if inode == self.folder.stat().st_ino:
                    self._names = self._names[-1:]
                elif inode in self._files:
                    self._synced[inode] = self._content(inode)
            return result

        return call

    def _listed(self) -> dict[str, int]:
        names = {}
        with os.scandir(self.folder) as found:
            for one in found:
                names[one.name] = one.inode()
                if one.inode() not in self._files:
                    self._files[one.inode()] = self._open(one.path, os.O_RDONLY)
        return names

    def _content(self, inode: int) -> bytes:
        return os.pread(self._files[inode], 1 << 20, 0)

    def _contents(self) -> dict[int, tuple[bytes, bytes]]:
        return {inode: (self._synced.get(inode, b""), self._content(inode)) for inode in self._files}

    def settle(self) -> None:
        """Time passes, and all that is written reaches the disk."""
        self._synced = {inode: self._content(inode) for inode in self._files}

    def close(self) -> None:
        for file in self._files.values():
            os.close(file)


def holed(more: bytes) -> bytes:
    """With zeros where it begins: a later sector of a block is there, an earlier one is not. No new file begins so."""
    return (bytes(5) + more[5:])[: len(more)]


def disks(cut: Cut) -> Iterator[dict[str, bytes]]:
    """What may lie on the disk after `cut`: name -> content."""
    kept: list[Callable[[bytes, bytes], bytes]] = [
        lambda synced, written: synced,
        lambda synced, written: written,
        lambda synced, written: written[: (len(synced) + len(written)) // 2],
        lambda synced, written: written[: len(synced) + 3] + b"\0" * max(len(written) - len(synced) - 3, 0),
        lambda synced, written: synced + holed(written[len(synced) :]) if synced else synced,
    ]
    for names in cut.names:
        for keep in kept:
            yield {name: keep(*cut.contents[inode]) for name, inode in names.items()}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[], Disk]]:
    """A watched folder, "device"; all is as usual again when the fixture's own patch is undone."""
    made: list[Disk] = []
    with pytest.MonkeyPatch.context() as patch:

        def make() -> Disk:
            (tmp_path / "device").mkdir(exist_ok=True)
            made.append(Disk(tmp_path / "device", patch))
            return made[-1]

        yield make
    for one in made:
        one.close()


def reboots(
    watched: Disk, folder: Path, frames: Frames, make_writer: Callable[..., Any], **settings: Any
) -> Iterator[tuple[Cut, list[int]]]:
    """Every cut, each disk that it may leave once; the log goes on with frame 999, and what is read then."""
    seen: set[tuple[int, tuple[tuple[str, bytes], ...]]] = set()
    for cut in watched.cuts:
        for content in disks(cut):
            key = (cut.flushed, tuple(sorted(content.items())))
            if key in seen:
                continue
            seen.add(key)
            device = folder / f"reboot-{len(seen)}"
            device.mkdir()
            for name, data in content.items():
                (device / name).write_bytes(data)
            writer = make_writer(device / "log.jsonl", **settings)
            writer.frame = 999
            writer.write()
            writer.store.close()
            read = frames(device / "log.jsonl")
            assert read.pop() == 999
            assert all(first < second for first, second in pairwise(read)), "out of order, or twice"
            assert not list(device.glob("*" + PURGE_SUFFIX))
            yield cut, read


def test_cut_while_rotating_loses_nothing(
    tmp_path: Path, disk: Callable[[], Disk], make_writer: Callable[..., Any], frames: Frames
) -> None:
    """A power cut while writing and rotating loses nothing that was flushed."""
    watched = disk()
    writer = make_writer(watched.folder / "log.jsonl", rotate_megabytes=0.0003)  # three lines
    for number in range(1, 12):
        writer.write()
        if number % 2 == 0:
            writer.store.flush()
            watched.flushed = number
    writer.store.close()
    watched.undo()
    assert len(list(watched.folder.iterdir())) == 4

    checked = 0
    for cut, read in reboots(watched, tmp_path, frames, make_writer):
        assert read[: cut.flushed] == list(range(cut.flushed))
        checked += 1
    assert checked > 40


@pytest.mark.slow
def test_cut_while_deleting_keeps_newest(
    tmp_path: Path, disk: Callable[[], Disk], make_writer: Callable[..., Any], frames: Frames
) -> None:
    """A power cut while deleting what is too much leaves the newest."""
    watched = disk()
    settings = {"rotate_megabytes": 0.0002, "keep_megabytes": 0.0007}
    writer = make_writer(watched.folder / "log.jsonl", **settings)
    for number in range(1, 16):
        writer.write()
        writer.store.flush()
        watched.flushed = number
    writer.store.close()
    watched.undo()
    for cut, read in reboots(watched, tmp_path, frames, make_writer, **settings):
        assert read == list(range(read[0], read[-1] + 1)) if read else cut.flushed == 0
        assert not read or read[-1] >= cut.flushed - 1
        assert len(read) >= min(cut.flushed, 3)


def test_cut_while_purging_keeps_the_rest(
    tmp_path: Path, disk: Callable[[], Disk], make_writer: Callable[..., Any], frames: Frames
) -> None:
    """A power cut while purging keeps all that was to stay."""
    folder = tmp_path / "device"
    folder.mkdir()
    writer = make_writer(folder / "log.jsonl", rotate_megabytes=0.0003)
    begin = writer.taken
    writer.write(11)
    writer.store.close()
    watched = disk()
    watched.settle()
    done = purge(folder / "log.jsonl", begin + timedelta(seconds=5))
    watched.undo()
    assert (done.lines, done.kept, done.files, done.whole) == (5, 6, 2, 1)
    for _, read in reboots(watched, tmp_path, frames, make_writer):
        assert read[-6:] == [5, 6, 7, 8, 9, 10]
        assert read[:-6] in ([], [3, 4], [0, 1, 2, 3, 4])
    assert frames(folder / "log.jsonl") == [5, 6, 7, 8, 9, 10]


PROGRAM = """
import sys
sys.path[:0] = [{root!r}]
from datetime import UTC, datetime, timedelta
from fer_edge.logs.store import LogStore
from fer_edge.settings import LogSettings
store = LogStore(LogSettings(path={path!r}, rotate_megabytes=0.001))
taken = datetime(2026, 1, 1, tzinfo=UTC)
for frame in range({first}, 10**9):
    taken += timedelta(seconds=1)
    line = f'{{{{"time": "{{taken.isoformat()}}", "source": "x", "frame": {{frame}}, "faces": []}}}}\\n'
    store.append(line.encode(), taken, float(frame))
    print(frame, flush=True)
"""


@pytest.mark.process
def test_killed_process_leaves_whole_lines(tmp_path: Path, frames: Frames) -> None:
    """Killed at any instant, what it said to have written is there: the system has it, and the power stayed on."""
    path = tmp_path / "log.jsonl"
    chance = random.Random(6)
    first = 0
    for _ in range(4):
        root = str(Path(__file__).parents[3] / "edge")
        program = PROGRAM.format(root=root, path=str(path), first=first)
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(chance.randrange(20, 200)):
                child.stdout.readline()
            child.send_signal(signal.SIGKILL)
            said = [int(text) for text in child.stdout.read().splitlines(keepends=True) if text.endswith("\n")]
        read = frames(path)
        assert read == list(range(len(read)))
        assert len(read) > max(said, default=first)
        first = len(read)
    assert len(list(tmp_path.iterdir())) > 10
