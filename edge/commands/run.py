"""`fer-edge run`: the loop on a camera, a stream, a video or the demo, until it ends or is told to stop."""

from __future__ import annotations

import argparse
import itertools
import signal
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from edge import loop
from edge.attend import Attended
from edge.build import make_classifier, make_parts, make_sink
from edge.classifiers.tflite import TfliteClassifier
from edge.commands.options import add_settings_options, read_settings
from edge.control import Control
from edge.errors import SinkError, SourceError
from edge.pace import Pace
from edge.settings import Settings
from edge.sinks import SINKS
from edge.sinks.guard import Guarded
from edge.sinks.log import Log
from edge.sinks.mailbox import Mailbox
from edge.sources import LIVE, SourceOptions, choose, open_choice
from edge.stopwatch import Stopwatch, peak_memory
from edge.types import Classifier, Sink, State


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument(
        "--source", metavar="SOURCE", help="auto (default), picamera, camera:N, demo, a path, or a URL (rtsp, http)"
    )
    parser.add_argument(
        "--sink",
        metavar="NAME",
        action="append",
        help=f"where readings go (repeatable; default: log and console): {', '.join(SINKS)}",
    )
    parser.add_argument("--log", metavar="FILE", help="appended to (default: fer-edge.jsonl in this folder)")
    parser.add_argument("--log-mode", choices=("changes", "frames"), help="what gets a line (default: changes)")
    parser.add_argument("--fps", metavar="N", type=float, help="frames a second at most")
    parser.add_argument("--max-frames", metavar="N", type=positive, help="stop after so many frames")
    add_settings_options(parser)


def positive(text: str) -> int:
    """A whole number above zero."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number, 1 or more")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Run the loop, then print the summary. Raises FerEdgeError."""
    named = {
        "source": "source.name",
        "sink": "run.sinks",
        "log": "log.path",
        "log_mode": "log.mode",
        "fps": "source.fps",
    }
    settings = read_settings(options, named)
    watch = Stopwatch()
    with ExitStack() as stack:
        stopped = stack.enter_context(_signals())
        # A camera that is cut off while we end is no news.
        stack.enter_context(_unless(stopped))
        control = Control()
        sinks: list[Guarded | Mailbox] = []
        source = stack.enter_context(closing(_open(settings, control, sinks, stopped)))
        classifier = make_classifier(settings.classifier)
        parts = make_parts(settings, classifier, source.still)
        print(f"model: {_describe(classifier)}", flush=True)
        outputs = stack.enter_context(ExitStack())
        for name in settings.run.sinks:
            sinks.append(outputs.enter_context(closing(make_sink(name, settings, control))))
            sinks[-1].state("starting")
        logs = [sink.sink for sink in sinks if isinstance(sink, Guarded) and isinstance(sink.sink, Log)]
        for log in logs:
            if log.repaired:
                print(f"log: cut {log.repaired} bytes of a half-written last line off {log.path}", flush=True)
        pace = _pace(settings, source, lambda: stopped() or control.paused)
        frames = itertools.islice(pace.frames(source), options.max_frames)
        try:
            loop.run(frames, *parts, [*sinks, pace], watch, stopped)
        finally:
            outputs.close()  # first, so that all of the log is counted and the console has said its last
            print(_summary(watch, logs), flush=True)
    return SinkError.exit_code if any(sink.failing for sink in sinks) else 0


def _open(settings: Settings, control: Control, sinks: Sequence[Sink], stopped: Callable[[], bool]) -> Attended:
    """The source that the settings name, opened; `sinks` are those that learn its states. Raises SourceError."""
    chosen = settings.source
    choice = choose(chosen.name)
    options = SourceOptions(
        size=(chosen.width, chosen.height),
        fps=chosen.fps,
        timeout=chosen.timeout_seconds,
        stopped=lambda: stopped() or control.paused,
    )
    reopen = partial(open_choice, choice, options)
    source = reopen()
    print(f"source: {choice.why}", flush=True)

    def told(state: State) -> None:
        for sink in sinks:
            sink.state(state)

    return Attended(source, reopen if choice.kind in LIVE else None, control, told, stopped)


def _pace(settings: Settings, source: Attended, hurried: Callable[[], bool]) -> Pace:
    chosen = settings.source
    return Pace(chosen.fps, hurried, chosen.idle_fps if source.live else 0.0, chosen.idle_seconds)


@contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM came; a second one interrupts at once, whatever is being waited for."""
    came: list[int] = []

    def handler(number: int, _: types.FrameType | None) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def _unless(stopped: Callable[[], bool]) -> Iterator[None]:
    try:
        yield
    except SourceError:
        if not stopped():
            raise


def _describe(classifier: Classifier) -> str:
    if not isinstance(classifier, TfliteClassifier):
        return type(classifier).__name__
    return f"{classifier.card.name} with {classifier.runtime}"


def _summary(watch: Stopwatch, logs: Sequence[Log]) -> str:
    lines = [
        "",
        f"frames {watch.frames}, faces {watch.faces}, {watch.fps:.1f} frames a second",
        f"{'stage':10} {'median':>8} {'p95':>8}  ms",
    ]
    for stage, times in watch.stages.items():
        lines.append(f"{stage:10} {1000 * times.percentile(0.5):8.2f} {1000 * times.percentile(0.95):8.2f}")
    if watch.first_reading is not None:
        lines.append(f"first face read {watch.first_reading:.2f} s after the start")
    lines.append(f"peak memory {peak_memory() / 1e6:.0f} MB")
    lines += [f"log {log.path} ({log.lines} lines written)" for log in logs]
    return "\n".join(lines)
