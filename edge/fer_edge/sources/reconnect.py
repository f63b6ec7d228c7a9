"""Between a source and the loop: lets go of the camera while somebody wants a pause, and opens a lost one anew."""

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
from fer_edge.sources import Choice, SourceOptions, open_choice
from fer_edge.sources.camera_health import CameraHealth
from fer_edge.types import Frame, Source, State

_log = logging.getLogger(__name__)

SLICE = 0.2  # seconds slept at once, so that a wish to stop, to pause or to go on is noticed
NIGHT = 12  # a camera that sees one shade, as in a dark night, is given up after so many times as long as a lost one


class ReconnectingSource:
    """The frames of `source`, with numbers and times that go on over a pause and over a loss.

    With `reopen` it is a live one: closed while paused, and opened anew after that or after a SourceError; only what
    fails before the first frame is raised, and SourceGone after `give_up` seconds of trying in vain (0: never).
    Without, a pause holds it where it is, and its end and its errors stand. `told` learns each change of state, in the
    loop's thread, and `waiting` is called several times a second while it waits. A camera whose pictures
    trouble `camera_health` counts as lost, until they show something again.
    """

    def __init__(
        self,
        source: Source,
        reopen: Callable[[], Source] | None,
        pause_switch: PauseSwitch,
        told: Callable[[State], None],
        stopped: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        give_up: float = 0.0,
        waiting: Callable[[], None] = lambda: None,
        camera_health: CameraHealth | None = None,
    ) -> None:
        self.still, self.live, self.local = source.still, source.live, source.local
        self._source: Source | None = source
        self._reopen, self._pause_switch, self._told, self._stopped = reopen, pause_switch, told, stopped
        self._clock, self._sleep = clock, sleep
        self._give_up, self._waiting, self._camera_health = give_up, waiting, camera_health
        self._lost = math.inf  # the moment since which it does not work, seconds
        self._blind = False  # whether it was lost since it saw nothing, and has not seen since
        self._state: State = "starting"
        self._retry = Retry()
        self._number, self._last = 0, 0.0  # of the next frame; seconds, of the frame before
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        """The frames, until the source ends, `close` or a stop. Raises SourceError."""
        return self._held() if self._reopen is None else self._live(self._reopen)

    def _held(self) -> Iterator[Frame]:
        """A source that waits by itself, such as a file."""
        for frame in self._source or ():
            if self._pause_switch.paused:
                self._pause()
            if self._over():
                return
            self._change("running")
            yield frame

    def _live(self, reopen: Callable[[], Source]) -> Iterator[Frame]:
        while not self._over():
            if self._pause_switch.paused:
                self._release()
                self._pause()
                continue
            try:
                if self._camera_health is not None:
                    self._camera_health.reset()  # first: one that cannot be opened does not see a dark night
                if self._source is None:
                    self._source = reopen()
                yield from self._one_opening(self._source)
            except SourceError as error:
                if self._number == 0 or self._over():
                    raise
                self._mark_lost(error)

    def _one_opening(self, source: Source) -> Iterator[Frame]:
        """The frames until somebody wants a pause or a stop. Raises SourceError."""
        behind: float | None = None  # seconds that this opening's clock lies behind the last one's
        for frame in source:
            if self._pause_switch.paused or self._over():
                return
            if behind is None:
                behind = max(self._last - frame.time, 0.0)
            if self._camera_health is not None and not self._seen(frame, self._camera_health):
                self._change("lost")
                self._waiting()
                continue
            if self._retry.worked(self._clock()):
                _log.info(f"{frame.source}: gives pictures again")
            self._change("running")
            self._last = frame.time + behind
            yield replace(frame, number=self._number, time=self._last)
            self._number += 1
        if not self._pause_switch.paused and not self._over():
            raise SourceLost("camera: stopped giving pictures; check its cable and power")

    def _seen(self, frame: Frame, camera_health: CameraHealth) -> bool:
        """Whether the loop may have this frame: one that was blind is to see something first. Raises SourceLost."""
        if trouble := camera_health.trouble(frame.grey, self._clock()):
            self._blind = True
            raise SourceLost(f"{frame.source}: {trouble}; check its cable")
        self._blind = self._blind and not camera_health.sees
        return not self._blind

    def _pause(self) -> None:
        self._change("paused")
        self._wait(lambda: not self._pause_switch.paused)
        self._lost = math.inf  # who paused it may have used it

    def _mark_lost(self, error: SourceError) -> None:
        now = self._clock()
        if self._retry.failed(now):
            self._lost = now
            _log.error(f"{error}; it is opened again as soon as it answers")
        self._lost = min(self._lost, now)
        self._change("lost")
        self._release()  # once it is told: what hangs in its driver takes long to close, or for ever
        night = self._camera_health is not None and self._camera_health.flat
        if 0 < self._give_up * (NIGHT if night else 1) <= now - self._lost:
            raise SourceGone(f"{error}; tried in vain for {now - self._lost:.0f} s, so fer-edge ends") from error
        self._wait(lambda: self._clock() >= self._retry.due or self._pause_switch.paused)

    def _change(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self._told(state)

    def _wait(self, until: Callable[[], bool]) -> None:
        while not until() and not self._over():
            self._waiting()
            self._sleep(SLICE)

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
    told: Callable[[State], None],
    stopped: Callable[[], bool],
    waiting: Callable[[], None] = lambda: None,
) -> ReconnectingSource:
    """The source that was chosen, opened; a live one is opened again if it is lost. Raises SourceError.

    `told`, `stopped` and `waiting` are those of ReconnectingSource.
    """
    options = SourceOptions(
        size=(settings.width, settings.height),
        fps=settings.fps,
        timeout=settings.timeout_seconds,
        stopped=lambda: stopped() or pause_switch.paused,
    )
    reopen = partial(open_choice, choice, options)
    source = reopen()
    return ReconnectingSource(
        source,
        reopen if source.live else None,
        pause_switch,
        told,
        stopped,
        give_up=settings.give_up_seconds,
        waiting=waiting,
        camera_health=CameraHealth(settings.blind_seconds) if source.local and settings.blind_seconds > 0 else None,
    )
