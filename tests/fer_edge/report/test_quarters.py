"""Sums by quarters of an hour are those of the whole log, whatever the index has, and whatever became of the files."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fer_edge.logs import index
from fer_edge.logs import purge as purging
from fer_edge.logs.files import Span, full_file_path, full_files
from fer_edge.logs.purge import purge
from fer_edge.logs.reader import entries
from fer_edge.records import line
from fer_edge.report import quarters
from fer_edge.report.quarters import LogSums
from fer_edge.report.tally import QUARTER_S, Tally, Totals

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
END = BEGIN + timedelta(days=1)
LABELS = ("angry", "happy", "neutral")
LONGEST_S = 60.0


def lines(count: int, seed: int, seconds: float = 40.0) -> list[tuple[datetime, bytes]]:
    """Faces that come, change, and go, with heartbeats, gaps and restarts between them."""
    chance, faces, found = random.Random(seed), {}, []
    time, frame, number, every_frame = BEGIN, 0, 0, seed % 5 == 4
    for _ in range(count):
        time += timedelta(seconds=round(chance.expovariate(1 / seconds), 3))
        frame += 1
        kind, events = chance.random(), []
        if kind < 0.02:  # another run
            frame, number, faces = 0, 0, {}
            time += timedelta(seconds=chance.choice((1, 30, 4000)))
        elif kind < 0.3:
            number += 1
            faces[number] = chance.choice(LABELS)
            events = [{"kind": "came", "id": number}]
        elif kind < 0.5 and faces:
            gone = chance.choice(list(faces))
            del faces[gone]
            events = [{"kind": "gone", "id": gone}]
        elif kind < 0.9 and faces:
            faces[chance.choice(list(faces))] = chance.choice((*LABELS, "uncertain"))
        shown = [
            {"id": one, "emotion": emotion, "scores": dict.fromkeys(LABELS, 0.3)} for one, emotion in faces.items()
        ]
        data: Any = {
            "time": time.isoformat(timespec="microseconds"),
            "source": "camera:0",
            "frame": frame,
            "faces": shown,
        }
        found.append((time, line(data if every_frame else data | {"events": events}).encode()))
    return found


def write(path: Path, made: list[tuple[datetime, bytes]], cuts: list[int]) -> None:
    """The lines in files that are full at `cuts`, and the last one."""
    for old in path.parent.glob("*.jsonl"):
        old.unlink()
    places = [0, *cuts, len(made)]
    for number, (begin, end) in enumerate(pairwise(places), 1):
        part, data = made[begin:end], b"".join(text for _, text in made[begin:end])
        span = Span(part[0][0].replace(microsecond=0), part[-1][0]) if part else Span(BEGIN, BEGIN)
        (path if end == len(made) else full_file_path(path, number, span)).write_bytes(data)


class Exact(Tally):
    """The same by reading the lines of the span, and what is near it."""

    def __init__(self, start: datetime, end: datetime) -> None:
        super().__init__(start, end, LONGEST_S, UTC)
        self.parts: dict[int, Totals] = {}

    def _part(self, time: float) -> Totals:
        return self.parts.setdefault(int(time // QUARTER_S), Totals())


def exact(path: Path, start: datetime, end: datetime) -> dict[int, Totals]:
    counted = Exact(start, end)
    for entry in entries(path, start - timedelta(seconds=LONGEST_S), None):
        counted.add(entry)
    counted.finish(END)
    return counted.parts


def same(path: Path, start: datetime, end: datetime) -> None:
    """Compare the sums of a span with those of its lines alone."""
    found, expected = LogSums(path, LONGEST_S).quarters(start, end, END), exact(path, start, end)
    times = {number: ({k: round(v, 3) for k, v in part.seconds.items() if v > 1e-6}) for number, part in found.items()}
    wanted = {
        number: ({k: round(v, 3) for k, v in part.seconds.items() if v > 1e-6}) for number, part in expected.items()
    }
    for number in times | wanted:
        assert times.get(number, {}) == pytest.approx(wanted.get(number, {}), abs=0.002)
    carried = next(iter(found.values())).carried if found else 0
    for name, more in (("faces", carried), ("changes", 0)):
        assert sum(getattr(part, name) for part in found.values()) + more == sum(
            getattr(part, name) for part in expected.values()
        )
    assert max((part.crowd for part in found.values()), default=0) == max(
        (part.crowd for part in expected.values()), default=0
    )


@pytest.mark.parametrize("seed", range(10))
def test_sums_are_those_of_the_lines(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans in any order, from an index that each of them leaves to the next."""
    monkeypatch.setattr(quarters, "SAVE_BYTES", 1)
    path, chance = tmp_path / "log.jsonl", random.Random(seed)
    write(path, lines(200, seed), sorted(chance.sample(range(1, 200), chance.randrange(5))))
    for _ in range(3):
        start = BEGIN + timedelta(seconds=QUARTER_S * chance.randrange(20))
        same(path, start, start + timedelta(seconds=QUARTER_S * chance.randrange(1, 20)))
    same(path, BEGIN, END)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of three files, all of them in the index."""
    monkeypatch.setattr(quarters, "SAVE_BYTES", 1)
    path = tmp_path / "log.jsonl"
    write(path, lines(300, 1), [100, 200])
    same(path, BEGIN, END)
    assert len(index.load(path, LogSums(path, LONGEST_S)._kind)) == 3
    return path


def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The lines that are read from now on."""
    read: list[bytes] = []
    parse: Callable[[bytes], Any] = quarters.parse

    def counting(text: bytes) -> Any:
        read.append(text)
        return parse(text)

    monkeypatch.setattr(quarters, "parse", counting)
    return read


def test_no_line_is_read_twice(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was appended is, also after the file became a full one."""
    read = parsed(monkeypatch)
    LogSums(log, LONGEST_S).quarters(BEGIN, END, END)
    assert read == []
    made = lines(310, 1)
    with log.open("ab") as file:
        file.writelines(text for _, text in made[300:305])
    log.rename(full_file_path(log, 3, Span(made[200][0], made[304][0])))
    log.write_bytes(b"".join(text for _, text in made[305:]))
    same(log, BEGIN, END)
    assert read == [text for _, text in made[300:]]


def test_torn_lines_are_counted(log: Path) -> None:
    """Those that say when they were written in their quarter, others in that of the line before; also by the index."""
    cut = b'{"time": "2026-01-01T12:20:00+00:00", "sou\n'
    part = full_files(log)[0].path
    whole = part.read_bytes()
    part.write_bytes(whole + cut)
    log.write_bytes(log.read_bytes() + b'{"ti\n' + b"\0\n")
    read = entries(log)
    assert len(list(read)) == 300
    for _ in range(2):
        found = LogSums(log, LONGEST_S).quarters(BEGIN, END, END)
        assert sum(part.torn for part in found.values()) == read.torn == 3
        assert found[int(BEGIN.timestamp()) // QUARTER_S + 1].torn == 1
    same(log, BEGIN, END)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_changed_file_is_read_again(which: int, log: Path) -> None:
    """And what comes after it, since it goes on from there; by its bytes, even if its size and name are as before."""
    path = [*(part.path for part in full_files(log)), log][which]
    before = path.read_bytes()
    path.write_bytes(before.replace(b'"happy"', b'"angry"'))
    os.utime(path, (1e9, 1e9))
    same(log, BEGIN, END)


def test_deleted_files_are_forgotten(log: Path) -> None:
    """Those of the beginning, as retention deletes them; the rest stays known."""
    full_files(log)[0].path.unlink()
    index.prune(log)
    assert len(index.load(log, LogSums(log, LONGEST_S)._kind)) == 2
    first = full_files(log)[0].span.begin + timedelta(minutes=30)
    same(log, first - (first - BEGIN) % timedelta(seconds=QUARTER_S), END)


def test_purge_removes_the_index(log: Path) -> None:
    """Also one that is written while it runs, from lines that are gone now."""
    slow = LogSums(log, LONGEST_S)
    slow.quarters(BEGIN, END, END)
    purge(log, BEGIN + timedelta(hours=2))
    assert not index.index_path(log).exists()
    slow._save()  # as if it had been slow
    kept = index.load(log, slow._kind)
    assert all(
        entry.inode in {part.path.stat().st_ino for part in [*full_files(log)]} | {log.stat().st_ino}
        for entry in kept.values()
    )
    same(log, BEGIN, END)


def test_index_of_purged_lines_does_not_stay(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that is written in the middle of a purge, nor one that is being written at its end."""
    kind = LogSums(log, LONGEST_S)._kind
    known = list(index.load(log, kind).values())
    rewritten = purging._purge_file

    def slowly(*arguments: Any, **named: Any) -> bool:
        index.save(log, kind, known)
        return rewritten(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(purging, "_purge_file", slowly)
        purge(log, BEGIN + timedelta(minutes=30))
    assert not index.index_path(log).exists()

    same(log, BEGIN, END)
    known = list(index.load(log, kind).values())
    write_at_once = index.atomic_write

    @contextmanager
    def late(*arguments: Any, **named: Any) -> Iterator[Path]:
        with write_at_once(*arguments, **named) as temporary:
            yield temporary
            purge(log, BEGIN + timedelta(hours=1))

    monkeypatch.setattr(index, "atomic_write", late)
    index.save(log, kind, known)
    assert not index.index_path(log).exists()


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"version":1}', b'{"version":1,"kind":1,"files":3}', b"\xff"])
def test_damaged_index_is_made_again(text: bytes, log: Path) -> None:
    index.index_path(log).write_bytes(text)
    same(log, BEGIN, END)
    assert len(index.load(log, LogSums(log, LONGEST_S)._kind)) == 3


@pytest.mark.parametrize(
    "sums", [None, 3, [], [[[1, 2]], [], None, False], [[], [[1, "happy", "x", 0, True]], None, 1]]
)
def test_sums_of_another_kind_are_ignored(sums: Any, log: Path) -> None:
    """What somebody wrote into the index is checked before it is used."""
    kind = LogSums(log, LONGEST_S)._kind
    known = index.load(log, kind)
    index.save(log, kind, [entry._replace(sums=sums) for entry in known.values()])
    same(log, BEGIN, END)


def test_read_only_folder_is_slower_only(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without permission or room the sums are the same, and nothing is left behind."""
    index.remove(log)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index, "atomic_write", full)
    same(log, BEGIN, END)
    assert not index.index_path(log).exists()


def test_index_is_bounded(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest entries are dropped first."""
    kind = LogSums(log, LONGEST_S)._kind
    known = index.load(log, kind)
    monkeypatch.setattr(index, "MAX_INDEX_BYTES", index.index_path(log).stat().st_size - 1)
    index.save(log, kind, known.values())
    left = index.load(log, kind)
    assert log.stat().st_ino in left
    assert full_files(log)[0].path.stat().st_ino not in left
    same(log, BEGIN, END)
