"""Simulated lights, drawn in the terminal: a line each time that they change enough to be seen."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TextIO

from fer_edge.drawing.palette import Colour
from fer_edge.drawing.terminal import encodes, has_colours
from fer_edge.service.log_handler import CLEAR_LINE

MIN_STEP = 0.2  # share of the full brightness; a smaller change of the same light has no line
LAMP_COLUMNS = 6


class DrawnLights:
    """Draws an RGB LED as a bar in its colour and brightness, or a row of LEDs as marks with their names."""

    def __init__(self, pins: Mapping[str, int], is_rgb: bool, stream: TextIO | None = None) -> None:
        """`pins` is led.pins; `stream` None: standard output."""
        self._stream = sys.stdout if stream is None else stream
        self._names = () if is_rgb else tuple(pins)
        self._marks = "█●○" if encodes(self._stream, "█●○") else "#*."
        self._has_colours = has_colours(self._stream)
        self._shown: tuple[str, Colour, float] | None = None

    def show(self, emotion: str, colour: Colour, level: float) -> None:
        """Draw the light of a face; no emotion: it is off."""
        before, now = self._shown, (emotion, colour, level)
        if before is None or before[:2] != now[:2] or abs(level - before[2]) >= MIN_STEP:
            self._shown = now
            self._print(self._lights(emotion, colour, level), f"{emotion}, {level:.0%}" if emotion else "off")

    def pattern(self, state: str, colour: Colour) -> None:
        """Draw what pulses, flashes or blinks, once."""
        self._shown = None
        what = {"starting": "pulses slowly", "paused": "flashes every three seconds", "lost": "blinks"}[state]
        self._print(self._lights("", colour, 1.0, every=True), f"{state}: {what}")

    def _lights(self, emotion: str, colour: Colour, level: float, every: bool = False) -> str:
        if self._names:
            return " ".join(
                self._in_colour(self._marks[1], colour, level) if every or name == emotion else self._marks[2]
                for name in self._names
            )
        if level <= 0:
            return self._marks[2] * LAMP_COLUMNS
        return self._in_colour(self._marks[0] * LAMP_COLUMNS, colour, level)

    def _in_colour(self, text: str, colour: Colour, level: float) -> str:
        if not self._has_colours:
            return text
        red, green, blue = (round(part * max(level, 0.15) ** 0.45) for part in colour)  # as bright as it looks
        return f"\x1b[38;2;{red};{green};{blue}m{text}\x1b[0m"

    def _print(self, lights: str, words: str) -> None:
        self._stream.write(f"{CLEAR_LINE}led  {lights}  {words}\n")
        self._stream.flush()
