"""Measures `fer-edge detect` on an archive of clips: one process, two, and Dask with one worker and two, on loopback.

The clips are the demo's, each begun elsewhere, as motion JPEG of 640 x 480. All four must give the same table, byte for
byte. The times hold all that a user waits for, the start of the program too.

python3 rigs/archive.py [CLIPS] [FRAMES of each]      # default: 60 clips of 100; needs fer-edge[dask,parquet]
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "edge"))

import cv2
from claims import wait
from debian import ROOT
from fer_edge.demo.clip import LENGTH, Clip

FPS = 25
TAKEN = 1_700_000_000  # when the clips were written
START_TIMEOUT_S = 120.0
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "edge")}


def draw(folder: Path, clips: int, frames: int) -> None:
    """The archive: clips in folders of ten."""
    drawn = Clip()
    pictures = [drawn.draw(number) for number in range(LENGTH)]
    for clip in range(clips):
        place = folder / f"{clip // 10:03}" / f"{clip:05}.avi"
        place.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(place), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (640, 480))
        for number in range(frames):
            writer.write(pictures[(17 * clip + number) % LENGTH])
        writer.release()
        os.utime(place, (TAKEN, TAKEN))


def detect(folder: Path, out: Path, *options: str) -> tuple[float, str]:
    """Read it all: the seconds that took, and the table's hash."""
    command = [sys.executable, "-m", "fer_edge", "detect", str(folder), *options, "--parquet", str(out)]
    begun = time.monotonic()
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begun
    if done.returncode:
        raise SystemExit(f"archive: {' '.join(options)}: {done.stderr.strip().splitlines()[-1:]}")
    return seconds, hashlib.sha256(out.read_bytes()).hexdigest()


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """A scheduler and its workers, all there; what `--dask` takes."""
    file = folder / f"scheduler-{workers}.json"
    programs = []

    def start(name: str, *options: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{name}", "--scheduler-file", str(file), *options]
        log = (folder / f"{name}.txt").open("a")
        programs.append(subprocess.Popen([*command, "--no-dashboard"], env=ENVIRONMENT, stdout=log, stderr=log))

    try:
        start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        if not wait(file.exists, START_TIMEOUT_S):
            raise SystemExit("archive: the scheduler does not start; try: dask scheduler")
        for _ in range(workers):
            start("dask_worker", "--nthreads", "1", "--host", "127.0.0.1", "--no-nanny")
        joined = f"import distributed; distributed.Client(scheduler_file={str(file)!r}).wait_for_workers({workers})"
        subprocess.run([sys.executable, "-c", joined], check=True, timeout=START_TIMEOUT_S, capture_output=True)
        yield str(file)
    finally:
        for program in reversed(programs):
            program.terminate()
        for program in programs:
            program.wait(START_TIMEOUT_S)


def main(clips: int, frames: int) -> None:
    """Print the table."""
    missing = [name for name in ("distributed", "pyarrow") if importlib.util.find_spec(name) is None]
    if missing:
        raise SystemExit(f"archive: {', '.join(missing)} missing; pip install 'fer-edge[dask,parquet]'")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        draw(folder / "archive", clips, frames)
        found: list[tuple[str, float, str]] = []

        def run(name: str, *options: str) -> None:
            found.append((name, *detect(folder / "archive", folder / f"{len(found)}.parquet", *options)))
            print(f"{name}: {found[-1][1]:.1f} s", file=sys.stderr, flush=True)

        run("one process", "--archive")
        run("`--jobs 2`", "--archive", "--jobs", "2")
        for workers in (1, 2):
            with cluster(folder, workers) as address:
                run(f"Dask, {workers} worker{'s' if workers > 1 else ''}", "--dask", address)
    print(f"{clips} clips of {frames} frames, 640 x 480; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(
        "| | clips a minute | frames a second | compared with one process | bytes of the table |\n|---|---|---|---|---|"
    )
    first = found[0]
    for name, seconds, digest in found:
        same = "the same" if digest == first[2] else "OTHERS"
        rate, speed = 60 * clips / seconds, clips * frames / seconds
        print(f"| {name} | {rate:.1f} | {speed:.0f} | {first[1] / seconds:.2f} | {same} |")
    if any(digest != first[2] for _, _, digest in found):
        raise SystemExit("archive: the tables differ")


if __name__ == "__main__":
    main(*(list(map(int, sys.argv[1:3])) + [60, 100][len(sys.argv[1:3]) :]))
