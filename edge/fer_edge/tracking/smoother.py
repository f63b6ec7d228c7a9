"""Smooths each face's label, which a single prediction does not change.

The scores are averaged over time, exponentially, with the time constant `seconds`. Hysteresis keeps the label from
flickering: another one must lead by `margin`, and every label is shown for `hold_seconds` at least.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fer_edge.settings import UNSET, SmootherSettings
from fer_edge.types import UNCERTAIN, Event, Face, Prediction, Track

# From which probability a label is shown, if the settings do not say. Of single pictures: what is shown is then what
# most people see in 88 % of the faces on which people agree, see models/README.md. In a video many views are averaged,
# so that less is enough: with 0.45, one face in ten that is rightly read in drawn scenes would be hidden.
CERTAIN, PICTURE_CERTAIN = 0.25, 0.44


@dataclass
class _State:
    scores: list[float]  # running average, one for each label
    count: int  # predictions in it
    time: float  # seconds, of the last prediction
    since: float  # seconds, since when this label is shown
    shown: int  # index of the shown label
    certain: bool  # False: UNCERTAIN is shown instead
    face: Face


class Smoother:
    """Keeps a running average for each face; time comes from the frames."""

    def __init__(self, settings: SmootherSettings, certain: float = CERTAIN) -> None:
        """`certain`: from which probability a label is shown if `settings` do not say."""
        self._settings, self._certain_by_default = settings, certain
        self._states: dict[int, _State] = {}

    def reconfigure(self, settings: SmootherSettings) -> None:
        """Use other settings from the next frame on; the faces keep their history."""
        self._settings = settings

    def update(
        self, time: float, tracks: Sequence[Track], predictions: Sequence[Prediction], gone: Iterable[int]
    ) -> tuple[tuple[Face, ...], tuple[Event, ...]]:
        """Faces with smoothed labels at `time` (seconds), one for each track, and the events since the last frame.

        `predictions` are in the order of `tracks`; `gone` are the ids of faces that are gone.
        """
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

    @property
    def _certain(self) -> float:
        return self._certain_by_default if self._settings.certain == UNSET else self._settings.certain

    def _first(self, time: float, track: Track, prediction: Prediction) -> Face:
        shown = prediction.labels.index(prediction.emotion)
        certain = prediction.scores[shown] >= self._certain
        face = _face(track, prediction, shown, prediction.scores[shown], certain)
        self._states[track.id] = _State(list(prediction.scores), 1, time, time, shown, certain, face)
        return face

    def _update_state(self, state: _State, time: float, track: Track, prediction: Prediction) -> Face:
        # Exponential average with a time constant: the same at any frame rate. At first it is the plain mean, or the
        # first prediction would have more weight than all others.
        seconds = self._settings.seconds
        state.count += 1
        weight = 1 - math.exp(-max(time - state.time, 0.0) / seconds) if seconds else 1.0
        weight = max(weight, 1 / state.count)
        state.scores = [old + weight * (new - old) for old, new in zip(state.scores, prediction.scores, strict=True)]
        state.time = time
        if time - state.since >= self._settings.hold_seconds:
            before = state.shown, state.certain
            best = max(range(len(state.scores)), key=state.scores.__getitem__)
            # While "uncertain" is shown, there is no label to keep, so no margin applies.
            if state.scores[best] - state.scores[state.shown] > (self._settings.margin if state.certain else 0):
                state.shown = best
            needed = self._certain + (0 if state.certain else self._settings.margin)
            state.certain = state.scores[state.shown] >= needed
            if (state.shown, state.certain) != before and (state.certain or before[1]):
                state.since = time
        return _face(track, prediction, state.shown, state.scores[state.shown], state.certain)


def _face(track: Track, prediction: Prediction, shown: int, confidence: float, certain: bool) -> Face:
    return Face(track.id, track.box, prediction.labels[shown] if certain else UNCERTAIN, confidence, prediction)
