"""Runs a program of the user's for each event: a face came, its emotion changed, it is gone.

The program gets the event on its standard input as one line of JSON (`event_record` in edge/fer_edge/records.py); its
output is discarded. One runs at a time.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress

from fer_edge.errors import SettingsError
from fer_edge.pause import PauseSwitch
from fer_edge.records import EventRecord, line
from fer_edge.settings import HookSettings, Settings
from fer_edge.sinks.event_queue import EventQueue, Refused
from fer_edge.sinks.output import output


# The program alone: its arguments may be secrets.
@output(where=lambda settings: f"runs {settings.hook.command[0]}")
def open_hook(settings: Settings, pause_switch: PauseSwitch) -> EventQueue:  # noqa: ARG001 (every output is opened alike)
    """The program that the settings name, ready to run. Raises SettingsError."""
    hook = Hook(settings.hook)
    return EventQueue("hook", settings.hook.on, settings.hook.queue, hook.run, hook.stop)


class Hook:
    """A program with its arguments; never a shell."""

    def __init__(self, settings: HookSettings) -> None:
        self._command, self._limit = list(settings.command), settings.timeout_seconds
        if not self._command:
            raise SettingsError('hook.command = []: names no program; write it as ["/home/pi/greet.sh", "--loud"]')
        if shutil.which(self._command[0]) is None:
            raise SettingsError(
                "hook.command: its first word is not a program that can be run; "
                "check its path, and make it executable: chmod +x"
            )
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(self, record: EventRecord) -> None:
        """Run it once, within the time limit. Raises Refused if it fails."""
        try:
            # In a new session, so that everything it starts can be ended with it.
            self._child = child = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as cause:
            raise Refused(f"hook: {self._command[0]} does not start ({cause.strerror}); try it by hand") from None
        if self._stopped:
            _kill(child)
        try:
            child.communicate(line(record).encode(), self._limit)
        except subprocess.TimeoutExpired:
            _kill(child)
            child.communicate()
            raise Refused(f"hook: {self._command[0]} ran for longer than {self._limit:g} s, and was ended") from None
        finally:
            _kill_group(child)  # what it left behind, too
        if child.returncode and not self._stopped:
            raise Refused(f"hook: {self._command[0]} ended with {_exit_reason(child.returncode)}; try it by hand")

    def stop(self) -> None:
        """End the running program. May be called from any thread."""
        self._stopped = True
        if self._child is not None:
            _kill(self._child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    # Not after it was waited for: another process may have its number by now.
    if child.returncode is None:
        _kill_group(child)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    # Its number is not given away while any of its group is alive.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _exit_reason(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"signal {-code} ({signal.strsignal(-code)})"
