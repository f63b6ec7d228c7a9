"""The local log: one JSON object a line, appended, never rewritten.

Mode `frames` writes each frame. Mode `changes` writes a line when a face comes or goes or its smoothed emotion changes,
with the reason under "events", and a heartbeat if nothing changed for a while, and at the end: what is in view counts
up to there and no further. `fer_edge.logs` has the files and their repair.
"""

from __future__ import annotations

from pathlib import Path

from fer_edge.logs.memory import MemoryLog, memory_log
from fer_edge.logs.store import LogStore
from fer_edge.pause import PauseSwitch
from fer_edge.records import HEARTBEAT, EventEntry, event_entries, line, record
from fer_edge.settings import LogSettings, Settings
from fer_edge.sinks.output import output
from fer_edge.types import Observation, Sink, State


def _where(settings: Settings) -> str:
    if settings.log.store == "memory":
        return f"in memory, the last {settings.log.memory_lines} lines; nothing is written to the disk"
    return str(Path(settings.log.path).absolute())


@output(where=_where)
def open_log(settings: Settings, pause_switch: PauseSwitch) -> Log:  # noqa: ARG001 (every output is opened alike)
    """The log that the settings name. Raises SinkError."""
    return Log(settings.log)


class Log(Sink):
    """Decides which observations get a line, and when lines are brought to the disk."""

    def __init__(self, settings: LogSettings) -> None:
        """Open the log. What a power cut left of its last line is removed. Raises SinkError."""
        self._settings = settings
        self._store: LogStore | MemoryLog
        self._store = (
            LogStore(settings) if settings.store == "disk" else memory_log(settings.path, settings.memory_lines)
        )
        self._last_line: float | None = None  # frame time, seconds
        self._newest: Observation | None = None  # mode changes: what the last line says, if it is closed now
        self._unflushed: float | None = None  # frame time of the oldest line that is not yet on the disk

    @property
    def path(self) -> Path:
        """The path of the log; "memory" if it is not on the disk."""
        return self._store.path

    @property
    def lines(self) -> int:
        """Lines written by this process."""
        return self._store.lines

    @property
    def repaired(self) -> int:
        """Bytes of half-written lines that were removed."""
        return self._store.repaired

    def write(self, observation: Observation) -> None:
        """Write what the mode asks for. Raises SinkError if the disk is full or gone; the next call tries again."""
        now = observation.frame.time
        self._newest = observation
        if self._settings.mode == "frames":
            self._append(observation, None)
        elif observation.events:
            self._append(observation, event_entries(observation.events))
        elif self._last_line is None or now - self._last_line >= self._settings.heartbeat_seconds:
            self._append(observation, [{"kind": HEARTBEAT}])
        if self._unflushed is not None and now - self._unflushed >= self._settings.flush_seconds:
            self._flush()

    def _append(self, observation: Observation, events: list[EventEntry] | None) -> None:
        now, entry = observation.frame.time, record(observation)
        if events is not None:
            entry["events"] = events
        self._store.append(line(entry).encode(), observation.frame.taken, now)
        self._last_line = now
        self._unflushed = now if self._unflushed is None else self._unflushed

    def state(self, state: State) -> None:
        """Bring all to the disk while there are no frames, whose times say when it is due. Raises SinkError."""
        if state != "running" and self._unflushed is not None:
            self._flush()

    def _flush(self) -> None:
        self._unflushed = None
        self._store.flush()

    def close(self) -> None:
        """Say up to when it was watched, bring all to the disk, and close the file. Raises SinkError."""
        newest, self._newest = self._newest, None
        try:
            if newest and self._store.is_file and self._last_line is not None and newest.frame.time > self._last_line:
                self._append(newest, [{"kind": HEARTBEAT}])
        finally:
            self._store.close()
