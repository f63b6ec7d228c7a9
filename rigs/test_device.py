"""The parts of `make device-test` that judge: a card that keeps what was flushed and not all else, pins and labels."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from device_card import FLUSH, GO, OPTION_MAGIC, READ, SECTOR, WRITE, Card
from device_pins import compare

SECTORS = 64
PINS = {"happy": 1 << 17, "sad": 1 << 22, "neutral": 1 << 27}
OTHERS = 1 << 4  # a pin that is nobody's


class Guest:
    """Talks to a card as an emulator does."""

    def __init__(self, address: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(address))
        self._receive(18)
        self._socket.sendall(struct.pack(">IQII", 3, OPTION_MAGIC, GO, 0))
        self.size = struct.unpack(">HQH", self._receive(20 + 12)[20:])[1]
        self._receive(20)

    def ask(self, command: int, sector: int = 0, data: bytes = b"", length: int = 0) -> bytes:
        length = length or len(data)
        self._socket.sendall(struct.pack(">IHHQQI", 0x25609513, 0, command, 7, sector * SECTOR, length) + data)
        return self._receive(16 + (length if command == READ else 0))[16:]

    def _receive(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self._socket.recv(length - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def inserted(tmp_path: Path) -> Iterator[Callable[[], tuple[Card, Guest, Path]]]:
    """Makes a card with nothing on it, and who uses it."""
    made: list[Card | Guest] = []

    def insert() -> tuple[Card, Guest, Path]:
        image = tmp_path / f"{len(made)}.img"
        image.write_bytes(bytes(SECTORS * SECTOR))
        card = Card(image, tmp_path / f"{len(made)}.socket")
        made.append(card)
        guest = Guest(tmp_path / f"{len(made) - 1}.socket")
        made.append(guest)
        return card, guest, image

    yield insert
    for one in reversed(made):
        one.close()


def sector(number: int) -> bytes:
    return number.to_bytes(2, "big") * (SECTOR // 2)


def test_a_cut_keeps_what_was_flushed_and_each_newer_sector_or_the_one_before(
    inserted: Callable[[], tuple[Card, Guest, Path]],
) -> None:
    lost = kept = 0
    for seed in range(8):
        chance = random.Random(seed)
        card, guest, image = inserted()
        assert guest.size == SECTORS * SECTOR
        newest, allowed = [0] * SECTORS, [{0} for _ in range(SECTORS)]
        for number in range(1, 80):
            if chance.random() < 0.1:
                guest.ask(FLUSH)
                allowed = [{value} for value in newest]
                continue
            start = chance.randrange(SECTORS)
            places = range(start, min(start + chance.randrange(1, 9), SECTORS))
            guest.ask(WRITE, start, sector(number) * len(places))
            for place in places:
                newest[place] = number
                allowed[place].add(number)
            assert guest.ask(READ, length=SECTORS * SECTOR) == b"".join(map(sector, newest))
        left = card.cut(chance)
        content = image.read_bytes()
        found = [content[place * SECTOR : (place + 1) * SECTOR] for place in range(SECTORS)]
        values = [int.from_bytes(data[:2], "big") for data in found]
        assert found == [sector(value) for value in values]
        assert all(value in ones for value, ones in zip(values, allowed, strict=True))
        kept += left.kept + left.torn
        lost += values != newest
        with pytest.raises(OSError):  # noqa: PT011 - it is gone, one way or another
            guest.ask(FLUSH)
    assert lost
    assert kept


def test_an_aimed_cut_waits_for_the_data_and_its_flushes(inserted: Callable[[], tuple[Card, Guest, Path]]) -> None:
    card, guest, image = inserted()
    card.cut_amid(b"line", 1, 3, random.Random(1))
    for _ in range(4):
        guest.ask(WRITE, 0, sector(1))
        guest.ask(FLUSH)
    guest.ask(WRITE, 1, b"line" * (SECTOR // 4))
    guest.ask(FLUSH)
    guest.ask(WRITE, 2, sector(2))
    assert not card.gone.is_set()
    with pytest.raises(OSError):  # noqa: PT011
        guest.ask(FLUSH)
    assert card.gone.is_set()
    assert card.left is not None
    assert card.left.writes == 1
    assert image.read_bytes()[SECTOR : 2 * SECTOR] == b"line" * (SECTOR // 4)


def test_pins_are_compared_where_the_label_is_settled() -> None:
    labels = [(second / 10, "happy") for second in range(20)] + [(2 + second / 10, "sad") for second in range(20)]
    good = [(at, at, PINS["happy" if at < 1.9 else "sad"] | OTHERS) for at in (1.0, 1.8, 2.2, 3.0)]
    assert compare("pins.toml", labels, good) == []
    assert compare("pins.toml", labels, [(3.0, 3.0, PINS["happy"])]) == ["pins: happy on while the log says sad"]
    assert compare("pins.toml", labels, [(3.0, 3.0, OTHERS)]) == ["pins: none on while the log says sad"]


def test_the_sweep_must_show_every_pin() -> None:
    labels = [(second / 10, "happy") for second in range(20)]
    (words,) = compare("sweep.toml", labels, [(1.0, 1.0, PINS["happy"])])
    assert words == "pins: angry, disgust, fear, neutral, sad, surprise: never seen on"
