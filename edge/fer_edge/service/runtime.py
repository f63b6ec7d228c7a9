"""What `fer-edge run` runs, and the one way in which it changes: build the new, prove it, swap between two frames."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

from fer_edge import loop
from fer_edge.build import for_source, is_invented, make_classifier, make_detector, make_parts
from fer_edge.detectors import AUTO
from fer_edge.detectors.auto import choose_detector
from fer_edge.errors import FerEdgeError, SettingsError, SinkError, SourceError, counted
from fer_edge.pause import PauseSwitch
from fer_edge.service import log_handler
from fer_edge.service.memory import return_large_blocks
from fer_edge.service.model_update import ModelWatcher, load_model
from fer_edge.service.outputs import Outputs, are_watched
from fer_edge.service.settings_changes import in_words, only_at_start
from fer_edge.service.signals import Signals, handle_signals
from fer_edge.service.watchdog import make_watchdog
from fer_edge.settings import Settings
from fer_edge.sinks.program import Program
from fer_edge.sources import choose
from fer_edge.sources.frame_rate import frame_rate_limit
from fer_edge.sources.reconnect import open_reconnecting
from fer_edge.stopwatch import Stopwatch, summary
from fer_edge.types import Sink, State

_log = logging.getLogger(__name__)


def run(read: Callable[[], Settings], max_frames: int | None = None, config: Path | None = None) -> int:
    """Run until the source or a signal ends it, or `max_frames` were read; the exit code. Raises FerEdgeError.

    `read` gives the settings, at the start and at each SIGHUP, in part from the file `config`.
    """
    return_large_blocks()
    pause_switch = PauseSwitch()
    with handle_signals(pause_switch) as signals:
        try:
            runtime = Runtime(read, signals, pause_switch, config)
        except SourceError:
            if signals.stopped:  # a camera that does not open while the program ends is no news
                return 0
            raise
        with closing(runtime):
            return runtime.run(max_frames)


class Runtime:
    """A source, a model, the parts and the outputs, as the settings name them. All in the loop's thread.

    New settings and a new model change it between two frames, and one line says so. What cannot be used changes
    nothing. Faces keep their numbers and the history of their labels.
    """

    def __init__(
        self, read: Callable[[], Settings], signals: Signals, pause_switch: PauseSwitch, config: Path | None = None
    ) -> None:
        """Open the source, load the model, build the parts, open the outputs. Raises FerEdgeError, with all closed."""
        self._read, self._signals, self._pause_switch = read, signals, pause_switch
        self.settings = settings = read()
        self.stopwatch = Stopwatch()
        with ExitStack() as opened:
            self.watchdog = opened.enter_context(closing(make_watchdog(settings.source)))
            self.outputs = opened.enter_context(closing(Outputs(pause_switch)))
            log_handler.hide(settings.source.name)
            choice = choose(settings.source.name)
            self._source_kind = choice.kind
            reading = for_source(settings, choice.kind)
            self.detector = choose_detector(reading.detector)
            reconnecting = open_reconnecting(
                settings.source,
                choice,
                pause_switch,
                self._state,
                self._stopped,
                self.watchdog.waiting,
                are_watched(settings),
            )
            self.source = opened.enter_context(closing(reconnecting))
            detector = "none, the readings are invented" if is_invented(reading) else self.detector.why
            print(f"detector: {detector}", f"source: {choice.why}", sep="\n", flush=True)
            self.frame_rate = frame_rate_limit(settings.source, self.source.live, self._stopped_or_paused)
            self.model_watcher = ModelWatcher(reading.classifier)
            self.model = load_model(reading.classifier)
            chosen = replace(reading, detector=self.detector.settings)
            self.parts = make_parts(chosen, self.model, self.source.still)
            print(f"model: {self.model.name}", flush=True)
            self.outputs.program = Program(
                self.stopwatch, choice.why, lambda: self.model.name, lambda: self.outputs.sinks, config
            )
            self.outputs.reconfigure(settings)
            pause_switch.limit_seconds = _pause_limit(settings)
            self._opened = opened.pop_all()

    @property
    def sinks(self) -> list[Sink]:
        """The outputs, then the watchdog: what it reports went all the way through."""
        return [*self.outputs.sinks, self.frame_rate, self.watchdog]

    def run(self, max_frames: int | None = None) -> int:
        """Take frames through the parts until the source ends or a signal ends it, then print the summary.

        The exit code says whether an output was failing at the end. Raises FerEdgeError.
        """
        frames = islice(self.frame_rate.frames(self.source), max_frames)
        try:
            while True:
                loop.run(frames, *self.parts, self.sinks, self.stopwatch, self._interrupted)
                if self._signals.stopped:
                    break
                if self._signals.take_reload():
                    self.reload()
                elif self.model_watcher.take_change():
                    self.update_model()
                else:
                    break  # the source has ended
        except SourceError:
            if not self._signals.stopped:  # a camera that is cut off while the program ends is no news
                raise
        finally:
            self.watchdog.close()  # who waits for the end learns that it has begun
            self.outputs.close()  # before the summary: it counts all of the log, and the console has said its last
            logs = [f"log {log.path} ({counted(log.lines, 'line')} written)" for log in self.outputs.logs]
            print("", *summary(self.stopwatch), *logs, sep="\n", flush=True)
        return SinkError.exit_code if self.outputs.failing else 0

    def reload(self) -> None:
        """Read the settings again, and change to them. A model file that was replaced is loaded, too."""
        before, model = self.settings, self.model.identity
        try:
            self._change(self._read())
        except FerEdgeError as error:
            _log.error(f"{error}; the old settings stay")
            return
        words = [in_words(before, self.settings)]
        words.append(f"the model is {'the same' if self.model.identity == model else 'another file'}")
        _log.info(f"settings read again: {'; '.join(filter(None, words))}")
        if later := only_at_start(before, self.settings):
            _log.info(f"{', '.join(later)}: counts from the next start on: sudo systemctl restart fer-edge")

    def update_model(self) -> None:
        """Change to the model that is installed now, if it is another one."""
        model = self.model.identity
        try:
            self._change(self.settings)
        except FerEdgeError as error:
            _log.error(f"{error}; the model in use stays")
            return
        if self.model.identity != model:
            _log.info(f"a new model is loaded: {self.model.name}")

    def _change(self, settings: Settings) -> None:
        """Build what `settings` name, prove it, swap it in. Raises FerEdgeError; then all is as before."""
        reading = for_source(settings, self._source_kind)
        watcher = ModelWatcher(reading.classifier)  # first: a model that is installed from here on is news
        classifier = make_classifier(reading.classifier)
        if settings is self.settings and classifier.identity == self.model.identity:
            return  # nothing new: other files were installed than the one in use
        if classifier.labels != self.model.labels:
            raise SettingsError(f"{classifier.name}: other labels than before; try: sudo systemctl restart fer-edge")
        choice = choose_detector(reading.detector)
        detector = make_detector(choice.settings, self.source.still, reading.source.zone)
        self.outputs.reconfigure(settings)
        # All of it works: from here on nothing fails.
        self.model.swap(classifier)
        self.parts = self.parts._replace(detector=detector)
        self.parts.tracker.reconfigure(settings.tracker)
        self.parts.smoother.reconfigure(settings.smoother)
        if reading.detector.name == AUTO and choice.name != self.detector.name:
            _log.info(f"detector: {choice.why}")
        self.settings, self.detector, self.model_watcher = settings, choice, watcher
        self._pause_switch.limit_seconds = _pause_limit(settings)

    def _state(self, state: State) -> None:
        for sink in self.sinks:
            sink.state(state)

    def _stopped(self) -> bool:
        return self._signals.stopped

    def _stopped_or_paused(self) -> bool:
        return self._signals.stopped or self._pause_switch.paused

    def _interrupted(self) -> bool:
        return self._signals.stopped or self._signals.reload or self.model_watcher.changed()

    def close(self) -> None:
        """Close the source and the outputs. May be called twice."""
        self._opened.close()


def _pause_limit(settings: Settings) -> float:
    """Seconds after which a pause ends by itself."""
    return settings.run.pause_minutes * 60 or math.inf
