"""What a display shows: a face, the emotion, its confidence, the time. Wide displays have the texts beside the face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw

from fer_edge.drawing.face import LOOKS, TWO_COLOURS, WHITE, Look, draw_face, look_of, painted
from fer_edge.drawing.fonts import font_for
from fer_edge.drawing.palette import GREY, Colour, colour_of
from fer_edge.drawing.words import Words, words_in
from fer_edge.types import EMOTIONS, Face, State

MIN_WIDE_RATIO = 1.5  # width / height from which the texts are beside the face
MIN_FONT_PX = 10  # a name that does not fit at this size is cut off
MIN_FLAT_RATIO = 3.0  # from which there are two lines of text at most
SQUARE_RATIO = 1.9  # below which a name needs the whole width
STATE_KEYS: dict[State, str] = {"starting": "starting", "paused": "paused", "lost": "lost", "running": "nobody"}
SHIFTS_PX = ((0, 0), (1, 0), (1, 1), (0, 1))  # one a minute: no line stays in one place for long


@dataclass(frozen=True)
class View:
    """What to show; equal views look alike."""

    state: State
    time: str  # "14:05"
    emotion: str = ""  # "": no face is in view
    tenths: int = 0  # of confidence, 0 to 10
    labels: tuple[str, ...] = EMOTIONS
    small: bool = False  # a small sign in a changing place, for a state that may last


def view(state: State, time: str, face: Face | None, small: bool = False) -> View:
    """The view of `face`, the largest one; None: there is none."""
    if face is None or state != "running":
        return View(state, time, small=small)
    return View(state, time, face.emotion, round(10 * face.confidence), face.prediction.labels)


class Screen:
    """Draws for displays of one size, with all colours or with two."""

    def __init__(self, width: int, height: int, colour: bool, font: str = "", words: Words | None = None) -> None:
        """`font`: path of a TrueType file, "": one that has the letters; `words` None: English. Raises OSError."""
        self.size = (width, height)
        self._words = words or words_in("en")
        self._colour, self._font = colour, font
        ratio = width / height
        self._layout = self._stacked
        if ratio >= MIN_WIDE_RATIO:
            self._layout = self._flat if ratio >= MIN_FLAT_RATIO else self._side_by_side
            if ratio < SQUARE_RATIO:
                self._layout = self._over_name
        font_for("", MIN_FONT_PX, font)

    def draw(self, seen: View) -> Image.Image:
        """The picture: mode "RGB", or "1" with two colours."""
        picture = Image.new("RGB", self.size)
        if seen.small:
            self._sign(picture, seen)
        else:
            self._layout(picture, seen)
        shift = SHIFTS_PX[int(seen.time[-2:]) % len(SHIFTS_PX)]
        shifted = Image.new("RGB", self.size)
        shifted.paste(picture, shift)
        return self._in_its_colours(shifted)

    def _in_its_colours(self, picture: Image.Image) -> Image.Image:
        return picture if self._colour else picture.convert("L").point(_nearest).convert("1")

    def _side_by_side(self, picture: Image.Image, seen: View) -> None:
        width, height = self.size
        unit = height / 64
        side = height - 2
        left, right = round(side + 5 * unit), width - 3
        if self._letters(self._name(seen), MIN_FONT_PX).width > right - left:
            self._over_name(picture, seen)
            return
        self._face(picture, seen, (0, 0), side)
        middle = (left + right) // 2
        self._text(picture, seen.time, (middle, round(7 * unit)), round(11 * unit), right - left, GREY)
        self._text(picture, self._name(seen), (middle, round(29 * unit)), round(17 * unit), right - left, WHITE)
        self._bar(picture, seen, (left, round(46 * unit), right, round(55 * unit)))

    def _flat(self, picture: Image.Image, seen: View) -> None:
        """The name beside the face, and below it the bar and the time."""
        width, height = self.size
        unit = height / 32
        side = height - 2
        self._face(picture, seen, (0, 0), side)
        left, right = round(side + 4 * unit), width - 3
        clock = right - round(30 * unit)
        self._text(
            picture, self._name(seen), ((left + right) // 2, round(9 * unit)), round(14 * unit), right - left, WHITE
        )
        self._bar(picture, seen, (left, round(20 * unit), clock - round(4 * unit), round(27 * unit)))
        middle = (clock + right) // 2 if seen.emotion else (left + right) // 2
        self._text(picture, seen.time, (middle, round(24 * unit)), round(11 * unit), right - clock, GREY)

    def _over_name(self, picture: Image.Image, seen: View) -> None:
        """The name below, across the whole width; above it the face, and beside that the time and the bar."""
        width, height = self.size
        unit = height / 64
        side = round(41 * unit)
        self._face(picture, seen, (1, 0), side)
        left, right = round(side + 5 * unit), width - 4
        middle = (left + right) // 2
        self._text(picture, seen.time, (middle, round(11 * unit)), round(13 * unit), right - left, GREY)
        self._bar(picture, seen, (left, round(24 * unit), right, round(33 * unit)))
        name, place = self._name(seen), (width // 2, round(52 * unit))
        first, space, rest = name.partition(" ")
        if space and self._letters(name, MIN_FONT_PX).width > width - 6:  # in two lines
            for text, y in ((first, 46), (rest, 57)):
                self._text(picture, text, (width // 2, round(y * unit)), round(11 * unit), width - 6, WHITE)
            return
        self._text(picture, name, place, round(18 * unit), width - 6, WHITE)

    def _stacked(self, picture: Image.Image, seen: View) -> None:
        width, height = self.size
        unit = min(width, height * 0.92) / 240
        side = round(150 * unit)
        self._face(picture, seen, ((width - side) // 2, round(8 * unit)), side)
        low = round(8 * unit) + side
        rest = (height - low) / 82
        self._text(picture, self._name(seen), (width // 2, round(low + 21 * rest)), round(30 * unit), width - 12, WHITE)
        self._bar(
            picture, seen, (round(width * 0.14), round(low + 43 * rest), round(width * 0.86), round(low + 55 * rest))
        )
        self._text(picture, seen.time, (width // 2, round(low + 69 * rest)), round(18 * unit), width - 12, GREY)

    def _sign(self, picture: Image.Image, seen: View) -> None:
        """Two strokes for a pause, a cross for a lost camera, else a dot; its place depends on the minute."""
        width, height = self.size
        side = max(min(width, height) // 8, 7)
        minute = 60 * int(seen.time[:2]) + int(seen.time[-2:])
        left = 2 + minute * 7 % (width - side - 4)
        top = 2 + minute * 3 % (height - side - 4)
        draw, line = ImageDraw.Draw(picture), max(side // 4, 1)
        right, low = left + side - 1, top + side - 1
        if seen.state == "paused":
            draw.rectangle((left, top, left + line, low), fill=GREY)
            draw.rectangle((right - line, top, right, low), fill=GREY)
        elif seen.state == "lost":
            draw.line((left, top, right, low), fill=GREY, width=line)
            draw.line((left, low, right, top), fill=GREY, width=line)
        else:
            draw.ellipse((left + side // 3, top + side // 3, right - side // 3, low - side // 3), fill=GREY)

    def _name(self, seen: View) -> str:
        return self._words.emotion(seen.emotion) if seen.emotion else self._words[f"state_{STATE_KEYS[seen.state]}"]

    def _face(self, picture: Image.Image, seen: View, place: tuple[int, int], side: int) -> None:
        look = look_of(seen.emotion) if seen.emotion else LOOKS[STATE_KEYS[seen.state]]
        skin = colour_of(seen.emotion, seen.labels) if seen.emotion else GREY
        picture.paste(_drawn(look, side, skin if self._colour else None), place)

    def _bar(self, picture: Image.Image, seen: View, box: tuple[int, int, int, int]) -> None:
        if not seen.emotion:
            return
        left, top, right, low = box
        draw = ImageDraw.Draw(picture)
        colour = colour_of(seen.emotion, seen.labels) if self._colour else WHITE
        radius = (low - top) // 2 if self._colour else 2
        if self._colour:
            draw.rounded_rectangle(box, radius, fill=(52, 52, 56))
        else:
            draw.rounded_rectangle(box, radius, outline=WHITE)
        gap = 0 if self._colour else 2
        full = left + gap + (right - left - 2 * gap) * seen.tenths // 10
        if seen.tenths:
            full = max(full, left + gap + 2 * radius)
            draw.rounded_rectangle((left + gap, top + gap, full, low - gap), max(radius - gap, 0), fill=colour)

    def _text(
        self, picture: Image.Image, text: str, middle: tuple[int, int], size: int, room: int, colour: Colour
    ) -> None:
        """`text` centred at `middle`, as large as `room` pixels allow."""
        size = max(size, MIN_FONT_PX)
        shown, letters = text, self._letters(text, size)
        while letters.width > room and text:
            if size > MIN_FONT_PX:
                size -= 1
            else:
                text = text[:-1]
                shown = f"{text}…"
            letters = self._letters(shown, size)
        place = (middle[0] - letters.width // 2, middle[1] - letters.height // 2)
        picture.paste(colour if self._colour else WHITE, place, letters)

    def _letters(self, text: str, size: int) -> Image.Image:
        """A mask as wide as the letters; with two colours these are wider than Pillow says."""
        font = font_for(text, size, self._font)
        mask = Image.new("L", (2 * size * len(text) + size, 2 * size))
        draw = ImageDraw.Draw(mask)
        draw.fontmode = "L" if self._colour else "1"
        draw.text((size // 2, size), text, 255, font, anchor="lm")
        left, _, right, _ = mask.getbbox() or (0, 0, 1, 1)
        return mask.crop((left, 0, right, mask.height))


def _nearest(value: int) -> int:
    return 255 if value >= 128 else 0


@lru_cache(32)
def _drawn(look: Look, side: int, skin: Colour | None) -> Image.Image:
    """Cached, since drawing takes longer than showing."""
    return draw_face(look, side, TWO_COLOURS if skin is None else painted(skin))


def sheet(labels: Sequence[str], side: int, columns: int) -> Image.Image:
    """All of `labels` as displays of `side` x `side` pixels show them, in rows: for the README."""
    rows = -(-len(labels) // columns)
    picture = Image.new("RGB", (columns * side, rows * side))
    screen = Screen(side, side, colour=True)
    for number, label in enumerate(labels):
        drawn = screen.draw(View("running", "14:00", label, 10 - number % 4))
        picture.paste(drawn, (number % columns * side, number // columns * side))
    return picture
