"""What the loop's thread and the server's thread share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from fer_edge.records import GONE
from fer_edge.sinks.program import Program
from fer_edge.types import Observation, State


class KioskState:
    """The newest observation and the state of the camera. The loop's thread writes; any thread reads.

    Each attribute is replaced as a whole, so a reader that takes it once has a consistent value.
    """

    def __init__(self) -> None:
        self.camera: State = "starting"
        self.latest: Observation | None = None  # None: before the first frame, and while the camera is off
        self.source = ""  # of the newest observation; stays while the camera is off
        self.frames = 0  # so far
        self.damaged = 0  # frames left out so far
        self.events: Counter[str] = Counter()  # kind -> how many so far
        self.emotions: Counter[str] = Counter()  # emotion -> how often a face began to show it so far
        self.labels: tuple[str, ...] = ()  # the model's, once a face was seen
        self.program: Program | None = None  # that runs the loop; None: another one than `fer-edge run`
        self.wake: Callable[[], None] | None = None  # called on a change, while a page is open

    def write(self, observation: Observation) -> None:
        """Take a new observation: five assignments, unless it has events or damaged frames before it."""
        self.latest = observation
        self.source = observation.frame.source
        self.camera = "running"  # after new settings no state is sent
        self.frames = observation.frame.number + 1
        if observation.frame.damaged:
            self.damaged += observation.frame.damaged
        if observation.events:
            self.events.update(event.kind for event in observation.events)
            self.emotions.update(event.face.emotion for event in observation.events if event.kind != GONE)
            self.labels = observation.events[0].face.prediction.labels
            self._wake_readers()

    def set_camera(self, state: State) -> None:
        """Take the camera's state. A pause or a loss removes the newest observation, and its picture."""
        self.camera = state
        if state != "running":
            self.latest = None
        self._wake_readers()

    def _wake_readers(self) -> None:
        wake = self.wake
        if wake is not None:
            wake()
