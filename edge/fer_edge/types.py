"""The nouns of fer-edge and the protocols of its parts, on one screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fer_edge.settings import SmootherSettings, TrackerSettings

UNCERTAIN = "uncertain"  # what a face shows while no label is probable enough
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # FER2013's order
INVENTED_SOURCE = "tour (invented readings)"  # of frames in whose faces nothing is read: a script says what they show
State = Literal["starting", "running", "paused", "lost"]
# of the source: being opened; giving frames; released until the pause ends; a camera that is gone, and opened again
EventKind = Literal["came", "changed", "gone"]  # a face came into view, shows another emotion, left
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
Pixels: TypeAlias = "NDArray[np.uint8]"  # numpy is not imported here; (height, width) grey, or (height, width, 3) BGR
Area = tuple[float, float, float, float]  # x, y, width, height, as shares of the frame's width and height


class Box(NamedTuple):
    """Pixels of the frame, origin at its top left; may reach over the frame's edges."""

    x: int
    y: int
    width: int
    height: int

    @property
    def tilt(self) -> float:
        """Of the head in it, degrees, clockwise. The box itself is upright."""
        return 0.0

    @property
    def mirrored(self) -> bool:
        """Whether the face in it is to be classified in its mirror image."""
        return False


class TiltedBox(Box):
    """A Box about a head that is not upright, or that is to be seen in its mirror image."""

    _tilt: float
    _mirrored: bool

    def __new__(cls, x: int, y: int, width: int, height: int, tilt: float = 0.0, mirrored: bool = False) -> TiltedBox:
        self = super().__new__(cls, x, y, width, height)
        self._tilt, self._mirrored = tilt, mirrored
        return self

    @property
    def tilt(self) -> float:
        """See `Box`."""
        return self._tilt

    @property
    def mirrored(self) -> bool:
        """See `Box`."""
        return self._mirrored

    def _replace(self, **changes: int) -> TiltedBox:  # the inherited one loses what is beside the numbers
        return TiltedBox(*Box(*self)._replace(**changes), self._tilt, self._mirrored)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture. Time comes with it, so no part of the loop needs a clock."""

    number: int  # from 0
    time: float  # seconds on the source's own clock; never runs back, differences are durations
    taken: datetime  # wall clock with zone, for the log
    grey: Pixels  # (height, width) uint8
    source: str  # where it comes from: "camera:0", a path, a URL
    colour: Pixels | None = None  # (height, width, 3) BGR, if the source has it; for annotated pictures
    damaged: int = 0  # pictures left out since the last frame, because they were damaged
    convert: Callable[[], Pixels] | None = None  # makes `colour` where that takes time; may raise ValueError

    @property
    def picture(self) -> Pixels:
        """For people: (height, width, 3) BGR if the source has colours, else (height, width) grey."""
        if self.colour is None and self.convert is not None:
            try:
                return self.convert()
            except ValueError:  # a picture without its colours is one too
                return self.grey
        return self.grey if self.colour is None else self.colour


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one face in one frame: a probability for each label, summing to 1."""

    labels: tuple[str, ...]
    scores: tuple[float, ...]

    @property
    def emotion(self) -> str:
        """The most probable label."""
        return self.labels[max(range(len(self.scores)), key=self.scores.__getitem__)]

    def score(self, label: str) -> float:
        """Probability of `label`, 0 to 1."""
        return self.scores[self.labels.index(label)]


@dataclass(frozen=True, slots=True)
class Face:
    """A person in view: `emotion` is smoothed over time, `prediction` is this frame's own."""

    id: int  # the same from frame to frame, from 1
    box: Box
    emotion: str  # one of the labels, or UNCERTAIN
    confidence: float  # smoothed probability of the leading label, 0 to 1
    prediction: Prediction

    @property
    def scores(self) -> dict[str, float]:
        """Probability of each label in this frame alone, 0 to 1, in the model's order."""
        return dict(zip(self.prediction.labels, self.prediction.scores, strict=True))


@dataclass(frozen=True, slots=True)
class Event:
    """A change that is worth a line: a face came or went, or its emotion changed."""

    kind: EventKind
    face: Face


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is known of one frame; what sinks get."""

    frame: Frame
    faces: tuple[Face, ...]
    events: tuple[Event, ...]

    @property
    def largest_face(self) -> Face | None:
        """The one of the most pixels, which outputs for a single face show; None: no face is in view."""
        return max(self.faces, key=lambda face: face.box.width * face.box.height, default=None)


class Track(NamedTuple):
    """A box with an identity."""

    id: int
    box: Box


class Source(Protocol):
    """Pictures from somewhere; raises SourceError if there are none. `close` may be called twice."""

    still: bool  # single pictures that have nothing to do with each other; False: a moving picture
    live: bool  # a camera or a stream: it does not wait, and can be lost and opened again; False: a file, or the demo
    local: bool  # a camera on this device, whose sensor's noise makes each picture another one

    def __iter__(self) -> Iterator[Frame]: ...
    def close(self) -> None: ...


class Detector(Protocol):
    """Finds faces; boxes are framed as FER2013 frames a face: square, from the brow's top to the chin."""

    def detect(self, frame: Frame) -> list[Box]: ...


class FaceTracker(Protocol):
    """Gives boxes identities, and says which of those are gone for good. `time` is the frame's, in seconds."""

    def update(self, time: float, boxes: Sequence[Box]) -> tuple[list[Track], set[int]]: ...
    def reconfigure(self, settings: TrackerSettings) -> None: ...  # from the next frame on; faces keep their identities


class Classifier(Protocol):
    """Reads expressions, one Prediction a box, in the boxes' order."""

    @property
    def name(self) -> str: ...  # in words, for people: "mini_xception-int8 with ai-edge-litert"
    @property
    def identity(self) -> str: ...  # the same for the same model alone: its file's sha256, or a name
    @property
    def labels(self) -> tuple[str, ...]: ...
    def predict(self, grey: Pixels, boxes: Sequence[Box]) -> list[Prediction]: ...


class LabelSmoother(Protocol):
    """Smooths each face's label over time. Gives the faces, one a track, and what changed since the last frame."""

    def update(
        self, time: float, tracks: Sequence[Track], predictions: Sequence[Prediction], gone: Iterable[int]
    ) -> tuple[tuple[Face, ...], tuple[Event, ...]]: ...
    def reconfigure(self, settings: SmootherSettings) -> None: ...  # from the next frame on; faces keep their history


class Sink(Protocol):
    """Takes observations away; raises SinkError. A subclass ignores states by default. `close` may be called twice."""

    @property
    def last_error(self) -> str:
        """In one line, of one that goes on trying by itself; "" if there was none."""
        return ""

    @property
    def troubled(self) -> bool:
        """Whether such a one fails now."""
        return False

    def write(self, observation: Observation) -> None: ...
    def state(self, state: State) -> None:  # noqa: ARG002 (most ignore it)
        return

    def close(self) -> None: ...
