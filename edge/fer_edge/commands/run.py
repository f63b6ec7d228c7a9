"""`fer-edge run`: the loop on a camera, a stream, a video or the demo, until it ends or is told to stop."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

from fer_edge import loop
from fer_edge.commands.options import add_settings_options, read_settings
from fer_edge.errors import SinkError, SourceError
from fer_edge.pause import PauseSwitch
from fer_edge.service.model_update import ModelWatcher
from fer_edge.service.outputs import Outputs
from fer_edge.service.reload import describe, reload, start_parts, take_up
from fer_edge.service.signals import listening
from fer_edge.service.watchdog import Watchdog, watchdog
from fer_edge.settings import Settings
from fer_edge.sinks import SINKS
from fer_edge.sinks.log import Log
from fer_edge.sources import choose
from fer_edge.sources.frame_rate import frame_rate_limit
from fer_edge.sources.reconnect import ReconnectingSource, open_reconnecting
from fer_edge.stopwatch import Stopwatch, peak_memory, written
from fer_edge.types import State


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


# options -> the settings that they stand for
NAMED = {
    "source": "source.name",
    "sink": "run.sinks",
    "log": "log.path",
    "log_mode": "log.mode",
    "fps": "source.fps",
}


def run(options: argparse.Namespace) -> int:
    """Run the loop, then print the summary. Raises FerEdgeError."""
    settings = read_settings(options, NAMED)
    watch = Stopwatch()
    pause_switch = PauseSwitch()
    with ExitStack() as stack:
        wishes = stack.enter_context(listening(pause_switch))

        def stopped() -> bool:
            return wishes.stopped

        # A camera that is cut off while we end is no news.
        stack.enter_context(_unless(stopped))
        sign = stack.enter_context(closing(watchdog(_longest(settings))))
        outputs = Outputs(pause_switch)
        source = stack.enter_context(closing(_open(settings, pause_switch, outputs, sign, stopped)))
        models = ModelWatcher(settings.classifier)
        parts = start_parts(settings, source.still)
        print(f"model: {describe(parts)}", flush=True)
        stack.enter_context(closing(outputs))
        outputs.follow(settings)
        pace = frame_rate_limit(settings.source, source.live, lambda: stopped() or pause_switch.paused)
        frames = itertools.islice(pace.frames(source), options.max_frames)
        try:
            while True:
                sinks = [*outputs.sinks, pace, sign]
                loop.run(frames, *parts, sinks, watch, lambda: wishes.stopped or wishes.reload or models.changed())
                if wishes.stopped:
                    break
                if wishes.take_reload():
                    before = settings.classifier
                    settings, parts = reload(lambda: read_settings(options, NAMED), settings, parts, outputs)
                    if settings.classifier != before:
                        models.follow(settings.classifier)
                elif models.changed():
                    models.follow(settings.classifier)  # first: what comes from now on is news again
                    parts = take_up(settings, parts)
                else:
                    break
        finally:
            sign.close()  # who waits for the end learns that it has begun
            outputs.close()  # before the summary, so that all of the log is counted and the console has said its last
            print(_summary(watch, outputs.logs), flush=True)
    return SinkError.exit_code if outputs.failing else 0


def _open(
    settings: Settings, pause_switch: PauseSwitch, outputs: Outputs, sign: Watchdog, stopped: Callable[[], bool]
) -> ReconnectingSource:
    """The source that the settings name, opened; `outputs` and `sign` learn its states. Raises SourceError."""
    choice = choose(settings.source.name)

    def told(state: State) -> None:
        for sink in (*outputs.sinks, sign):
            sink.state(state)

    source = open_reconnecting(settings.source, choice, pause_switch, told, stopped, sign.waiting)
    print(f"source: {choice.why}", flush=True)
    return source


def _longest(settings: Settings) -> float:
    """Seconds that one frame may take: a silence of the camera, and the wait between two frames."""
    rates = [rate for rate in (settings.source.fps, settings.source.idle_fps) if rate > 0]
    return settings.source.timeout_seconds + (1 / min(rates) if rates else 0.0)


@contextmanager
def _unless(stopped: Callable[[], bool]) -> Iterator[None]:
    try:
        yield
    except SourceError:
        if not stopped():
            raise


def _summary(watch: Stopwatch, logs: Sequence[Log]) -> str:
    lines = [
        "",
        f"frames {watch.frames}, faces {watch.faces}, {watch.fps:.1f} frames a second",
        f"{'stage':10} {'median':>8} {'p95':>8}  ms",
    ]
    for stage, times in watch.stages.items():
        lines.append(f"{stage:10} {1000 * times.percentile(0.5):8.2f} {1000 * times.percentile(0.95):8.2f}")
    if watch.first_prediction is not None:
        lines.append(f"first face read {watch.first_prediction:.2f} s after the start")
    lines.append(f"peak memory {peak_memory() / 1e6:.0f} MB")
    if (count := written()) is not None:
        size = f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
        lines.append(f"written to disk {size}")
    lines += [f"log {log.path} ({log.lines} lines written)" for log in logs]
    return "\n".join(lines)
