"""Draws predictions into a picture: a box, the emotion and the confidence for each face.

Labels scale with their faces. They cover neither each other nor other faces: one for which there is no room becomes
shorter, and at last is left out; the box keeps its colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw

from fer_edge.drawing import palette
from fer_edge.drawing.fonts import font_for, writable
from fer_edge.drawing.words import Words
from fer_edge.records import percent
from fer_edge.types import EMOTIONS, Box, Face, Observation, Pixels

TEXT_SHARE = 0.16  # of the face's width: the height of its label's letters
MIN_TEXT_PX = 11
MIN_TEXT_SHARE, MAX_TEXT_SHARE = 1 / 110, 1 / 16  # of the picture's shorter side
MAX_INSIDE_SHARE = 0.3  # of a face's height that its label may cover, where there is room nowhere else
MIN_LETTERS = 3  # of a name that is cut off


def colour_of(emotion: str, labels: Sequence[str] = EMOTIONS) -> tuple[int, int, int]:
    """A label's colour, BGR."""
    red, green, blue = palette.colour_of(emotion, labels)
    return blue, green, red


def annotate_frame(observation: Observation, font: str = "", words: Words | None = None) -> Pixels:
    """A copy of the observation's frame, in colour, with its faces drawn in; the rest is as for `annotate`."""
    return annotate(observation.frame.picture, observation.faces, font, words)


def annotate(picture: Pixels, faces: Sequence[Face], font: str = "", words: Words | None = None) -> Pixels:
    """A copy of `picture`, (height, width, 3) BGR or (height, width) grey, in colour and with `faces` drawn in.

    `font` is the path of a TrueType file; "": one that has the letters. `words` None: labels as the model has them.
    Raises OSError if the font cannot be read.
    """
    drawn = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture.copy()
    shorter = min(drawn.shape[:2])
    for face in faces:
        x, y, w, h = face.box
        line = max(round(min(shorter / 240, w / 40)), 1)
        cv2.rectangle(drawn, (x, y), (x + w, y + h), colour_of(face.emotion, face.prediction.labels), line, cv2.LINE_AA)
    taken: list[Box] = []  # by labels
    for face in sorted(faces, key=lambda face: -face.box.width):
        others = [other.box for other in faces if other is not face]
        size = _text_px(face.box.width, shorter)
        for text in _texts(face, words):
            label = _label(text, size, face.emotion, face.prediction.labels, font)
            place = _free_place(face.box, label.shape, drawn.shape, taken + others)
            if place is not None:
                drawn[place.y : place.y + place.height, place.x : place.x + place.width] = label
                taken.append(place)
                break
    return drawn  # type: ignore[return-value]


def _text_px(face_width: int, shorter: int) -> int:
    low = max(MIN_TEXT_PX, shorter * MIN_TEXT_SHARE)
    return round(min(max(face_width * TEXT_SHARE, low), max(shorter * MAX_TEXT_SHARE, low)))


def _texts(face: Face, words: Words | None) -> Iterator[str]:
    """What a label may say, the longest first."""
    known = words.emotion(face.emotion) if words else face.emotion
    name = "".join(letter if letter.isprintable() else " " for letter in known)
    yield f"{name} {percent(face.confidence)}"
    yield name
    if len(name) > MIN_LETTERS + 1:
        yield f"{name[:MIN_LETTERS]}…"


@lru_cache(128)
def _label(text: str, size: int, emotion: str, labels: tuple[str, ...], font: str) -> Pixels:
    """`text` on a ground of the colour of `emotion`, (height, width, 3) BGR."""
    letters, colour = font_for(text, size, font, labels), palette.colour_of(emotion, labels)
    text = writable(text, letters)
    left, _, right, _ = letters.getbbox(text)
    # As high whatever the letters, but those of some fonts are higher than they say.
    _, top, _, bottom = letters.getbbox(f"{text}Åg")
    pad = max(round(size * 0.25), 2)
    made = Image.new("RGB", (round(right - left) + 2 * pad, round(bottom - top) + pad), colour)
    ink = (0, 0, 0) if np.dot(colour, (0.299, 0.587, 0.114)) > 120 else (255, 255, 255)
    ImageDraw.Draw(made).text((pad - left, pad // 2 - top), text, ink, letters)
    return np.ascontiguousarray(np.asarray(made, np.uint8)[:, :, ::-1])


def _free_place(box: Box, label: tuple[int, ...], picture: tuple[int, ...], taken: Sequence[Box]) -> Box | None:
    """Where a label of the shape `label` is within the picture and on none of `taken`: outside of `box`, or inside."""
    (tall, wide), (height, width) = label[:2], picture[:2]
    if wide > width or tall > height:
        return None
    x, y, w, h = box
    lefts = [min(max(left, 0), width - wide) for left in (x, x + w - wide, x + (w - wide) // 2)]
    tops = [y - tall, y + h]
    if wide <= w and tall <= MAX_INSIDE_SHARE * h:
        tops += [max(y, 0), min(y + h, height) - tall]
    for top in tops:
        for left in lefts:
            place = Box(left, top, wide, tall)
            if 0 <= top <= height - tall and not any(_overlap(place, other) for other in taken):
                return place
    return None


def _overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )
