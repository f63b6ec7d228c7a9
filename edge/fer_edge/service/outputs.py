"""The sinks that the settings name, opened, and changed when the settings are."""

from __future__ import annotations

import logging

from fer_edge.build import make_sink
from fer_edge.errors import FerEdgeError
from fer_edge.pause import PauseSwitch
from fer_edge.service.settings_changes import changed
from fer_edge.settings import Settings
from fer_edge.sinks.guard import Guarded
from fer_edge.sinks.log import Log
from fer_edge.sinks.mailbox import Mailbox

_log = logging.getLogger(__name__)


class Outputs:
    """Opens, closes and counts sinks; all in the loop's thread."""

    def __init__(self, pause_switch: PauseSwitch) -> None:
        self.failing = False  # whether one failed at the end and had not come back
        self.logs: list[Log] = []  # all that were open at some time
        self._pause_switch = pause_switch
        self._open: dict[str, Guarded | Mailbox] = {}
        self._settings = Settings()

    @property
    def sinks(self) -> list[Guarded | Mailbox]:
        """Those that are open, in the settings' order."""
        return list(self._open.values())

    def follow(self, settings: Settings) -> None:
        """Open and close what it takes to be as `settings` say. Raises FerEdgeError; those opened so far stay open.

        A sink whose table changed is closed before it is opened anew: two cannot have one file.
        """
        stale = changed(self._settings, settings)
        for name in list(self._open):
            if name not in settings.run.sinks or name in stale:
                self._shut(name)
        self._settings = settings
        for name in settings.run.sinks:
            if name not in self._open:
                self._start(name)
        self._open = {name: self._open[name] for name in settings.run.sinks}

    def _start(self, name: str) -> None:
        sink = self._open[name] = make_sink(name, self._settings, self._pause_switch)
        sink.state("starting")
        if isinstance(sink, Guarded) and isinstance(sink.sink, Log):
            self.logs.append(sink.sink)
            if sink.sink.repaired:
                cut = f"cut {sink.sink.repaired} bytes of a half-written last line off {sink.sink.path}"
                print(f"log: {cut}", flush=True)

    def try_follow(self, settings: Settings) -> bool:
        """As `follow`; where that fails it is told and all is as before, but what then cannot be opened again."""
        before = self._settings
        try:
            self.follow(settings)
        except FerEdgeError as error:
            _log.error(f"{error}; the old settings stay")
        else:
            return True
        for name in list(self._open):
            if name not in before.run.sinks or name in changed(before, settings):
                self._shut(name)
        self._settings = before
        for name in before.run.sinks:
            try:
                if name not in self._open:
                    self._start(name)
            except FerEdgeError as error:
                self.failing = True
                _log.error(f"{error}; {name} is off until the settings are read again")
        return False

    def _shut(self, name: str) -> None:
        sink = self._open.pop(name)
        sink.close()
        self.failing |= sink.failing

    def close(self) -> None:
        """Close all. May be called twice."""
        for name in reversed(list(self._open)):
            self._shut(name)
