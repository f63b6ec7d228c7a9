"""Counts frames and times the loop's stages in constant memory, for a year if need be."""

from __future__ import annotations

import math
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

IMPORT_TIME_S = time.monotonic()
BUCKET_WIDTH = math.log(1.02)  # of the histograms, 2 %, so a percentile is right to 1 %
LOWEST_S = 1e-6  # the first bucket
BUCKET_COUNT = 1024  # 1.02 ** 1024 * 1 us: 10 minutes


class Histogram:
    """Durations in seconds, as counts in logarithmic buckets."""

    def __init__(self) -> None:
        self._counts = [0] * BUCKET_COUNT
        self.total = 0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        bucket = int(math.log(max(seconds, LOWEST_S) / LOWEST_S) / BUCKET_WIDTH)
        self._counts[min(bucket, BUCKET_COUNT - 1)] += 1
        self.total += 1

    def percentile(self, share: float) -> float:
        """Seconds that `share` (0 to 1) of the durations do not exceed; 0.0 if there are none."""
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= share * self.total:
                return LOWEST_S * math.exp((bucket + 0.5) * BUCKET_WIDTH)
        return 0.0


class Stopwatch:
    """Times the loop's stages, one histogram each, in the order in which they first came."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._begun: float | None = None
        self._last = self._ended = 0.0
        self.stages: dict[str, Histogram] = {}
        self.frames = 0
        self.damaged = 0  # frames that the source left out
        self.faces = 0  # faces shown, summed over the frames
        self.first_prediction: float | None = None  # seconds from the process's start to the first face's prediction

    def start(self) -> None:
        """Begin a lap. The first call also begins the total time; new settings start the loop, and call it, again."""
        self._last = self._clock()
        if self._begun is None:
            self._begun = self._ended = self._last

    def lap(self, stage: str) -> None:
        """End the lap of `stage` and begin the next."""
        now = self._clock()
        if stage not in self.stages:
            self.stages[stage] = Histogram()
        self.stages[stage].add(now - self._last)
        self._last = now

    def frame(self, faces: int, damaged: int = 0) -> None:
        """Count one frame that showed `faces` faces, and those that were left out before it."""
        self.frames += 1
        self.damaged += damaged
        self.faces += faces
        if faces and self.first_prediction is None:
            self.first_prediction = since_start()
        self._ended = self._last

    @property
    def fps(self) -> float:
        """Frames a second from the start to the last frame."""
        elapsed = self._ended - (self._begun or 0.0)
        return self.frames / elapsed if elapsed > 0 else 0.0


def summary(watch: Stopwatch) -> list[str]:
    """Lines for people: frames, stages, the first prediction, memory and disk of this process."""
    lines = [
        f"frames {watch.frames}, face readings {watch.faces}, {watch.fps:.1f} frames a second",
        f"{'stage':10} {'median':>8} {'p95':>8}  ms",
    ]
    for stage, times in watch.stages.items():
        lines.append(f"{stage:10} {1000 * times.percentile(0.5):8.2f} {1000 * times.percentile(0.95):8.2f}")
    if watch.damaged:
        lines.append(f"damaged frames left out {watch.damaged}")
    if watch.first_prediction is not None:
        lines.append(f"first face read {watch.first_prediction:.2f} s after the start")
    lines.append(f"peak memory {peak_memory() / 1e6:.0f} MB")
    if (count := written()) is not None:
        size = f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
        lines.append(f"written to disk {size}")
    return lines


def peak_memory() -> int:
    """Bytes that this process had in memory at most.

    Linux's VmHWM, since `ru_maxrss` is inherited: a process started from a large one begins with its parent's peak.
    """
    return _status("VmHWM:") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory() -> int:
    """Bytes that this process has in memory now; 0 if the system does not say."""
    return _status("VmRSS:")


def _status(name: str) -> int:
    """Bytes in a line of proc(5), /proc/self/status; 0 if it is not there."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def written() -> int | None:
    """Bytes that this process has had written to disks, in whole pages; None if the system does not say.

    Linux: proc(5), `write_bytes` of /proc/self/io.
    """
    try:
        for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
    except OSError:
        pass
    return None


def since_start() -> float:
    """Seconds since this process was started, imports and all, to 0.01 s (Linux: proc(5), field `starttime`).

    Elsewhere since this file was imported.
    """
    try:
        text = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return time.monotonic() - IMPORT_TIME_S
    fields = text[text.rindex(")") + 1 :].split()  # the command's name, in brackets, may hold anything
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
