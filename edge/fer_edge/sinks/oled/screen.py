"""What a display shows: a face, the emotion, its confidence, the time. Wide displays have the texts beside the face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import east_asian_width

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
MIN_TEXT_PX = 48  # width from which an upright display has texts
MIN_STACKED_PX = 80  # height from which all has its place below the face
MIN_TWO_LINES_PX = 48  # height from which there is a face above two lines of text
MIN_BAR_SIDE_PX = 6  # of the bar of confidence; one that is smaller is left out
MIN_FLAT_BAR_PX = 24  # height of a flat display from which there is more than the name
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
        elif width < MIN_TEXT_PX:
            self._layout = self._narrow
        elif height < MIN_STACKED_PX:
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
        if not self._fits(self._name(seen), right - left):
            self._over_name(picture, seen)
            return
        self._face(picture, seen, (0, 0), side)
        middle = (left + right) // 2
        self._text(picture, seen.time, (middle, round(7 * unit)), round(11 * unit), right - left, GREY)
        self._text(picture, self._name(seen), (middle, round(29 * unit)), round(17 * unit), right - left, WHITE)
        self._bar(picture, seen, (left, round(46 * unit), right, round(55 * unit)))

    def _flat(self, picture: Image.Image, seen: View) -> None:
        """The name beside the face, and below it the bar and the time, or its second line."""
        width, height = self.size
        unit = height / 32
        side = height - 2
        self._face(picture, seen, (0, 0), side)
        left, right = round(side + 4 * unit), width - 3
        middle, room, name = (left + right) // 2, right - left, self._name(seen)
        if height < MIN_FLAT_BAR_PX:
            self._text(picture, name, (middle, side // 2), round(24 * unit), room, WHITE)
            return
        if not (seen.emotion or self._fits(name, room)):
            self._lines(picture, name, (middle, round(8 * unit)), round(13 * unit), room)
            return
        clock = right - round(30 * unit)
        self._text(picture, name, (middle, round(9 * unit)), round(14 * unit), room, WHITE)
        self._bar(picture, seen, (left, round(20 * unit), clock - round(4 * unit), round(27 * unit)))
        middle = (clock + right) // 2 if seen.emotion else middle
        self._text(picture, seen.time, (middle, round(24 * unit)), round(11 * unit), right - clock, GREY)

    def _over_name(self, picture: Image.Image, seen: View) -> None:
        """The name below, across the whole width; above it the face, and beside that the time and the bar."""
        width, height = self.size
        unit = height / 64
        name, middle, room = self._name(seen), width // 2, width - 6
        one_line = self._fits(name, room)
        if not one_line and height < MIN_TWO_LINES_PX:
            self._lines(picture, name, (middle, (height - MIN_FONT_PX) // 2), MIN_FONT_PX, room)
            return
        side = round(41 * unit)
        self._face(picture, seen, (1, 0), side)
        left, right = round(side + 5 * unit), width - 4
        if self._fits(seen.time, right - left):
            self._text(
                picture, seen.time, ((left + right) // 2, round(11 * unit)), round(13 * unit), right - left, GREY
            )
        self._bar(picture, seen, (left, round(24 * unit), right, round(33 * unit)))
        if one_line:
            self._text(picture, name, (middle, round(52 * unit)), round(18 * unit), room, WHITE)
        else:
            self._lines(picture, name, (middle, round(46 * unit)), round(11 * unit), room)

    def _stacked(self, picture: Image.Image, seen: View) -> None:
        width, height = self.size
        unit = min(width, height * 0.92) / 240
        side = round(150 * unit)
        self._face(picture, seen, ((width - side) // 2, round(8 * unit)), side)
        low = round(8 * unit) + side
        rest = (height - low) / 82
        name, middle, room = self._name(seen), width // 2, width - round(12 * unit)
        if self._fits(name, room):
            self._text(picture, name, (middle, round(low + 21 * rest)), round(30 * unit), room, WHITE)
        else:
            self._lines(picture, name, (middle, round(low + 14 * rest)), round(15 * unit), room)
        bar = (round(width * 0.14), round(low + 43 * rest), round(width * 0.86), round(low + 55 * rest))
        self._bar(picture, seen, bar)
        self._text(picture, seen.time, (middle, round(low + 69 * rest)), round(18 * unit), room, GREY)

    def _narrow(self, picture: Image.Image, seen: View) -> None:
        """No word has room: the face and the bar below it."""
        width, height = self.size
        side = width - 2
        top = max((height - 2 * side) // 2, 0)
        self._face(picture, seen, (0, top), side)
        self._bar(picture, seen, (1, top + side + side // 3, width - 3, top + side + side // 3 + 10))

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
        left, top, right, low = box
        if not seen.emotion or min(right - left, low - top) < MIN_BAR_SIDE_PX:
            return
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

    def _lines(self, picture: Image.Image, text: str, middle: tuple[int, int], size: int, room: int) -> None:
        """`text` in two lines as equal as its words allow, the first centred at `middle`; in one if it is one word.

        Japanese and Chinese have no spaces, and are divided anywhere.
        """
        space = "" if east_asian_width(text[:1] or " ") in "WF" else " "
        words = text.split(" ") if space else list(text)
        split = min(
            range(1, len(words) + 1), key=lambda at: max(len(space.join(words[:at])), len(space.join(words[at:])))
        )
        line_height = max(size, MIN_FONT_PX)
        for number, line in enumerate((words[:split], words[split:])):
            self._text(picture, space.join(line), (middle[0], middle[1] + number * line_height), size, room, WHITE)

    def _fits(self, text: str, room: int) -> bool:
        """In one line, `room` pixels wide."""
        return self._letters(text, MIN_FONT_PX).width <= room

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
