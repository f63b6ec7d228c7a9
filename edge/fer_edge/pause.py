"""The switch that pauses the loop, for a button, the page, a smart home and a signal alike."""

from __future__ import annotations

import threading


class PauseSwitch:
    """Whether the camera is to be off. Every method may be called from any thread, and from a signal handler."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler runs in a thread that may hold it already
        self._paused = False

    @property
    def paused(self) -> bool:
        """Whether the camera is to be released; `Sink.state` says when it was."""
        return self._paused

    def pause(self) -> None:
        """Release the camera until `resume`."""
        with self._lock:
            self._paused = True

    def resume(self) -> None:
        """End the pause."""
        with self._lock:
            self._paused = False

    def toggle(self) -> None:
        """Pause, or end the pause."""
        with self._lock:
            self._paused = not self._paused
