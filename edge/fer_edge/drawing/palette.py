"""The colour of each emotion, the same in pictures, lights, displays and pages.

Okabe and Ito's palette, which colour-blind people can distinguish (jfly.uni-koeln.de/color, 2008).
"""

from __future__ import annotations

from collections.abc import Sequence

from fer_edge.classifiers.labels import as_emotions, emotion_of
from fer_edge.types import EMOTIONS

Colour = tuple[int, int, int]  # red, green, blue, 0 to 255 each, sRGB

PALETTE: tuple[Colour, ...] = (
    (213, 94, 0),  # vermillion
    (0, 158, 115),  # bluish green
    (204, 121, 167),  # reddish purple
    (240, 228, 66),  # yellow
    (0, 114, 178),  # blue
    (230, 159, 0),  # orange
    (86, 180, 233),  # sky blue
)
LAMP_BLUE: Colour = (0, 40, 255)  # for blue, of which a dim sky blue is no other shade on a lamp
GREY: Colour = (200, 200, 200)  # for UNCERTAIN; light, since deuteranopes see purple as a middle grey


def colour_of(emotion: str, labels: Sequence[str] = EMOTIONS) -> Colour:
    """A label's colour; GREY if it is not one of `labels`.

    By its emotion, whatever that is called and wherever it stands, if all labels mean emotions of EMOTIONS; else by its
    place in `labels`.
    """
    if emotion not in labels:
        return GREY
    own = emotion_of(emotion) if as_emotions(tuple(labels)) else None
    return PALETTE[(EMOTIONS.index(own) if own else labels.index(emotion)) % len(PALETTE)]


def lamp_colour_of(emotion: str, labels: Sequence[str] = EMOTIONS) -> Colour:
    """`colour_of` for a lamp, whose brightness may mean something else: no two colours differ by it alone."""
    colour = colour_of(emotion, labels)
    return LAMP_BLUE if colour == PALETTE[EMOTIONS.index("sad")] else colour


def to_hex(colour: Colour) -> str:
    """As "#d55e00", for CSS and JSON."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def from_hex(text: str) -> Colour:
    """The colour of "#D55E00"."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def light(colour: Colour) -> tuple[float, float, float]:
    """The linear intensity of red, green and blue, 0 to 1 each (sRGB's curve, IEC 61966-2-1)."""
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)
    )
    return red, green, blue
