"""Who may pause the loop: a button, a page, a switch in a smart home, a signal; all of them through one PauseSwitch."""

from __future__ import annotations

import threading


class PauseSwitch:
    """Whether somebody wants the camera off. Every method may be called from any thread, and from a signal handler."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler runs in a thread that may hold it already
        self._paused = False

    @property
    def paused(self) -> bool:
        """Whether the camera is to be let go of; sinks learn by `state` when it was."""
        return self._paused

    def pause(self) -> None:
        """Let go of the camera until `resume`."""
        with self._lock:
            self._paused = True

    def resume(self) -> None:
        """Go on."""
        with self._lock:
            self._paused = False

    def toggle(self) -> None:
        """Pause if running, else go on."""
        with self._lock:
            self._paused = not self._paused
