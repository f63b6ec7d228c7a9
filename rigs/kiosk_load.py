"""What the kiosk costs the loop: memory, and frames a second with nobody, 200 pages and a slow reader looking.

    python rigs/kiosk_load.py [--turns 7] [--readers 200] [--fps 0]

The demo clip is read as fast as it goes (or `--fps` a second), alternately without the kiosk, with it, and with readers
in a process of their own, so that a machine that is busy with something else is so for all of them.
"""

from __future__ import annotations

import argparse
import gc
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from fer_edge import loop
from fer_edge.build import make_classifier, make_parts
from fer_edge.pause import PauseSwitch
from fer_edge.settings import Settings, parse
from fer_edge.sinks.kiosk.sink import Kiosk
from fer_edge.sinks.log import Log
from fer_edge.sources import SourceOptions
from fer_edge.sources.demo import Demo
from fer_edge.sources.frame_rate import FrameRateLimit
from fer_edge.stopwatch import Stopwatch
from fer_edge.types import Sink


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--fps", type=float, default=0.0)
    parser.add_argument("--read", metavar="PORT", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read(options.read, options.readers)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(
            options, parse({"kiosk": {"port": 0, "viewers": 1000, "rate": 1e6}, "log": {"path": f"{folder}/log.jsonl"}})
        )


def measure(options: argparse.Namespace, settings: Settings) -> None:
    """All kinds, alternately."""
    run = runner(settings, options.fps)
    run([])  # what is loaded at first use
    before = memory()
    kiosk = Kiosk(settings, PauseSwitch())
    kiosk.state("running")
    run([kiosk])
    print(f"memory with the kiosk: {memory() - before:+.1f} MB")
    with ExitStack() as stack:
        stack.enter_context(closing(kiosk))
        kinds: dict[str, Callable[[], tuple[float, float]]] = {
            "without the kiosk": lambda: run([]),
            "nobody looks": lambda: run([kiosk]),
            f"{options.readers} pages and a slow reader": lambda: with_readers(run, kiosk, options.readers),
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
        for _ in range(options.turns):
            for name, work in kinds.items():
                found[name].append(work())
    base_fps, base_cost = (statistics.median(column) for column in zip(*found["without the kiosk"], strict=True))
    for name, turns in found.items():
        fps, cost = (statistics.median(column) for column in zip(*turns, strict=True))
        print(
            f"{name:32} {fps:7.1f} frames a second ({100 * (fps / base_fps - 1):+5.1f} %)  "
            f"{cost:6.3f} ms of processor a frame ({100 * (cost / base_cost - 1):+5.1f} %)"
        )
    print(f"memory at the end: {memory() - before:+.1f} MB")


def runner(settings: Settings, fps: float) -> Callable[[list[Sink]], tuple[float, float]]:
    """What reads the clip once: frames a second, and the whole process's time in ms a frame."""
    classifier = make_classifier(settings.classifier)

    def run(sinks: list[Sink]) -> tuple[float, float]:
        gc.collect()
        watch, begun = Stopwatch(), time.process_time()
        with closing(Log(settings.log)) as log:
            clip = FrameRateLimit(fps, lambda: False).frames(Demo("demo", SourceOptions()))
            loop.run(clip, *make_parts(settings, classifier, False), [log, *sinks], watch)
        return watch.fps, 1000 * (time.process_time() - begun) / watch.frames

    return run


def with_readers(run: Callable[[list[Sink]], tuple[float, float]], kiosk: Kiosk, readers: int) -> tuple[float, float]:
    """A turn while others look."""
    with looking(kiosk.port, readers):
        return run([kiosk])


@contextmanager
def looking(port: int, readers: int) -> Iterator[None]:
    """A process with so many open pages, and one that reads nothing of its own."""
    command = [sys.executable, __file__, "--read", str(port), "--readers", str(readers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "all look\n"
        yield
        child.kill()


def read(port: int, readers: int) -> None:
    """Open the streams, and take what comes until the end."""
    request = b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
    ready = selectors.DefaultSelector()
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(readers + 1)]
    for connection in connections:
        connection.sendall(request)
        if b"200 OK" not in connection.recv(65536):
            sys.exit("refused")
    for connection in connections[1:]:
        ready.register(connection, selectors.EVENT_READ)
    print("all look", flush=True)
    while True:
        for key, _ in ready.select():
            if not key.fileobj.recv(65536):  # type: ignore[union-attr]
                return


def memory() -> float:
    """What the process has of its own, MB of 10^6 bytes."""
    gc.collect()
    text = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    return sum(int(kib) for kib in re.findall(r"Private_\w+:\s+(\d+) kB", text)) * 1024 / 1e6


if __name__ == "__main__":
    main()
