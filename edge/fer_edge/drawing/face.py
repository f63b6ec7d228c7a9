"""A drawn face for each emotion and state, the same as on the kiosk's page. No font and no picture file is needed.

The face is a circle of radius 107 around (0, 0), y downwards. Brows of anger, sadness, fear and surprise are as Ekman
and Friesen describe them (Unmasking the Face, 1975): together and down; inner ends up; up and together; up and curved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image, ImageDraw

from fer_edge.classifiers.labels import emotion_of
from fer_edge.drawing.palette import Colour
from fer_edge.types import UNCERTAIN

OVERSAMPLING = 8  # drawn so many times larger, then scaled down
HALF_WIDTH = 110.0  # of the square around the face
Point = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """How a face looks: a pose of sinks/kiosk/static/face.js, whose names and numbers these are."""

    inner: float = -48  # brow: y of its ends and its middle
    middle: float = -56
    outer: float = -48
    lift: float = 0  # of the right brow alone, upwards
    wide: float = 13  # eye: half its width, height above and below its middle
    top: float = 15
    bottom: float = 15
    lookX: float = 0  # noqa: N815 - where it looks; the names are those of face.js
    lookY: float = 0  # noqa: N815
    glint: float = 1  # size of the light in it
    mouth: float = 34  # half its width, y of its corners
    left: float = 42
    right: float = 42
    upper: float = 4  # how far its lips hang in the middle; how much it trembles
    lower: float = 4
    wave: float = 0
    round: float = 0.5  # 0.5: a mouth with corners; 1: one without
    blush: float = 0  # 0 or 1, as the rest
    tear: float = 0
    sweat: float = 0
    wrinkle: float = 0
    teeth: float = 0
    sleep: float = 0
    ask: float = 0


NEUTRAL = Look()
LOOKS: dict[str, Look] = {
    "neutral": NEUTRAL,
    "happy": Look(
        inner=-54, middle=-68, outer=-52, wide=19, top=20, bottom=-7, glint=0,
        mouth=56, left=14, right=14, upper=12, lower=70, blush=1, teeth=1,
    ),
    "sad": Look(
        inner=-64, middle=-56, outer=-38, top=10, bottom=15, lookY=5,
        mouth=32, left=60, right=60, upper=-22, lower=-22, tear=1,
    ),
    "angry": Look(
        inner=-26, middle=-42, outer=-60, wide=15, top=9, bottom=13,
        mouth=40, left=60, right=60, upper=-30, lower=-8, teeth=1,
    ),
    "surprise": Look(
        inner=-74, middle=-88, outer=-72, wide=18, top=23, bottom=23, glint=1.2,
        mouth=22, left=48, right=48, upper=-26, lower=32, round=1,
    ),
    "fear": Look(
        inner=-76, middle=-70, outer=-52, wide=17, top=22, bottom=18, glint=0.6,
        mouth=44, left=58, right=54, upper=-24, lower=-2, wave=9, sweat=1, teeth=1,
    ),
    "disgust": Look(
        inner=-30, middle=-44, outer=-46, lift=14, wide=17, top=7, bottom=9, glint=0.6,
        mouth=38, left=60, right=42, upper=-18, lower=2, wave=12, wrinkle=1,
    ),
    UNCERTAIN: Look(
        inner=-44, middle=-54, outer=-50, lift=16, lookX=5, lookY=-4,
        mouth=26, left=46, right=40, upper=0, lower=0, wave=7, ask=1,
    ),
    "nobody": Look(lookX=-6, mouth=22, left=44, right=44, upper=2, lower=2),
    "starting": Look(top=6, bottom=13, mouth=18, left=44, right=44, upper=2, lower=2),
    "paused": Look(
        inner=-42, middle=-50, outer=-40, wide=19, top=-8, bottom=16, glint=0,
        mouth=9, left=48, right=48, upper=-7, lower=8, round=1, sleep=1,
    ),
    "lost": Look(
        inner=-62, middle=-56, outer=-42, top=13, bottom=13, lookX=6, lookY=3,
        mouth=30, left=54, right=54, upper=-8, lower=-8, wave=8,
    ),
}  # fmt: skip
STATES = ("nobody", "starting", "paused", "lost")  # in LOOKS beside the emotions


class Paint(NamedTuple):
    """Colours of a face."""

    skin: Colour
    ink: Colour  # lines and eyes
    white: Colour  # of the light in the eyes, and of teeth
    inside: Colour  # of the mouth
    tongue: Colour
    drop: Colour  # tears and sweat
    blush: Colour
    edge: Colour  # the outline
    line: float = 9.0  # width of lines, of the face's 220


BLACK, WHITE = (0, 0, 0), (255, 255, 255)
TWO_COLOURS = Paint(BLACK, WHITE, BLACK, BLACK, BLACK, WHITE, BLACK, WHITE, 13.0)
DARK = (20, 24, 29)


def painted(skin: Colour) -> Paint:
    """The colours of a face with this skin."""
    edge = (skin[0] * 7 // 10, skin[1] * 7 // 10, skin[2] * 7 // 10)
    blush = (_mixed(skin[0], 232, 0.42), _mixed(skin[1], 96, 0.42), _mixed(skin[2], 76, 0.42))
    return Paint(skin, DARK, (253, 253, 253), (60, 15, 28), (226, 96, 111), (207, 238, 255), blush, edge)


def _mixed(one: int, other: int, share: float) -> int:
    return round(one + (other - one) * share)


def draw_face(look: Look, size: int, paint: Paint) -> Image.Image:
    """A square picture of `size` x `size` pixels, RGB, on black."""
    pen = _Pen(size * OVERSAMPLING, paint)
    pen.head(look)
    for side in (-1, 1):
        pen.brow(look, side)
        pen.eye(look, side)
    pen.mouth(look)
    pen.extras(look)
    return pen.image.resize((size, size), Image.Resampling.BOX)


def look_of(emotion: str) -> Look:
    """The look of an emotion, by any of its names; any other label gets a neutral face."""
    known = LOOKS.get(emotion_of(emotion) or emotion, NEUTRAL)
    return NEUTRAL if emotion in STATES else known


class _Pen:
    def __init__(self, size: int, paint: Paint) -> None:
        self.image = Image.new("RGB", (size, size))
        self._draw = ImageDraw.Draw(self.image)
        self._scale, self._paint = size / (2 * HALF_WIDTH), paint

    def head(self, look: Look) -> None:
        self._disc((0, 0), 107, 107, self._paint.edge)
        inner = 107 - self._paint.line / (2 if self._paint == TWO_COLOURS else 3)
        self._disc((0, 0), inner, inner, self._paint.skin)
        if self._paint != TWO_COLOURS:
            light = tuple(_mixed(part, 255, 0.28) for part in self._paint.skin)
            self._stroke(_quadratic((-78, -44), (-58, -76), (-20, -88)), 9, (light[0], light[1], light[2]))
        if look.blush:
            for x in (-70, 70):
                self._disc((x, 14), 17, 11, self._paint.blush)

    def brow(self, look: Look, side: int) -> None:
        up = look.lift if side > 0 else 0
        inner, outer = (side * 18, look.inner - up * 0.6), (side * 60, look.outer - up)
        self._stroke(_quadratic(inner, (side * 40, look.middle - up * 1.3), outer))

    def eye(self, look: Look, side: int) -> None:
        x, y, w = side * 37, -14, look.wide
        high, low = look.top * 1.33, look.bottom * 1.33
        lids = [
            *_cubic((x - w, y), (x - w, y - high), (x + w, y - high), (x + w, y)),
            *_cubic((x + w, y), (x + w, y + low), (x - w, y + low), (x - w, y)),
        ]
        self._area(lids, self._paint.ink)
        self._stroke(lids, self._paint.line * 0.25)
        if look.glint > 0:
            radius = 4.6 * look.glint
            glint = (x + look.lookX - w * 0.28, y + look.lookY - look.top * 0.36)
            self._disc(glint, radius, radius, self._paint.white)

    def mouth(self, look: Look) -> None:
        m, left, right, wave = look.mouth, look.left, look.right, look.wave
        c, up, down = m * look.round, look.upper * 1.33, look.lower * 1.33
        upper = _cubic((-m, left), (-c, left + up + wave), (c, right + up - wave), (m, right))
        lower = _cubic((m, right), (c, right + down - wave), (-c, left + down + wave), (-m, left))
        if look.lower - look.upper > 4:
            inside = self._mask([*upper, *lower])
            self.image.paste(self._paint.inside, (0, 0), inside)
            within = self.image.copy()
            self._inside_mouth(ImageDraw.Draw(within), look)
            self.image.paste(within, (0, 0), inside)
        self._stroke([*upper, *lower])

    def _inside_mouth(self, draw: ImageDraw.ImageDraw, look: Look) -> None:
        """Teeth and tongue, which the lips cut off."""
        middle = (look.left + look.right) / 2
        if min(max((look.lower - look.upper - 30) / 20, 0), 1) > 0.5:
            box = (*self._at((-26, middle + look.lower - 14)), *self._at((26, middle + look.lower + 18)))
            draw.ellipse(box, fill=self._paint.tongue)
        if look.teeth:
            top = middle + look.upper - 4
            colour = WHITE if self._paint == TWO_COLOURS else self._paint.white
            draw.rectangle((*self._at((-60, top)), *self._at((60, top + 15))), fill=colour)

    def extras(self, look: Look) -> None:
        thin = self._paint.line * 0.6
        if look.tear:
            self._drop((-50, 12), 11, 28)
        if look.sweat:
            self._drop((80, -78), 10, 25)
        if look.wrinkle:
            self._stroke(_quadratic((-9, -6), (0, -14), (9, -6)), thin)
            self._stroke(_quadratic((-11, 7), (0, -2), (11, 7)), thin)
        if look.sleep:
            self._zed((52, -84), 20, 22, thin)
            self._zed((84, -112), 15, 17, thin)
        if look.ask:
            hook = _cubic((80, -104), (82, -118), (106, -117), (104, -101))
            self._far([*hook, *_cubic((104, -101), (103, -91), (92, -92), (92, -80))], thin)
            self._far([(92, -68), (92, -67.5)], thin)

    def _far(self, points: list[Point], width: float) -> None:
        """A line outside of the head, which a display shows within its square."""
        moved = [(x - 6, y + 10) for x, y in points]
        if self._paint == TWO_COLOURS:
            for grown, colour in ((width + 10, BLACK), (width, WHITE)):
                self._stroke(moved, grown, colour)
        else:
            self._stroke(moved, width + 8, BLACK)
            self._stroke(moved, width, WHITE)

    def _zed(self, top: Point, wide: float, high: float, width: float) -> None:
        x, y = top
        self._far([(x, y), (x + wide, y), (x, y + high), (x + wide, y + high)], width)

    def _drop(self, top: Point, radius: float, long: float) -> None:
        x, y = top
        low = y + long
        grown = self._paint.line * 0.3
        for extra, colour in ((grown, self._paint.ink), (0.0, self._paint.drop)):
            r = radius + extra
            self._area([(x, y - extra * 2), (x + r * 0.86, low - r * 0.3), (x - r * 0.86, low - r * 0.3)], colour)
            self._disc((x, low), r, r, colour)

    def _at(self, point: Point) -> Point:
        return self._scale * (HALF_WIDTH + point[0]), self._scale * (HALF_WIDTH + point[1])

    def _disc(self, centre: Point, across: float, down: float, colour: Colour) -> None:
        (left, top), (right, bottom) = (self._at((centre[0] + s * across, centre[1] + s * down)) for s in (-1, 1))
        self._draw.ellipse((left, top, right, bottom), fill=colour)

    def _area(self, points: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon([self._at(point) for point in points], fill=colour)

    def _mask(self, points: Sequence[Point]) -> Image.Image:
        mask = Image.new("L", self.image.size)
        ImageDraw.Draw(mask).polygon([self._at(point) for point in points], fill=255)
        return mask

    def _stroke(self, points: Sequence[Point], width: float = 0.0, colour: Colour | None = None) -> None:
        """A line with round ends and joints; `width` 0: of the paint."""
        width, colour = width or self._paint.line, self._paint.ink if colour is None else colour
        self._draw.line([self._at(point) for point in points], fill=colour, width=max(round(width * self._scale), 1))
        for point in points:
            self._disc(point, width / 2, width / 2, colour)


def _quadratic(begin: Point, middle: Point, end: Point, steps: int = 24) -> list[Point]:
    """A quadratic Bezier curve."""
    first = tuple(a + 2 / 3 * (b - a) for a, b in zip(begin, middle, strict=True))
    second = tuple(a + 2 / 3 * (b - a) for a, b in zip(end, middle, strict=True))
    return _cubic(begin, (first[0], first[1]), (second[0], second[1]), end, steps)


def _cubic(begin: Point, first: Point, second: Point, end: Point, steps: int = 24) -> list[Point]:
    """A cubic Bezier curve."""
    points = []
    for k in range(steps + 1):
        t = k / steps
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        x, y = (
            math.fsum(w * point[axis] for w, point in zip(weights, (begin, first, second, end), strict=True))
            for axis in (0, 1)
        )
        points.append((x, y))
    return points
