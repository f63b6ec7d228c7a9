"""A minute of invented readings, drawn: everything that the outputs can show, without a camera and without anybody.

All seven emotions and uncertain, nobody to eight people who come, move, cross and go, a pause, and a lost camera. The
people are drawn, and what is read in their faces stands in the script: neither a detector nor a model has looked.
Everything is computed from the time in the script, so every round is the same.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from fer_edge.demo.clip import Key, at
from fer_edge.drawing.face import draw_face, look_of, painted
from fer_edge.types import EMOTIONS, UNCERTAIN, Box, Pixels, Prediction

WIDTH, HEIGHT, FPS = 960, 540, 25
LENGTH_S = 60.0  # of a round
PAUSE_AT_S, PAUSE_S = 44.0, 4.0  # when the camera is released, and for how long
LOST_AT_S, LOST_S = 54.0, 3.0  # when it is lost, and for how long
LABEL = "Tour: drawn people, invented readings"  # in each picture

UNKNOWN = Prediction(EMOTIONS, (1 / len(EMOTIONS),) * len(EMOTIONS))  # nothing is said of the face

Colour = tuple[int, int, int]  # red, green, blue


class Person(NamedTuple):
    """Somebody drawn: in view from the first key to the last, with these expressions from these seconds on."""

    skin: Colour
    clothes: Colour
    path: tuple[Key, ...]
    shows: tuple[tuple[float, str], ...]


def _visit(comes: float, goes: float, x: float, y: float, side: float, edge: float) -> tuple[Key, ...]:
    """Comes in from the side `edge`, stays at a place, swaying a little, and goes out there."""
    stay = goes - comes
    return (
        Key(comes, edge, y, side),
        Key(comes + 1.5, x, y, side),
        Key(comes + 0.5 * stay, x + 0.12 * side, y - 0.04 * side, side * 1.03),
        Key(goes - 1.5, x, y, side),
        Key(goes, edge, y, side),
    )


_LEFT, _RIGHT = -160.0, WIDTH + 160.0
PEOPLE = (
    Person(
        (236, 188, 154),
        (52, 92, 150),
        (
            Key(3, _LEFT, 250, 170),
            Key(5, 330, 240, 170),
            Key(15, 330, 240, 180),
            Key(19, 700, 300, 210),  # crosses in front of the second
            Key(24, 700, 300, 205),
            Key(26, 480, 330, 190),
            Key(38.5, 480, 330, 190),
            Key(52, 470, 300, 190),
            Key(54, _RIGHT, 300, 190),
        ),
        ((3, "neutral"), (5.5, "happy"), (12.5, "sad"), (20.5, "happy"), (27, "neutral"), (33, "happy"),
         (49, UNCERTAIN), (51.5, "neutral")),
    ),
    Person(
        (141, 94, 66),
        (160, 70, 84),
        (
            Key(8, _RIGHT, 230, 150),
            Key(10, 640, 230, 150),
            Key(15, 640, 230, 150),
            Key(19, 300, 200, 130),
            Key(38.5, 290, 200, 130),
            Key(41, _LEFT, 210, 130),
        ),
        ((8, "neutral"), (10, "surprise"), (13.5, "happy"), (22, "neutral"), (34, "surprise")),
    ),
    Person(
        (250, 214, 186),
        (88, 130, 92),
        _visit(21, 42, 120, 300, 150, _LEFT),
        ((21, "neutral"), (23, "angry"), (27, "neutral"), (35, "happy")),
    ),
    Person((198, 140, 104), (206, 160, 64), _visit(24.5, 40, 850, 310, 150, _RIGHT), ((24, "fear"), (32, "neutral"))),
    Person((104, 68, 50), (84, 84, 120), _visit(26.5, 41, 660, 220, 130, _RIGHT), ((26, "disgust"), (33, "happy"))),
    Person((242, 200, 168), (140, 90, 160), _visit(29.5, 39.5, 120, 120, 110, _LEFT), ((29, "happy"),)),
    Person((164, 112, 80), (70, 140, 150), _visit(30.5, 39, 480, 120, 105, _RIGHT), ((30, "sad"), (36, "neutral"))),
    Person((255, 222, 200), (180, 110, 80), _visit(31.5, 40.5, 840, 110, 110, _RIGHT), ((31, "surprise"),)),
)  # fmt: skip


class InventedBox(Box):
    """A box with what the script says of the face in it."""

    prediction: Prediction

    @classmethod
    def of(cls, place: Key, prediction: Prediction) -> InventedBox:
        """The box of a face at `place`."""
        side = round(place.face)
        box = cls(round(place.x - side / 2), round(place.y - side / 2), side, side)
        box.prediction = prediction
        return box


def boxes(second: float) -> list[Box]:
    """The faces in view at `second` of the script, 0 to LENGTH_S, those in front first."""
    there = sorted(_there(second), key=lambda seen: seen[1].face, reverse=True)
    return [
        InventedBox.of(place, _prediction(_shown(person, second), second))
        for person, place in there
        if -place.face / 4 < place.x < WIDTH + place.face / 4
    ]


def draw(second: float) -> Pixels:
    """The picture at `second` of the script, (HEIGHT, WIDTH, 3) BGR."""
    picture = _wall().copy()
    for person, place in sorted(_there(second), key=lambda seen: seen[1].face):
        _paste(picture, _person(person, _shown(person, second), round(place.face / 4) * 4), place)
    cv2.putText(picture, LABEL, (16, 34), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (40, 44, 48), 1, cv2.LINE_AA)
    return picture


def _there(second: float) -> list[tuple[Person, Key]]:
    return [
        (person, at(person.path, second))
        for person in PEOPLE
        if person.path[0].second <= second < person.path[-1].second
    ]


def _shown(person: Person, second: float) -> str:
    return next(emotion for begins, emotion in reversed(person.shows) if begins <= second)


def _prediction(emotion: str, second: float) -> Prediction:
    """What is said of a face that shows `emotion`: now surer, now less, as a model is."""
    if emotion == UNCERTAIN:
        return UNKNOWN
    sure = 0.8 + 0.12 * float(np.sin(second * 1.3))
    rest = (1 - sure) / (len(EMOTIONS) - 1)
    return Prediction(EMOTIONS, tuple(sure if each == emotion else rest for each in EMOTIONS))


class _Cut(NamedTuple):
    """Somebody cut out: the colours are already weighted with the mask."""

    colour: Pixels  # (height, width, 3) BGR
    rest: Pixels  # (height, width, 3): 255 where the background shows, 0 where the person does
    middle: tuple[int, int]  # of the face: x and y, pixels


@cache
def _person(person: Person, emotion: str, side: int) -> _Cut:
    """Head and shoulders with a face box of `side` pixels."""
    radius = round(0.64 * side)
    width, middle = 2 * side, (side, radius)
    colour, mask = np.zeros((round(2.1 * side), width, 3), np.uint8), np.zeros((round(2.1 * side), width), np.uint8)
    shoulders, axes = (middle[0], middle[1] + round(1.45 * side)), (round(0.95 * side), round(0.85 * side))
    cv2.ellipse(colour, shoulders, axes, 0, 0, 360, person.clothes[::-1], cv2.FILLED, cv2.LINE_AA)
    cv2.ellipse(mask, shoulders, axes, 0, 0, 360, 255, cv2.FILLED, cv2.LINE_AA)
    face = np.asarray(draw_face(look_of(emotion), 2 * radius, painted(person.skin)), np.uint8)[:, :, ::-1]
    disc = np.zeros((2 * radius, 2 * radius, 1), np.uint8)
    cv2.circle(disc, (radius, radius), radius - 1, 255, cv2.FILLED, cv2.LINE_AA)
    head = slice(0, 2 * radius), slice(side - radius, side + radius)
    colour[head] = face * (disc / 255) + colour[head] * (1 - disc / 255)
    np.maximum(mask[head], disc[:, :, 0], out=mask[head])
    return _Cut(colour, np.asarray(cv2.cvtColor(255 - mask, cv2.COLOR_GRAY2BGR), np.uint8), middle)


def _paste(picture: Pixels, cut: _Cut, place: Key) -> None:
    """Draw `cut` into `picture` with its face at `place`, as far as it is in view."""
    height, width = cut.colour.shape[:2]
    left, top = round(place.x) - cut.middle[0], round(place.y) - cut.middle[1]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + width, WIDTH), min(top + height, HEIGHT)
    if x0 < x1 and y0 < y1:
        seen = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
        part = picture[y0:y1, x0:x1]
        cv2.add(cv2.multiply(part, cut.rest[seen], scale=1 / 255), cut.colour[seen], dst=part)


@cache
def _wall() -> Pixels:
    """A wall and a floor."""
    rows = np.linspace(1.0, 0.8, HEIGHT, dtype=np.float32)[:, None, None]
    wall = np.ones((HEIGHT, WIDTH, 3), np.float32) * rows * np.array((188, 196, 200), np.float32)
    wall[HEIGHT * 5 // 6 :] = (118, 128, 136)
    return wall.astype(np.uint8)
