"""A drawn face for each emotion: brows, eyes, mouth. No font and no picture file is needed.

The face is a circle of radius 1 around (0, 0), y downwards. Brows of anger, sadness, fear and surprise are as Ekman and
Friesen describe them (Unmasking the Face, 1975): together and down; inner ends up; up and together; up and curved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from PIL import Image, ImageDraw

from fer_edge.classifiers.labels import emotion_of
from fer_edge.drawing.palette import Colour
from fer_edge.types import UNCERTAIN

OVERSAMPLING = 8  # drawn so many times larger, then scaled down
Point = tuple[float, float]
Mouth = Literal["line", "laugh", "round", "teeth", "tongue", "wave"]


@dataclass(frozen=True)
class Look:
    """How a face looks."""

    brow_inner: float = -0.42  # y of the inner ends of the brows
    brow_outer: float = -0.42  # and of the outer ones
    brow_bend: float = 0.06  # how far their middle is above the line between
    raised: float = 0.0  # how far the right brow is above the left one
    eye: float = 1.0  # opening; 0: shut, as in sleep; below 0: as in laughter
    mouth: Mouth = "line"
    curve: float = 0.0  # of the mouth; above 0 the corners are up
    width: float = 0.42  # half of the mouth's
    tear: bool = False


NEUTRAL = Look()
ASLEEP = Look(eye=0.0, width=0.16, curve=0.05)
LOOKS: dict[str, Look] = {
    "angry": Look(brow_inner=-0.24, brow_outer=-0.56, brow_bend=-0.02, eye=0.72, mouth="teeth", width=0.38),
    "disgust": Look(-0.30, -0.44, -0.03, raised=0.14, eye=0.5, mouth="tongue", curve=-0.16, width=0.40),
    "fear": Look(brow_inner=-0.66, brow_outer=-0.50, brow_bend=0.02, eye=1.4, mouth="wave", width=0.42),
    "happy": Look(brow_inner=-0.52, brow_outer=-0.48, brow_bend=0.12, eye=-1.0, mouth="laugh", width=0.52),
    "sad": Look(brow_inner=-0.58, brow_outer=-0.36, brow_bend=-0.03, eye=0.85, curve=-0.24, width=0.34, tear=True),
    "surprise": Look(brow_inner=-0.58, brow_outer=-0.52, brow_bend=0.12, eye=1.5, mouth="round", width=0.20),
    "neutral": NEUTRAL,
    UNCERTAIN: Look(raised=0.20, brow_bend=0.08, curve=0.0, width=0.30, eye=1.0, mouth="line"),
}


class Paint(NamedTuple):
    """Colours of a face."""

    skin: Colour
    ink: Colour  # lines
    white: Colour  # of eyes and teeth
    inside: Colour  # of the mouth
    tongue: Colour
    tear: Colour
    edge: Colour  # the outline


BLACK, WHITE = (0, 0, 0), (255, 255, 255)
TWO_COLOURS = Paint(BLACK, WHITE, BLACK, WHITE, BLACK, WHITE, WHITE)
DARK = (28, 24, 30)


def painted(skin: Colour) -> Paint:
    """The colours of a face with this skin."""
    edge = (skin[0] * 7 // 10, skin[1] * 7 // 10, skin[2] * 7 // 10)
    return Paint(skin, DARK, (252, 250, 245), (92, 20, 34), (226, 104, 112), (214, 240, 255), edge)


def draw_face(look: Look, size: int, paint: Paint) -> Image.Image:
    """A square picture of `size` x `size` pixels, RGB, on black."""
    pen = _Pen(size * OVERSAMPLING, paint, 0.058 if paint == TWO_COLOURS else 0.052)
    pen.head()
    for side in (-1, 1):
        pen.brow(look, side)
        pen.eye(look, side)
    pen.mouth(look)
    if look.tear:
        pen.tear()
    return pen.image.resize((size, size), Image.Resampling.BOX)


def look_of(emotion: str) -> Look:
    """The look of an emotion, by any of its names; any other label gets a neutral face."""
    return LOOKS.get(emotion_of(emotion) or emotion, NEUTRAL)


class _Pen:
    def __init__(self, size: int, paint: Paint, line: float) -> None:
        self.image = Image.new("RGB", (size, size))
        self._draw = ImageDraw.Draw(self.image)
        self._half, self._paint, self._line = size / 2, paint, line

    def head(self) -> None:
        self._disc((0, 0), 1.0, 1.0, self._paint.edge)
        self._disc((0, 0), 1.0 - self._line, 1.0 - self._line, self._paint.skin)

    def brow(self, look: Look, side: int) -> None:
        lift = look.raised * (1 if side > 0 else -0.3)
        inner, outer = (side * 0.17, look.brow_inner - lift), (side * 0.58, look.brow_outer - lift)
        middle = ((inner[0] + outer[0]) / 2, (inner[1] + outer[1]) / 2 - 2 * look.brow_bend)
        self._stroke(_bent(inner, middle, outer), self._line * 1.2)

    def eye(self, look: Look, side: int) -> None:
        x, y, wide = side * 0.36, -0.12, 0.19
        if look.eye <= 0:
            bend = 0.24 if look.eye < 0 else -0.14
            self._stroke(_bent((x - wide, y + bend / 4), (x, y - bend), (x + wide, y + bend / 4)), self._line)
            return
        if look.eye > 1.2:  # wide open: the white shows all around
            self._disc((x, y), wide * 1.12, 0.16 * look.eye, self._paint.ink)
            self._disc((x, y), wide * 1.12 - self._line * 0.8, 0.16 * look.eye - self._line * 0.8, self._paint.white)
            self._disc((x, y), 0.085, 0.095, self._paint.ink)
            return
        self._disc((x, y), 0.12, 0.16 * look.eye, self._paint.ink)

    def mouth(self, look: Look) -> None:
        y, wide = 0.44, look.width
        paint, thin = self._paint, self._line
        if look.mouth == "laugh":
            rim = _bent((-wide, 0.22), (0, 0.28), (wide, 0.22))
            low = _arc(0, 0.22, wide, 0.46)
            self._area(rim + low, paint.inside)
            self._disc((0, 0.60), wide * 0.46, 0.11, paint.tongue)
            self._stroke(rim + low + rim[:1], thin)
        elif look.mouth == "round":
            self._disc((0, 0.48), wide + thin / 2, 0.27 + thin / 2, paint.ink)
            self._disc((0, 0.48), wide - thin / 2, 0.27 - thin / 2, paint.inside if paint != TWO_COLOURS else BLACK)
        elif look.mouth == "teeth":
            box = [(-wide, 0.34), (wide, 0.34), (wide * 1.15, 0.64), (-wide * 1.15, 0.64)]
            self._area(box, paint.white)
            for x in (-wide / 2, 0, wide / 2):
                self._stroke([(x, 0.34), (x * 1.1, 0.64)], thin * 0.4)
            self._stroke([(-wide * 1.07, 0.49), (wide * 1.07, 0.49)], thin * 0.4)
            self._stroke([*box, box[0]], thin)
        elif look.mouth == "tongue":
            line = _bent((-wide, y + 0.06), (0, y + 2 * look.curve), (wide, y + 0.06))
            self._tongue((0.12, y - 0.04))
            self._stroke(line, thin)
        elif look.mouth == "wave":
            points = [(wide * k / 12, 0.48 + 0.09 * math.sin(k * math.pi / 4)) for k in range(-12, 13)]
            self._stroke(points, thin)
        else:
            dip = y + 2 * look.curve
            tilt = -look.raised * 0.5
            self._stroke(_bent((-wide, y), (0, dip + tilt / 2), (wide, y + tilt)), thin)

    def tear(self) -> None:
        x, y = 0.50, 0.18
        self._area([(x, y - 0.14), (x + 0.10, y + 0.06), (x - 0.10, y + 0.06)], self._paint.tear)
        self._disc((x, y + 0.08), 0.105, 0.105, self._paint.tear)

    def _tongue(self, top: Point) -> None:
        x, y = top
        wide, deep, thin = 0.15, 0.22, self._line * 0.8
        for grown, colour in ((thin / 2, self._paint.ink), (-thin / 2, self._paint.tongue)):
            box = [(x - wide - grown, y), (x + wide + grown, y)]
            self._area([*box, (x + wide + grown, y + deep), (x - wide - grown, y + deep)], colour)
            self._disc((x, y + deep), wide + grown, wide + grown, colour)
        self._stroke([(x, y + 0.08), (x, y + deep)], thin * 0.6)

    def _at(self, point: Point) -> Point:
        return self._half * (1 + 0.985 * point[0]), self._half * (1 + 0.985 * point[1])

    def _disc(self, centre: Point, across: float, down: float, colour: Colour) -> None:
        (left, top), (right, bottom) = (self._at((centre[0] + s * across, centre[1] + s * down)) for s in (-1, 1))
        self._draw.ellipse((left, top, right, bottom), fill=colour)

    def _area(self, points: list[Point], colour: Colour) -> None:
        self._draw.polygon([self._at(point) for point in points], fill=colour)

    def _stroke(self, points: list[Point], width: float) -> None:
        """A line with round ends and joints, `width` to each side."""
        self._draw.line(
            [self._at(point) for point in points], fill=self._paint.ink, width=round(2 * width * self._half)
        )
        for point in points:
            self._disc(point, width, width, self._paint.ink)


def _bent(begin: Point, middle: Point, end: Point, steps: int = 24) -> list[Point]:
    """A quadratic Bezier curve."""
    return [
        (
            (1 - t) ** 2 * begin[0] + 2 * t * (1 - t) * middle[0] + t * t * end[0],
            (1 - t) ** 2 * begin[1] + 2 * t * (1 - t) * middle[1] + t * t * end[1],
        )
        for t in (k / steps for k in range(steps + 1))
    ]


def _arc(x: float, y: float, across: float, down: float, steps: int = 32) -> list[Point]:
    """The lower half of an ellipse, from right to left."""
    angles = [math.pi * k / steps for k in range(steps + 1)]
    return [(x + across * math.cos(angle), y + down * math.sin(angle)) for angle in angles]
