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


def test_mode_frames_writes_every_frame_in_the_documented_form(tmp_path: Path, make_observation: Make) -> None:
    entries = written(tmp_path / "log.jsonl", [make_observation(0), make_observation(1, "happy", "sad")], mode="frames")
    assert entries[0] == {"time": "2026-01-01T12:00:00.000000+00:00", "source": "test", "frame": 0, "faces": []}
    assert entries[1]["time"] == "2026-01-01T12:00:00.040000+00:00"
    face = entries[1]["faces"][0]
    assert list(face) == ["id", "box", "emotion", "confidence", "scores"]
    assert (face["id"], face["box"], face["emotion"], face["confidence"]) == (1, [1, 2, 3, 4], "happy", 0.7)
    assert list(face["scores"]) == ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    assert face["scores"]["happy"] == 0.7


def test_mode_changes_writes_events_and_a_heartbeat(tmp_path: Path, make_observation: Make) -> None:
    quiet = [make_observation(number, "happy") for number in range(100)]
    face = quiet[50].faces[0]
    quiet[50] = Observation(quiet[50].frame, quiet[50].faces, (Event("changed", face),))
    entries = written(tmp_path / "log.jsonl", quiet, heartbeat_seconds=1.0)
    # 4 seconds: one at the start, then each second, counted anew from the change at 2.0 s.
    assert [entry["frame"] for entry in entries] == [0, 25, 50, 75]
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
def test_what_a_power_cut_leaves_is_cut_off_and_no_whole_line_is_lost(
    whole: int, cut: int, zeros: int, tmp_path: Path, make_observation: Make
) -> None:
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


def test_a_whole_last_line_that_lacks_only_its_newline_is_kept(tmp_path: Path, make_observation: Make) -> None:
    path = tmp_path / "log.jsonl"
    written(path, [make_observation(0), make_observation(1)], mode="frames")
    path.write_bytes(path.read_bytes()[:-1])
    assert [entry["frame"] for entry in written(path, [make_observation(2)], mode="frames")] == [0, 1, 2]


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"notes to self", b'{"other": 1}\n{"half', b"\0" * 70_000]
)
def test_a_file_that_is_no_log_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
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


def test_a_folder_that_is_missing_or_a_name_that_is_a_folder_is_said(tmp_path: Path) -> None:
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
def test_a_disk_that_fills_up_in_mid_line_leaves_whole_lines(tmp_path: Path) -> None:
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


def test_it_is_on_the_disk_as_often_as_the_settings_say(
    tmp_path: Path, make_observation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fdatasync", flushed.append)
    log = opened(tmp_path / "log.jsonl", mode="frames", flush_seconds=1.0)
    for number in range(100):  # 4 seconds
        log.write(make_observation(number))
    assert len(flushed) == 3  # at 1.0, 2.04 and 3.08 s: a second after the oldest line
    log.close()
    log.close()
    assert len(flushed) == 4


def test_a_line_is_on_the_disk_in_time_though_no_other_follows(
    tmp_path: Path, make_observation: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_log_that_is_deleted_begins_anew(tmp_path: Path, make_observation: Make) -> None:
    path = tmp_path / "log.jsonl"
    log = opened(path, mode="frames")
    log.write(make_observation(0))
    path.unlink()
    log.write(make_observation(1))
    log.close()
    assert [entry["frame"] for entry in lines(path)] == [1]


def test_a_pipe_that_nobody_empties_is_an_error_and_no_halt(tmp_path: Path, make_observation: Make) -> None:
    os.mkfifo(tmp_path / "pipe")
    log = opened(tmp_path / "pipe", mode="frames")
    crowd = [make_observation(number, "happy", "sad") for number in range(1000)]
    with pytest.raises(SinkError, match="pipe: cannot be written"):
        deque(map(log.write, crowd))
    log.close()


def test_a_source_whose_name_is_no_text_is_logged(tmp_path: Path, make_frame: Callable[..., Frame]) -> None:
    frame = replace(make_frame(0), source=b"bad\xff.jpg".decode("utf-8", "surrogateescape"))
    (entry,) = written(tmp_path / "log.jsonl", [Observation(frame, (), ())], mode="frames")
    assert entry["source"] == "bad\\udcff.jpg"


def test_a_log_in_something_that_is_no_file_works(make_observation: Make) -> None:
    log = opened(Path("/dev/null"), mode="frames")
    log.write(make_observation(0))
    log.close()
    assert log.lines == 1


@pytest.mark.parametrize("state", ["paused", "lost"])
def test_a_pause_brings_lines_to_the_disk(
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
