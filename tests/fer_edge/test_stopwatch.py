"""Figures in the summary are right, whatever the number of frames."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fer_edge import stopwatch
from fer_edge.stopwatch import Histogram, Stopwatch, peak_memory, since_start, summary, written
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.floats(1e-6, 100), min_size=1), st.sampled_from([0.5, 0.95]))
def test_percentiles_are_right_to_one_percent(seconds: list[float], share: float) -> None:
    histogram = Histogram()
    for value in seconds:
        histogram.add(value)
    exact = float(np.percentile(seconds, 100 * share, method="inverted_cdf"))
    assert histogram.percentile(share) == pytest.approx(exact, rel=0.011)


def test_nothing_timed_is_nothing() -> None:
    assert Histogram().percentile(0.5) == 0
    assert Stopwatch().fps == 0


def test_laps_frames_and_faces_are_counted() -> None:
    times = iter([0.0, 0.1, 0.4, 0.5, 0.8])
    watch = Stopwatch(lambda: next(times))
    watch.start()
    for faces in (0, 2):
        watch.lap("source")
        watch.lap("detect")
        watch.frame(faces)
    assert (watch.frames, watch.faces, list(watch.stages)) == (2, 2, ["source", "detect"])
    assert watch.fps == pytest.approx(2 / 0.8)
    assert watch.stages["detect"].percentile(0.5) == pytest.approx(0.3, rel=0.011)


def test_damaged_frames_are_summed_up() -> None:
    watch = Stopwatch()
    watch.start()
    watch.frame(0)
    assert not [line for line in summary(watch) if "damaged" in line]
    watch.frame(0, 2)
    watch.frame(0, 1)
    assert "damaged frames left out 3" in summary(watch)


def test_a_loop_that_is_started_again_counts_from_its_first_start() -> None:
    times = iter([100.0, 101.0, 101.5, 102.0])  # a clock's zero means nothing
    watch = Stopwatch(lambda: next(times))
    for _ in range(2):
        watch.start()
        watch.lap("source")
        watch.frame(0)
    assert watch.fps == pytest.approx(2 / 2.0)
    assert watch.stages["source"].percentile(0.5) == pytest.approx(0.5, rel=0.011)  # what lay between is no lap


def test_peak_memory_is_this_processs_own_and_not_its_parents() -> None:
    ballast = np.ones(100_000_000, np.uint8)
    program = "from fer_edge.stopwatch import peak_memory; print(peak_memory())"
    root = Path(__file__).parents[2] / "edge"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert 5_000_000 < int(child.stdout) < 100_000_000 <= peak_memory()
    del ballast


def test_peak_memory_is_in_bytes() -> None:
    """A hundred million bytes more are a hundred million more."""
    program = (
        "from fer_edge.stopwatch import peak_memory; before = peak_memory(); ballast = b'x' * 100_000_000\n"
        "print(peak_memory() - before)"
    )
    root = Path(__file__).parents[2] / "edge"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert int(child.stdout) == pytest.approx(100e6, rel=0.1)


def test_the_first_reading_is_the_first_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the first frame's, and not a later face's."""
    seconds = iter([3.0, 4.0])
    monkeypatch.setattr(stopwatch, "since_start", lambda: next(seconds))
    watch = Stopwatch()
    found = []
    for faces in (0, 2, 1, 0):
        watch.frame(faces)
        found.append(watch.first_prediction)
    assert found == [None, 3.0, 3.0, 3.0]


def test_the_time_since_the_start_of_the_process_includes_everything() -> None:
    program = "from fer_edge.stopwatch import since_start; print(since_start())"
    root = Path(__file__).parents[2] / "edge"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert 0 <= float(child.stdout) < since_start()


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="needs Linux's /proc/self/io")
def test_what_was_written_to_the_disk_is_counted_in_pages(tmp_path: Path) -> None:
    before = written()
    with (tmp_path / "file").open("wb") as file:
        file.write(b"x" * 1_000_000)
        file.flush()
        os.fsync(file.fileno())
    after = written()
    assert before is not None
    assert after is not None
    if after == before:
        pytest.skip("temporary files are in memory here, which is no disk")
    assert 1_000_000 <= after - before < 3_000_000
