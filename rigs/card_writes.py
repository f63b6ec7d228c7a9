"""Counts what the log writes to a card in a day, on an ext4 of its own: `make card-test` (Linux, root; 10 s).

A file in memory stands for the card, and the file system itself counts what it writes there: the lines, and what their
keeping costs besides, whole blocks and the journal of each flush. An hour of each kind of day is written at once, with
the frames' times as they would be; a card then writes more again inside, which only its maker knows.

sudo python3 rigs/card_writes.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "edge"))

from fer_edge.settings import LogSettings
from fer_edge.sinks.log import Log
from fer_edge.types import EMOTIONS, Box, Event, Face, Frame, Observation, Prediction

FPS = 25
HOUR = 3600
SIZE = 1 << 30  # bytes of the card
UNABLE = 77  # exit code where this machine lacks what it takes
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
# what kind of day -> mode, seconds between two changes of the face (0: nobody there), frames a second
DAYS = {
    "nobody there, a heartbeat a minute": ("changes", 0.0, 1),
    "one face, 560 changes a day": ("changes", 154.0, 1),
    "one face, a change every 2 s": ("changes", 2.0, 1),
    '`log.mode = "frames"`, one face, 25 a second': ("frames", 2.0, FPS),
}
FLUSHES = (5.0, 60.0)


def main() -> None:
    """Print a table."""
    if os.geteuid():
        raise SystemExit("card-test: must be root, to mount a file system; try: sudo make card-test")
    print(f"| a day, with `log.flush_seconds` of | {' | '.join(f'{flush:g} s' for flush in FLUSHES)} | lines alone |")
    print(f"|---|{'---|' * (len(FLUSHES) + 1)}", flush=True)
    for words, (mode, every, fps) in DAYS.items():
        found = [hour(mode, every, fps, flush) for flush in FLUSHES]
        cells = [megabytes(count) for count in (*(written for written, _ in found), found[0][1])]
        print(f"| {words} | {' | '.join(cells)} |", flush=True)


def megabytes(hourly: int) -> str:
    """Of a day, in words."""
    daily = 24 * hourly / 1e6
    return f"{daily:.0f} MB" if daily >= 10 else f"{daily:.1f} MB"


def hour(mode: str, every: float, fps: int, flush: float) -> tuple[int, int]:
    """Bytes that the file system wrote in an hour of log, and bytes of the lines."""
    with card() as folder:
        before = written(folder)
        settings = LogSettings(path=str(folder / "fer-edge.jsonl"), mode=mode, flush_seconds=flush)
        log = Log(settings)
        for observation in frames(every, fps):
            log.write(observation)
        log.close()
        os.sync()
        lines = sum(path.stat().st_size for path in folder.glob("fer-edge*"))
        return written(folder) - before, lines


def frames(every: float, fps: int) -> Iterator[Observation]:
    """An hour of one face that changes `every` so many seconds, or of nobody."""
    grey = np.zeros((48, 64), np.uint8)
    shown = ""
    for number in range(HOUR * fps):
        seconds = number / fps
        frame = Frame(number, seconds, BEGIN + timedelta(seconds=seconds), grey, "camera:0")
        if not every:
            yield Observation(frame, (), ())
            continue
        emotion = EMOTIONS[int(seconds / every) % len(EMOTIONS)]
        scores = tuple(0.7012 if label == emotion else 0.0498 for label in EMOTIONS)
        face = Face(1, Box(212, 104, 107, 107), emotion, 0.7012, Prediction(EMOTIONS, scores))
        events = (Event("changed", face),) if emotion != shown else ()
        shown = emotion
        yield Observation(frame, (face,), events)


@contextmanager
def card() -> Iterator[Path]:
    """A new ext4, mounted."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        image, folder = Path(place, "card"), Path(place, "mounted")
        with image.open("wb") as file:
            file.truncate(SIZE)
        folder.mkdir()
        # All of its tables are written now, not while we count.
        options = ["-E", "lazy_itable_init=0,lazy_journal_init=0"]
        subprocess.run(["mkfs.ext4", "-q", *options, str(image)], check=True)
        mount = subprocess.run(
            ["mount", "-o", "loop", str(image), str(folder)], capture_output=True, text=True, check=False
        )
        if mount.returncode:
            print(f"card-test: nothing can be mounted here ({mount.stderr.strip()})", file=sys.stderr)
            sys.exit(UNABLE)
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)


def written(folder: Path) -> int:
    """Bytes that the file system mounted at `folder` has written since it was."""
    os.sync()
    device = next(line.split()[0] for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line)
    return int(Path("/sys/fs/ext4", Path(device).name, "session_write_kbytes").read_text()) * 1024


if __name__ == "__main__":
    main()
