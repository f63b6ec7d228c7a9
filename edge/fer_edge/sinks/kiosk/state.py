"""What the loop left for the kiosk to look at: all that its thread and the server's share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from fer_edge.types import Observation, State


class KioskState:
    """The newest observation and the source's state. The loop's thread writes; any thread reads, one name at a time.

    Each attribute is replaced as a whole, so a reader that takes it once has something that belongs together.
    """

    def __init__(self) -> None:
        self.state: State = "starting"
        self.latest: Observation | None = None  # None: there is none that is still true
        self.frames = 0  # so far
        self.events: Counter[str] = Counter()  # kind -> how many so far
        self.wake: Callable[[], None] | None = None  # somebody looks, and wants to know of changes at once

    def write(self, observation: Observation) -> None:
        """Put up a new observation: four assignments, unless something changed in it."""
        self.latest = observation
        self.state = "running"  # also where nobody said so, as after new settings
        self.frames = observation.frame.number + 1
        if observation.events:
            self.events.update(event.kind for event in observation.events)
            self._tell()

    def change(self, state: State) -> None:
        """Put up the source's state. What was seen before a pause or a loss is taken down, its picture too."""
        self.state = state
        if state != "running":
            self.latest = None
        self._tell()

    def _tell(self) -> None:
        wake = self.wake
        if wake is not None:
            wake()
