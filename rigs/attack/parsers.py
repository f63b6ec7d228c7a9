"""Mutated input for everything that reads text: the log, cards, settings, addresses, and what scrubs the journal.

    python -m attack.parsers [CASES]

Held: an answer, or one of fer-edge's own errors in one line.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fer_edge.classifiers.cards import load_card, models_folder
from fer_edge.doctor.scrub import scrub
from fer_edge.errors import FerEdgeError
from fer_edge.records import parse as parse_line
from fer_edge.settings import load
from fer_edge.sources import choose
from fer_edge.urls import mask, parse

from attack.target import Table

CASES = 10_000
LINE = (
    '{"time": "2026-01-01T12:00:00+00:00", "source": "camera:0", "frame": 3, "faces": [{"id": 1, "box": [1, 2, 3, 4], '
    '"emotion": "happy", "confidence": 0.9}], "events": [{"kind": "came", "id": 1, "emotion": "happy"}]}'
)
SETTINGS = '[run]\nsinks = ["log"]\n[source]\nname = "demo"\nfps = 5\n[kiosk]\nport = 1\n[webhook.headers]\nA = "b"\n'
PIECES = (
    "\0",
    "\ud800",
    "[",
    "{",
    "}",
    '"',
    "\\",
    "\n",
    "\x1b[31m",
    "9" * 400,
    "-1",
    "1e999",
    "null",
    "@",
    "://",
    "%",
    "é",
    "=",
)


def main() -> int:
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else CASES
    table = Table("mutated text")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        card = (models_folder() / "mini_xception-int8.json").read_text()
        name = json.loads(card)["file"]
        (place / name).write_bytes(b"x")

        def read_card(text: str) -> None:
            (place / name).with_suffix(".json").write_text(text, errors="surrogatepass")
            load_card(place / name)

        def read_settings(text: str) -> None:
            (place / "fer-edge.toml").write_text(text, errors="surrogatepass")
            load(place / "fer-edge.toml")

        def read_line(text: str) -> None:
            parse_line(text.encode(errors="surrogatepass"))

        def read_address(text: str) -> None:
            mask(text)
            with suppress(ValueError):
                parse(text)
            choose(text)

        doors: dict[str, tuple[Callable[[str], object], str]] = {
            "lines of the log": (read_line, LINE),
            "cards of models": (read_card, card),
            "settings": (read_settings, SETTINGS),
            "addresses": (read_address, "rtsp://ann:secret@camera.local:554/stream?channel=1"),
            "lines of the journal": (scrub, "x fer-edge[9]: fer-edge: error: mqtt.password = 'a': unknown key"),
        }
        for door, (read, whole) in doors.items():
            attack(table, door, read, whole, cases)
    return table.close()


def attack(table: Table, door: str, read: Callable[[str], object], whole: str, cases: int) -> None:
    draw, held, last = random.Random(3), 0, ""
    for _ in range(cases):
        text = mutated(whole, draw)
        try:
            read(text)
        except FerEdgeError as error:
            held += "\n" not in str(error)
        except Exception as error:  # noqa: BLE001
            last = f"{type(error).__name__}: {str(error)[:60]!r} for {text[:80]!r}"
        else:
            held += 1
    table.row(door, cases, held, last)


def mutated(whole: str, draw: random.Random) -> str:
    """`whole` with a few characters replaced, removed, doubled, or an odd piece put in."""
    text = list(whole)
    for _ in range(draw.randrange(1, 6)):
        place = draw.randrange(len(text) + 1)
        kind = draw.randrange(4)
        if kind == 0:
            text[place:place] = draw.choice(PIECES)
        elif kind == 1:
            del text[place : place + draw.randrange(1, 9)]
        elif kind == 2:
            text[place : place + 1] = chr(draw.randrange(0x250))
        else:
            text[place:place] = text[place : place + draw.randrange(30)]
    return "".join(text)


if __name__ == "__main__":
    sys.exit(main())
