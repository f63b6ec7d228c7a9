"""A memory card that forgets what it was not told to keep: a disk for QEMU (NBD), with a volatile cache before it.

`kill -9` of an emulator alone is no power cut: what the guest wrote lies in files of this machine, flushed or not. Here
a write goes into the cache, and only a flush brings the cache to the file. `cut` does what a card may do that loses its
power: of each write since the last flush it keeps all, nothing, or some of its sectors, in no order. Everything that
was flushed stays; no sector (512 bytes) is torn. A card that says flushed and lies, or that loses what it kept long ago
while it moves blocks, is not shown.
"""

from __future__ import annotations

import os
import random
import socket
import struct
from pathlib import Path
from threading import Event, Lock, Thread
from typing import NamedTuple

SECTOR = 512
READ, WRITE, LEAVE, FLUSH = range(4)  # commands
HAS_FLAGS, CAN_FLUSH = 1, 4
GO, ABORT, ACKNOWLEDGED, INFO, UNKNOWN = 7, 2, 1, 3, 0x80000001  # options and their answers
OPTION_MAGIC, ANSWER_MAGIC, REPLY_MAGIC = 0x49484156454F5054, 0x3E889045565A9, 0x67446698


class Left(NamedTuple):
    """What a cut did to the writes that were not flushed."""

    writes: int
    kept: int
    torn: int  # some of their sectors kept


class Aim(NamedTuple):
    """A moment that is waited for, as `cut_amid` has it."""

    marks: bytes  # empty: were seen
    flushes: int
    writes: int
    chance: random.Random


class Card:
    """The disk in `image`, served at the socket `address` to one emulator at a time until `cut`."""

    def __init__(self, image: Path, address: Path) -> None:
        self.gone = Event()  # the power
        self.writes = self.flushes = 0
        self._file = os.open(image, os.O_RDWR)
        self._size = os.fstat(self._file).st_size
        self._cached: list[tuple[int, bytes]] = []  # (byte, sectors) since the last flush, in order
        self._sectors: dict[int, bytes] = {}  # of them, the newest
        self._lock = Lock()
        self._aim: Aim | None = None
        self.left: Left | None = None
        address.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(address))
        self._listener.listen(1)
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def cut(self, chance: random.Random) -> Left:
        """The power goes, now: from here on nothing is answered."""
        with self._lock:
            return self._cut(chance)

    def cut_amid(self, marks: bytes, flushes: int, writes: int, chance: random.Random) -> None:
        """The power goes while data with `marks` is on its way: `gone` says when.

        From the first such write on `flushes` are done; then it goes when so many writes wait for the next one, or at
        that one. A file's data comes first, and then, after a flush, what the file system says of it in its journal.
        """
        with self._lock:
            self._aim = Aim(marks, flushes, writes, chance)

    def close(self) -> None:
        """Close the image. What was not flushed is lost."""
        self.gone.set()
        self._listener.close()
        self._thread.join(10)
        os.close(self._file)

    def _cut(self, chance: random.Random) -> Left:
        self.gone.set()
        kept = torn = 0
        for place, data in self._cached:
            fate = chance.choice(("all", "nothing", "some"))
            sectors = range(0, len(data), SECTOR)
            if fate == "some" and len(sectors) > 1:
                torn += 1
                for start in chance.sample(sectors, chance.randrange(1, len(sectors))):
                    os.pwrite(self._file, data[start : start + SECTOR], place + start)
            elif fate == "all":
                kept += 1
                os.pwrite(self._file, data, place)
        self.left = Left(len(self._cached), kept, torn)
        self._cached, self._sectors, self._aim = [], {}, None
        return self.left

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
            with connection:
                if _greet(connection, self._size):
                    while self._answer(connection):
                        pass
        except OSError:  # the emulator was killed
            return

    def _answer(self, connection: socket.socket) -> bool:
        """Do what is asked for next; whether to go on."""
        _, _, command, cookie, place, length = struct.unpack(">IHHQQI", _receive(connection, 28))
        data = _receive(connection, length) if command == WRITE else b""
        with self._lock:
            if self.gone.is_set() or command == LEAVE:
                return False
            if command == READ:
                data = self._read(place, length)
            elif command == WRITE:
                self._write(place, data)
                data = b""
            if self._aim is not None and self._is_moment(self._aim, command):
                self._cut(self._aim.chance)
                return False
            if command == FLUSH:
                self._flush()
        connection.sendall(struct.pack(">IIQ", REPLY_MAGIC, 0, cookie) + data)
        return True

    def _is_moment(self, aim: Aim, command: int) -> bool:
        if aim.marks:
            if command != WRITE or aim.marks not in self._cached[-1][1]:
                return False
            aim = self._aim = aim._replace(marks=b"")
        if command == FLUSH and aim.flushes:
            self._aim = aim._replace(flushes=aim.flushes - 1)
            return False
        waiting = len(self._cached)
        return not aim.flushes and (waiting >= aim.writes if command == WRITE else command == FLUSH and waiting > 0)

    def _read(self, place: int, length: int) -> bytes:
        data = os.pread(self._file, length, place)
        if not self._sectors:
            return data
        newer = bytearray(data)
        for start in range(0, length, SECTOR):
            sector = self._sectors.get(place + start)
            if sector is not None:
                newer[start : start + SECTOR] = sector
        return bytes(newer)

    def _write(self, place: int, data: bytes) -> None:
        assert place % SECTOR == len(data) % SECTOR == 0
        self.writes += 1
        self._cached.append((place, data))
        for start in range(0, len(data), SECTOR):
            self._sectors[place + start] = data[start : start + SECTOR]

    def _flush(self) -> None:
        self.flushes += 1
        for place, data in self._cached:
            os.pwrite(self._file, data, place)
        self._cached, self._sectors = [], {}


def _greet(connection: socket.socket, size: int) -> bool:
    """Agree on the one disk there is; whether the other side wants it."""
    connection.sendall(b"NBDMAGIC" + struct.pack(">QH", OPTION_MAGIC, 3))  # no option but the newest forms
    _receive(connection, 4)
    while True:
        _, option, length = struct.unpack(">QII", _receive(connection, 16))
        _receive(connection, length)
        if option == GO:
            info = struct.pack(">HQH", 0, size, HAS_FLAGS | CAN_FLUSH)
            connection.sendall(struct.pack(">QIII", ANSWER_MAGIC, option, INFO, len(info)) + info)
        answer = ACKNOWLEDGED if option in (GO, ABORT) else UNKNOWN
        connection.sendall(struct.pack(">QIII", ANSWER_MAGIC, option, answer, 0))
        if option in (GO, ABORT):
            return option == GO


def _receive(connection: socket.socket, length: int) -> bytes:
    """Just so many bytes. Raises ConnectionError where they end before."""
    data = bytearray()
    while len(data) < length:
        more = connection.recv(min(length - len(data), 1 << 20))
        if not more:
            raise ConnectionError
        data += more
    return bytes(data)
