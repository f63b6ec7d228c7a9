"""Between a source and the loop: releases the camera during a pause, and opens a lost one again."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from fer_edge.errors import SourceError, SourceGone, SourceLost
from fer_edge.pause import PauseSwitch
from fer_edge.retry import Retry
from fer_edge.settings import SourceSettings
from fer_edge.sources import Choice, open_choice
from fer_edge.sources.camera_health import CameraHealth
from fer_edge.sources.options import source_options
from fer_edge.types import Frame, Source, State

_log = logging.getLogger(__name__)

SLEEP_STEP_S = 0.2  # slept at once, so that a stop, a pause or its end is noticed
DARK_PATIENCE = 12  # a camera that shows one shade, as in a dark night, is given up after so many times as long

KINDS_IN_WORDS = {"picamera": "a Raspberry Pi camera", "camera": "a USB camera"}

StateListener = Callable[[State], None]


class ReconnectingSource:
    """The frames of `source`, with numbers and times that go on over a pause and over a loss.

    With `reopen` it is a live one: closed during a pause, and opened again after that or after a SourceError. Only what
    fails before the first frame is raised, and SourceGone after `give_up` seconds of trying in vain (0: never).
    Without, a pause holds it at its place, and its end and its errors are final. `on_state` gets each change of state,
    in the loop's thread; `on_wait` is called several times a second during a wait. A camera whose pictures show
    nothing, as `camera_health` finds, is lost until they show something again.
    """

    def __init__(
        self,
        source: Source,
        reopen: Callable[[], Source] | None,
        pause_switch: PauseSwitch,
        on_state: StateListener,
        stopped: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        give_up: float = 0.0,
        on_wait: Callable[[], None] = lambda: None,
        camera_health: CameraHealth | None = None,
    ) -> None:
        self.still, self.live, self.local = source.still, source.live, source.local
        self._source: Source | None = source
        self._reopen, self._pause_switch, self._on_state, self._stopped = reopen, pause_switch, on_state, stopped
        self._clock, self._sleep = clock, sleep
        self._give_up, self._on_wait, self._camera_health = give_up, on_wait, camera_health
        self._lost = math.inf  # seconds, the moment from which on it has not worked
        self._blind = False  # whether it was lost because it showed nothing, and has shown nothing since
        self._state: State = "starting"
        self._retry = Retry()
        self._number, self._last = 0, 0.0  # of the next frame; seconds, of the last one
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        """The frames, until the source ends, `close`, or a stop. Raises SourceError."""
        return self._file_frames() if self._reopen is None else self._live_frames(self._reopen)

    def _file_frames(self) -> Iterator[Frame]:
        """Of a source that waits by itself, such as a file."""
        for frame in self._source or ():
            if self._pause_switch.paused:
                self._pause()
            if self._over():
                return
            self._change("running")
            yield frame

    def _live_frames(self, reopen: Callable[[], Source]) -> Iterator[Frame]:
        while not self._over():
            if self._pause_switch.paused:
                self._release()
                self._pause()
                continue
            try:
                if self._camera_health is not None:
                    self._camera_health.reset()  # first: a camera that cannot be opened shows no dark night
                if self._source is None:
                    self._source = reopen()
                yield from self._one_opening(self._source)
            except SourceError as error:
                if self._number == 0 or self._over():
                    raise
                self._mark_lost(error)

    def _one_opening(self, source: Source) -> Iterator[Frame]:
        """The frames until a pause or a stop. Raises SourceError."""
        behind: float | None = None  # seconds that this opening's clock is behind the last one's
        for frame in source:
            if self._pause_switch.paused or self._over():
                return
            if behind is None:
                behind = max(self._last - frame.time, 0.0)
            if self._camera_health is not None and not self._shows(frame, self._camera_health):
                self._change("lost")
                self._on_wait()
                continue
            if self._retry.worked(self._clock()):
                _log.info(f"{frame.source}: gives pictures again")
            self._change("running")
            self._last = frame.time + behind
            yield replace(frame, number=self._number, time=self._last)
            self._number += 1
        if not self._pause_switch.paused and not self._over():
            raise SourceLost("camera: stopped giving pictures; check its cable and power")

    def _shows(self, frame: Frame, camera_health: CameraHealth) -> bool:
        """Whether the loop gets this frame: a blind camera has to show something first. Raises SourceLost."""
        if trouble := camera_health.trouble(frame.grey, self._clock()):
            self._blind = True
            raise SourceLost(f"{frame.source}: {trouble}; check its cable")
        self._blind = self._blind and not camera_health.sees
        return not self._blind

    def _pause(self) -> None:
        self._change("paused")
        self._wait(lambda: not self._pause_switch.paused)
        self._lost = math.inf  # another program may have used it meanwhile

    def _mark_lost(self, error: SourceError) -> None:
        now = self._clock()
        if self._retry.failed(now):
            self._lost = now
            _log.error(f"{error}; it is opened again as soon as it answers")
        self._lost = min(self._lost, now)
        self._change("lost")
        self._release()  # after it is logged: a driver that hangs takes long to close, or never does
        dark = self._camera_health is not None and self._camera_health.flat
        if 0 < self._give_up * (DARK_PATIENCE if dark else 1) <= now - self._lost:
            raise SourceGone(f"{error}; tried in vain for {now - self._lost:.0f} s, so fer-edge ends") from error
        self._wait(lambda: self._clock() >= self._retry.due or self._pause_switch.paused)

    def _change(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self._on_state(state)

    def _wait(self, until: Callable[[], bool]) -> None:
        while not until() and not self._over():
            self._on_wait()
            self._sleep(SLEEP_STEP_S)

    def _over(self) -> bool:
        return self._closed or self._stopped()

    def _release(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def close(self) -> None:
        """Close the source. May be called twice."""
        self._closed = True
        self._release()


def open_reconnecting(
    settings: SourceSettings,
    choice: Choice,
    pause_switch: PauseSwitch,
    on_state: StateListener,
    stopped: Callable[[], bool],
    on_wait: Callable[[], None] = lambda: None,
    shown: bool = False,
) -> ReconnectingSource:
    """The source that was chosen, opened; a live one is opened again if it is lost. Raises SourceError.

    `on_state`, `stopped` and `on_wait` are those of ReconnectingSource, `shown` is that of SourceOptions.
    """
    options = replace(
        source_options(settings, lambda: stopped() or pause_switch.paused), shown=shown, pause=pause_switch.pause
    )
    for key, kind in (("controls", "picamera"), ("tuning_file", "picamera"), ("v4l2", "camera")):
        if getattr(settings, key) and choice.kind != kind:
            _log.warning(f"source.{key}: is not for this source, and left out; it is for {KINDS_IN_WORDS[kind]}")
    reopen = partial(open_choice, choice, options)
    source = reopen()
    return ReconnectingSource(
        source,
        reopen if source.live else None,
        pause_switch,
        on_state,
        stopped,
        give_up=settings.give_up_seconds,
        on_wait=on_wait,
        camera_health=CameraHealth(settings.blind_seconds) if source.local and settings.blind_seconds > 0 else None,
    )
