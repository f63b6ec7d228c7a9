"""Draws predictions into a picture: a box, the emotion and the confidence for each face."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fer_edge.drawing import palette
from fer_edge.records import percent
from fer_edge.types import EMOTIONS, Face, Observation, Pixels

FONT = cv2.FONT_HERSHEY_DUPLEX


def colour_of(emotion: str, labels: Sequence[str] = EMOTIONS) -> tuple[int, int, int]:
    """A label's colour, BGR."""
    red, green, blue = palette.colour_of(emotion, labels)
    return blue, green, red


def annotate_frame(observation: Observation) -> Pixels:
    """A copy of the observation's frame, in colour, with its faces drawn in."""
    frame = observation.frame
    return annotate(frame.grey if frame.colour is None else frame.colour, observation.faces)


def annotate(picture: Pixels, faces: Sequence[Face]) -> Pixels:
    """A copy of `picture`, (height, width, 3) BGR or (height, width) grey, in colour and with `faces` drawn in."""
    drawn = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture.copy()
    height, width = drawn.shape[:2]
    unit = max(min(height, width) / 480, 0.5)  # so that it looks the same at every size
    line = max(round(2 * unit), 1)
    for face in faces:
        colour = colour_of(face.emotion, face.prediction.labels)
        x, y, w, h = face.box
        cv2.rectangle(drawn, (x, y), (x + w, y + h), colour, line, cv2.LINE_AA)
        text = f"{face.emotion} {percent(face.confidence)}"
        (text_width, text_height), below = cv2.getTextSize(text, FONT, 0.6 * unit, line // 2 or 1)
        pad = round(5 * unit)
        tall = text_height + below + 2 * pad
        # Above the box, or inside it if there is no room above; never outside the picture.
        top = y - tall if y >= tall else max(y, 0)
        left = min(max(x - line // 2, 0), max(width - text_width - 2 * pad, 0))
        cv2.rectangle(drawn, (left, top), (left + text_width + 2 * pad, top + tall), colour, cv2.FILLED)
        ink = (0, 0, 0) if np.dot(colour, (0.114, 0.587, 0.299)) > 120 else (255, 255, 255)
        place = (left + pad, top + pad + text_height)
        cv2.putText(drawn, text, place, FONT, 0.6 * unit, ink, line // 2 or 1, cv2.LINE_AA)
    return drawn  # type: ignore[return-value]
