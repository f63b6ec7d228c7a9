"""The log is only ever appended to, holds whole lines alone, and says in words why it cannot be written."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fer_edge.errors import SinkError
from fer_edge.settings import LogSettings
from fer_edge.sinks.log import Log
from fer_edge.types import Event, Frame, Observation, State
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

Make = Callable[..., Observation]


def opened(path: Path, **settings: Any) -> Log:
    return Log(LogSettings(path=str(path), **settings))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def written(path: Path, observations: list[Observation], **settings: Any) -> list[dict[str, Any]]:
    log = opened(path, **settings)
    for observation in observations:
        log.write(observation)
    log.close()
    return lines(path)


def test_frames_mode_writes_every_frame(tmp_path: Path, make_observation: Make) -> None:
    """Mode frames writes every frame in the documented form."""
    entries = written(tmp_path / "log.jsonl", [make_observation(0), make_observation(1, "happy", "sad")], mode="frames")
    assert entries[0] == {"time": "2026-01-01T12:00:00.000000+00:00", "source": "test", "frame": 0, "faces": []}
    assert entries[1]["time"] == "2026-01-01T12:00:00.040000+00:00"
    face = entries[1]["faces"][0]
    assert list(face) == ["id", "box", "emotion", "confidence", "scores"]
    assert (face["id"], face["box"], face["emotion"], face["confidence"]) == (1, [1, 2, 3, 4], "happy", 0.7)
    assert list(face["scores"]) == ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    assert face["scores"]["happy"] == 0.7


def test_changes_mode_writes_events_and_heartbeats(tmp_path: Path, make_observation: Make) -> None:
    """Mode changes writes events and a heartbeat."""
    quiet = [make_observation(number, "happy") for number in range(100)]
    face = quiet[50].faces[0]
    quiet[50] = Observation(quiet[50].frame, quiet[50].faces, (Event("changed", face),))
    entries = written(tmp_path / "log.jsonl", quiet, heartbeat_seconds=1.0)
    # 4 seconds: one at the start, then each second, counted again from the change at 2.0 s, and one at the end.
    assert [entry["frame"] for entry in entries] == [0, 25, 50, 75, 99]
    assert entries[4]["events"] == [{"kind": "heartbeat"}]
    assert entries[2]["events"] == [{"kind": "changed", "id": 1, "emotion": "happy"}]
    assert entries[3]["events"] == [{"kind": "heartbeat"}]
    assert entries[3]["faces"][0]["emotion"] == "happy"


def test_an_existing_log_is_appended_to(tmp_path: Path, make_observation: Make) -> None:
    path = tmp_path / "log.jsonl"
    written(path, [make_observation(0)], mode="frames")
    before = path.read_bytes()
    written(path, [make_observation(1)], mode="frames")
    assert path.read_bytes().startswith(before)
    assert [entry["frame"] for entry in lines(path)] == [0, 1]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(whole=st.integers(0, 4), cut=st.integers(0, 400), zeros=st.integers(0, 5000))
def test_power_cut_leaves_whole_lines(whole: int, cut: int, zeros: int, tmp_path: Path, make_observation: Make) -> None:
    """What a power cut leaves is cut off and no whole line is lost."""
    path = tmp_path / "log.jsonl"
    path.unlink(missing_ok=True)
    written(path, [make_observation(number, "happy") for number in range(whole + 1)], mode="frames")
    text = path.read_bytes()
    last = text[: text.rindex(b"\n", 0, -1) + 1 if whole else 0]
    torn = text[len(last) :][: min(cut, len(text) - len(last) - 2)]  # never the whole line
    path.write_bytes(last + torn + b"\0" * zeros)

    log = opened(path, mode="frames")
    assert log.repaired == len(torn) + zeros
    log.write(make_observation(99))
    log.close()
    assert [entry["frame"] for entry in lines(path)] == [*range(whole), 99]


def test_missing_newline_is_added(tmp_path: Path, make_observation: Make) -> None:
    """A whole last line that lacks only its newline is kept."""
    path = tmp_path / "log.jsonl"
    written(path, [make_observation(0), make_observation(1)], mode="frames")
    path.write_bytes(path.read_bytes()[:-1])
    assert [entry["frame"] for entry in written(path, [make_observation(2)], mode="frames")] == [0, 1, 2]


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"notes to self", b'{"other": 1}\n{"half', b"\0" * 70_000]
)
def test_other_file_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    """A file that is no log is refused and left as it is."""
    path = tmp_path / "precious"
    path.write_bytes(content)
    with pytest.raises(SinkError, match=r"precious.*is not a fer-edge log.*choose another"):
        opened(path)
    assert path.read_bytes() == content


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    first = opened(path)
    with pytest.raises(SinkError, match=r"log\.jsonl: another fer-edge writes to it"):
        opened(path)
    first.close()
    opened(path).close()


def test_unusable_paths_are_refused(tmp_path: Path) -> None:
    """A folder that is missing or a name that is a folder is reported."""
    with pytest.raises(SinkError, match=r"none/log\.jsonl: cannot be opened.*No such file.*choose another"):
        opened(tmp_path / "none" / "log.jsonl")
    with pytest.raises(SinkError, match="Is a directory"):
        opened(tmp_path)


def test_a_full_device_is_said(make_observation: Make) -> None:
    log = opened(Path("/dev/full"), mode="frames")
    with pytest.raises(SinkError, match=r"/dev/full: cannot be written \(No space left on device\) after 0 lines"):
        log.write(make_observation(0))
    log.close()


@pytest.mark.process
def test_disk_full_mid_line(tmp_path: Path) -> None:
    """The file may not grow past 1,000 bytes: the system takes a part of a line, and then nothing."""
    path = tmp_path / "log.jsonl"
    program = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parents[3] / "edge")]!r}
from datetime import datetime, UTC
import numpy as np
from fer_edge.settings import LogSettings
from fer_edge.sinks.log import Log
from fer_edge.types import Frame, Observation
log = Log(LogSettings(path={str(path)!r}, mode="frames"))
for number in range(100):
    log.write(Observation(Frame(number, 0.0, datetime.now(UTC), np.zeros((2, 2), np.uint8), "test"), (), ()))
"""
    limit = (1000, 1000)
    child = subprocess.run(
        [sys.executable, "-c", program],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "SinkError" in child.stderr
    assert "cannot be written" in child.stderr
    entries = lines(path)
    assert [entry["frame"] for entry in entries] == list(range(len(entries)))
    assert 0 < len(entries) < 100


def test_flush_follows_the_settings(tmp_path: Path, make_observation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on the disk as often as the settings say."""
    flushed: list[int] = []
    monkeypatch.setattr(os, "fdatasync", flushed.append)
    log = opened(tmp_path / "log.jsonl", mode="frames", flush_seconds=1.0)
    for number in range(100):  # 4 seconds
        log.write(make_observation(number))
    assert len(flushed) == 3  # at 1.0, 2.04 and 3.08 s: a second after the oldest line
    log.close()
    log.close()
    assert len(flushed) == 4


def test_flush_needs_no_next_line(tmp_path: Path, make_observation: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is on the disk in time though no other follows."""
    flushed: list[float] = []
    now = 0.0
    monkeypatch.setattr(os, "fdatasync", lambda _: flushed.append(now))
    log = opened(tmp_path / "log.jsonl", mode="changes", flush_seconds=5.0)
    for number in range(1000):  # 40 seconds without a change
        now = number / 25
        log.write(make_observation(number, "happy"))
    assert log.lines == 1
    assert flushed == [5.0]
    log.close()


def test_deleted_log_begins_again(tmp_path: Path, make_observation: Make) -> None:
    """A log that is deleted begins again."""
    path = tmp_path / "log.jsonl"
    log = opened(path, mode="frames")
    log.write(make_observation(0))
    path.unlink()
    log.write(make_observation(1))
    log.close()
    assert [entry["frame"] for entry in lines(path)] == [1]


def test_pipe_without_reader_is_an_error(tmp_path: Path, make_observation: Make) -> None:
    """A pipe that nothing reads is an error and no halt."""
    os.mkfifo(tmp_path / "pipe")
    log = opened(tmp_path / "pipe", mode="frames")
    crowd = [make_observation(number, "happy", "sad") for number in range(1000)]
    with pytest.raises(SinkError, match="pipe: cannot be written"):
        deque(map(log.write, crowd))
    log.close()


def test_source_name_without_text_is_logged(tmp_path: Path, make_frame: Callable[..., Frame]) -> None:
    """A source whose name is no text is logged."""
    frame = replace(make_frame(0), source=b"bad\xff.jpg".decode("utf-8", "surrogateescape"))
    (entry,) = written(tmp_path / "log.jsonl", [Observation(frame, (), ())], mode="frames")
    assert entry["source"] == "bad\\udcff.jpg"


def test_log_into_a_device_works(make_observation: Make) -> None:
    """A log in something that is no file works."""
    log = opened(Path("/dev/null"), mode="frames")
    log.write(make_observation(0))
    log.close()
    assert log.lines == 1


@pytest.mark.parametrize("state", ["paused", "lost"])
def test_pause_flushes_the_log(
    tmp_path: Path, make_observation: Make, monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    """No frames come then whose times would say when it is due; with nothing new, the disk is left alone."""
    flushed: list[int] = []
    monkeypatch.setattr(os, "fdatasync", flushed.append)
    log = opened(tmp_path / "log.jsonl", mode="frames", flush_seconds=5.0)
    log.state("starting")
    log.write(make_observation(0))
    log.state("running")
    assert not flushed
    log.state(state)
    assert len(flushed) == 1
    log.state(state)
    assert len(flushed) == 1
    log.close()
