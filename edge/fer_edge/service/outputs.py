"""The outputs that the settings name: opened, closed, and changed when the settings change."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Any

from fer_edge.build import make_sink
from fer_edge.errors import FerEdgeError
from fer_edge.lookup import lookup
from fer_edge.pause import PauseSwitch
from fer_edge.settings import RunSettings, Settings
from fer_edge.sinks import SINKS
from fer_edge.sinks.guard import Guarded
from fer_edge.sinks.log import Log
from fer_edge.sinks.mailbox import Mailbox
from fer_edge.sinks.output import Output
from fer_edge.sinks.program import Program, ShowsProgram
from fer_edge.types import Sink

_log = logging.getLogger(__name__)


def are_watched(settings: Settings) -> bool:
    """Whether one of the outputs that `settings` name shows people at once what is read."""
    named: list[Output[Any]] = [lookup(SINKS, name, "sink") for name in settings.run.sinks]
    return any(output.shows() for output in named)


WAIT_FOR_OTHERS = ("hook", "kiosk", "mqtt", "oled", "webhook")  # when they close: each up to two seconds


class Outputs:
    """Opens, closes and counts sinks; all in the loop's thread."""

    def __init__(self, pause_switch: PauseSwitch) -> None:
        self.program: Program | None = None  # what outputs that are opened from then on may show
        self.failing = False  # whether an output was failing when it was closed, or could not be opened again
        self.logs: list[Log] = []  # every log that was opened
        self._pause_switch = pause_switch
        self._open: dict[str, Guarded | Mailbox] = {}
        self._settings = replace(Settings(), run=RunSettings(sinks=()))  # what is open now

    @property
    def sinks(self) -> list[Guarded | Mailbox]:
        """Those that are open, in the settings' order."""
        return list(self._open.values())

    def reconfigure(self, settings: Settings) -> None:
        """Open and close outputs until they are as `settings` say. Raises FerEdgeError; then all is as before.

        An old one that was closed for that, and cannot be opened again, stays off, and `failing` says so.
        """
        before = self._settings
        try:
            self._open_as(settings)
        except FerEdgeError:
            self._open_as(before, at_all_costs=True)
            raise

    def _open_as(self, settings: Settings, at_all_costs: bool = False) -> None:
        """Close what `settings` do not name or change, and open what is missing.

        What changes is closed before anything is opened: two cannot have one file. `at_all_costs`: without what fails.
        """
        before, self._settings = self._settings, settings
        for name in list(self._open):
            if name not in settings.run.sinks or _read_by(name, before) != _read_by(name, settings):
                self._close(name)
        for name in settings.run.sinks:
            try:
                if name not in self._open:
                    self._start(name)
            except FerEdgeError as error:
                if not at_all_costs:
                    raise
                self.failing = True
                _log.error(f"{error}; {name} is off until the settings are read again")
        self._open = {name: self._open[name] for name in settings.run.sinks if name in self._open}

    def _start(self, name: str) -> None:
        sink = self._open[name] = make_sink(name, self._settings, self._pause_switch)
        output: Output[Sink] = lookup(SINKS, name, "sink")
        if where := output.where(self._settings):
            print(f"{name}: {where}", flush=True)
        if self.program is not None and isinstance(sink, Guarded) and isinstance(sink.sink, ShowsProgram):
            sink.sink.attach(self.program)
        sink.state("starting")
        if isinstance(sink, Guarded) and isinstance(sink.sink, Log):
            self.logs.append(sink.sink)
            if sink.sink.repaired:
                cut = f"cut {sink.sink.repaired} bytes of a half-written last line off {sink.sink.path}"
                print(f"log: {cut}", flush=True)

    def _close(self, name: str) -> None:
        sink = self._open.pop(name)
        sink.close()
        self.failing |= sink.failing

    def close(self) -> None:
        """Close all, those that wait for others at the same time. May be called twice."""
        waiting = [threading.Thread(target=self._close, args=(name,)) for name in self._open if name in WAIT_FOR_OTHERS]
        rest = [name for name in self._open if name not in WAIT_FOR_OTHERS]
        for thread in waiting:
            thread.start()
        for name in reversed(rest):
            self._close(name)
        for thread in waiting:
            thread.join()


def _read_by(name: str, settings: Settings) -> list[Any]:
    """The tables of `settings` that the output reads: its own, and those that it declares."""
    output: Output[Sink] = lookup(SINKS, name, "sink")
    return [getattr(settings, table, None) for table in (name, *output.also_reads)]
