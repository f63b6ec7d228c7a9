"""Text in a terminal: what it can show, how wide it is, and the palette's colours."""

from __future__ import annotations

import os
import unicodedata
from typing import TextIO

from fer_edge.drawing.palette import Colour


def has_colours(stream: TextIO) -> bool:
    """Whether `stream` is a terminal whose user wants colours (no-color.org)."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")


def encodes(stream: TextIO, text: str) -> bool:
    """Whether `stream` has all letters of `text`."""
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def columns_of(text: str) -> int:
    """How many columns `text` takes. East Asian letters take two, combining marks none."""
    return sum(map(_columns, text))


def fit(text: str, columns: int) -> str:
    """As much of `text` as fits into `columns`."""
    room = columns
    for place, letter in enumerate(text):
        room -= _columns(letter)
        if room < 0:
            return text[:place]
    return text


def padded(text: str, columns: int, right: bool = False) -> str:
    """`text` with spaces up to `columns`, behind it, or before it if it stands `right`."""
    spaces = " " * max(columns - columns_of(text), 0)
    return spaces + text if right else text + spaces


def coloured(text: str, colour: Colour) -> str:
    """`text` in the nearest of xterm's 6 x 6 x 6 colours, which all terminals have."""
    red, green, blue = (round(part / 255 * 5) for part in colour)
    return f"\x1b[38;5;{16 + 36 * red + 6 * green + blue}m{text}\x1b[0m"


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
