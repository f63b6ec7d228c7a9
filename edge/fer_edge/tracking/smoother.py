"""Steadies each face's label: averaged over time, with a margin and a shortest time before it changes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fer_edge.settings import SmootherSettings
from fer_edge.types import UNCERTAIN, Event, Face, Prediction, Track


@dataclass
class _State:
    scores: list[float]  # running average, one a label
    count: int  # readings in it
    time: float  # seconds, of the last reading
    since: float  # seconds, when what is shown was taken up
    shown: int  # index of the label that leads
    certain: bool
    face: Face


class Smoother:
    """Keeps one running average a face; time comes from the frames."""

    def __init__(self, settings: SmootherSettings) -> None:
        self._settings = settings
        self._states: dict[int, _State] = {}

    def reconfigure(self, settings: SmootherSettings) -> None:
        """Use other settings from now on; the faces keep their history."""
        self._settings = settings

    def update(
        self, time: float, tracks: Sequence[Track], predictions: Sequence[Prediction], gone: Iterable[int]
    ) -> tuple[tuple[Face, ...], tuple[Event, ...]]:
        """Faces with steady labels at `time` (seconds), one a track, and what changed since the last frame."""
        faces, events = [], []
        for track, prediction in zip(tracks, predictions, strict=True):
            state = self._states.get(track.id)
            if state is None:
                face = self._first(time, track, prediction)
                events.append(Event("came", face))
            else:
                before = state.face.emotion
                face = state.face = self._update_state(state, time, track, prediction)
                if face.emotion != before:
                    events.append(Event("changed", face))
            faces.append(face)
        for number in gone:
            events.append(Event("gone", self._states.pop(number).face))
        return tuple(faces), tuple(events)

    def _first(self, time: float, track: Track, prediction: Prediction) -> Face:
        shown = prediction.labels.index(prediction.emotion)
        certain = prediction.scores[shown] >= self._settings.certain
        face = _face(track, prediction, shown, prediction.scores[shown], certain)
        self._states[track.id] = _State(list(prediction.scores), 1, time, time, shown, certain, face)
        return face

    def _update_state(self, state: _State, time: float, track: Track, prediction: Prediction) -> Face:
        # Exponential average with a time constant: the same at any frame rate. At first it is the plain mean, or one
        # reading would count for more than the many after it.
        seconds = self._settings.seconds
        state.count += 1
        weight = 1 - math.exp(-max(time - state.time, 0.0) / seconds) if seconds else 1.0
        weight = max(weight, 1 / state.count)
        state.scores = [old + weight * (new - old) for old, new in zip(state.scores, prediction.scores, strict=True)]
        state.time = time
        if time - state.since >= self._settings.hold_seconds:
            before = state.shown, state.certain
            best = max(range(len(state.scores)), key=state.scores.__getitem__)
            # While nothing certain is shown, there is nothing to hold on to.
            if state.scores[best] - state.scores[state.shown] > (self._settings.margin if state.certain else 0):
                state.shown = best
            needed = self._settings.certain + (0 if state.certain else self._settings.margin)
            state.certain = state.scores[state.shown] >= needed
            if (state.shown, state.certain) != before and (state.certain or before[1]):
                state.since = time
        return _face(track, prediction, state.shown, state.scores[state.shown], state.certain)


def _face(track: Track, prediction: Prediction, shown: int, confidence: float, certain: bool) -> Face:
    return Face(track.id, track.box, prediction.labels[shown] if certain else UNCERTAIN, confidence, prediction)
