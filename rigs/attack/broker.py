"""A broker that means harm: large and malformed packets, storms on the command topics, endless retained messages.

    python -m attack.broker

Held: the service answers afterwards, has no traceback, and holds at most 200 MB.
"""

from __future__ import annotations

import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from attack.target import MAX_MEMORY_MB, Service, Table, service

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ = 1, 3, 8, 12
CONNACK, PINGRESP = b"\x20\x02\0\0", b"\xd0\0"
PAUSE, LATEST, BIRTH = "fer-edge/hall/pause/set", "fer-edge/latest_version", "homeassistant/status"
ATTACK_TIMEOUT_S = 40.0
SETTLE_S = 2.0


def length(count: int) -> bytes:
    """MQTT's variable length."""
    out = bytearray()
    while True:
        count, low = divmod(count, 128)
        out.append(low | (128 if count else 0))
        if not count:
            return bytes(out)


def publish(topic: str, payload: bytes, flags: int = 0, more: int = 0) -> bytes:
    """A message; `more`: bytes that are promised and not there."""
    name = topic.encode()
    number = b"\0\1" if flags & 6 else b""
    body = struct.pack(">H", len(name)) + name + number + payload
    return bytes([0x30 | flags]) + length(len(body) + more) + body


class Broker:
    """Takes connections of MQTT 3.1.1, keeps what is published, and sends `attack` to each after its subscription."""

    def __init__(self, attack: Callable[[], Iterator[bytes]]) -> None:
        self.attack, self.sent, self.connections = attack, threading.Event(), 0
        self.published: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection = self._server.accept()[0]
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        lock = threading.Lock()

        def send(data: bytes) -> None:
            with lock:
                connection.sendall(data)

        started = False
        with suppress(OSError, EOFError), connection, connection.makefile("rb") as file:
            while True:
                kind, flags, body = read_packet(file)
                if kind == CONNECT:
                    send(CONNACK)
                elif kind == SUBSCRIBE:
                    send(b"\x90\x03" + body[:2] + b"\x01")
                    if not started:
                        threading.Thread(target=self._attack, args=(connection, send), daemon=True).start()
                    started = True
                elif kind == PINGREQ:
                    send(PINGRESP)
                elif kind == PUBLISH:
                    self.published.append(body)
                    name = 2 + struct.unpack(">H", body[:2])[0]
                    if flags & 6:
                        send(b"\x40\x02" + body[name : name + 2])

    def _attack(self, connection: socket.socket, send: Callable[[bytes], None]) -> None:
        with suppress(OSError):
            for data in self.attack():
                send(data)
        self.sent.set()

    def close(self) -> None:
        self._server.close()


def read_packet(file: object) -> tuple[int, int, bytes]:
    """The next packet of a client: its kind, flags and body. Raises EOFError."""

    def take(count: int) -> bytes:
        data: bytes = file.read(count)  # type: ignore[attr-defined]
        if len(data) < count:
            raise EOFError
        return data

    first, size, shift = take(1)[0], 0, 0
    while True:
        byte = take(1)[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first >> 4, first & 15, take(size)


def huge() -> Iterator[bytes]:
    """A command of 200 MB, and the largest that MQTT knows, cut off."""
    yield publish(PAUSE, b"", more=200_000_000)
    for _ in range(200):
        yield bytes(1_000_000)
    yield publish(PAUSE, b"", flags=2, more=268_000_000 - len(PAUSE))
    for _ in range(20):
        yield bytes(1_000_000)


def many_medium() -> Iterator[bytes]:
    """A thousand of 60 kB, just below the limit."""
    for _ in range(1000):
        yield publish(PAUSE, bytes(60_000))


def storm() -> Iterator[bytes]:
    """A hundred thousand commands and births of Home Assistant."""
    block = (publish(PAUSE, b"ON") + publish(PAUSE, b"OFF") + publish(BIRTH, b"online")) * 333
    for _ in range(100):
        yield block
    yield publish(PAUSE, b"OFF")


def retained() -> Iterator[bytes]:
    """Two hundred thousand retained ones, each to be acknowledged, of topics that nobody asked for too."""
    draw = random.Random(5)
    for _ in range(200):
        yield b"".join(publish(f"a/{draw.random()}", draw.randbytes(90), flags=3) for _ in range(500))
        yield publish(LATEST, draw.randbytes(50), flags=3) * 500


def malformed() -> Iterator[bytes]:
    """Another one for each connection, since the client leaves."""
    draw = random.Random(len(_malformed_seen))
    _malformed_seen.append(0)
    kinds = [
        lambda: b"\x30" + b"\xff" * 5,  # a length of five bytes
        lambda: b"\x30\x02\xff\xff",  # a topic longer than its packet
        lambda: b"\x30\x00",
        lambda: b"\x32\x05\x00\x03a/b",  # no packet number
        lambda: b"\x30\x05\x00\x03\xff\xfe\xfd",  # a topic that is not UTF-8
        lambda: b"\x90\x02\x00\x01",
        lambda: b"\x40\x01\x00",
        lambda: b"\x20\x00" * 50,
        lambda: b"\x00\x00\xf0\x00\xff",
        lambda: draw.randbytes(draw.randrange(1, 400)),
    ]
    for kind in kinds:
        yield kind()
    yield draw.randbytes(20_000)


_malformed_seen: list[int] = []
ATTACKS: dict[str, Callable[[], Iterator[bytes]]] = {
    "commands of 200 and 268 MB": huge,
    "1,000 commands of 60 kB": many_medium,
    "100,000 commands and births": storm,
    "200,000 retained messages": retained,
    "malformed packets": malformed,
}


def main() -> int:
    table = Table("a broker that means harm")
    for name, packets in ATTACKS.items():
        attack(table, name, packets)
    return table.close()


def attack(table: Table, name: str, packets: Callable[[], Iterator[bytes]]) -> None:
    broker = Broker(packets)
    settings = {
        "run": {"sinks": ["log", "kiosk", "mqtt"]},
        "mqtt": {"host": "127.0.0.1", "port": broker.port, "device": "hall", "queue": "queue.db"},
    }
    with service(settings) as target:
        begun = time.monotonic()
        reached = broker.sent.wait(ATTACK_TIMEOUT_S)
        time.sleep(SETTLE_S)
        seconds, peak = time.monotonic() - begun - SETTLE_S, target.peak_mb
        held = target.alive and peak <= MAX_MEMORY_MB and "Traceback" not in target.errors and frames_go_on(target)
        figures = f"{peak:.0f} MB, {seconds:.0f} s, {broker.connections} connections" + (
            "" if reached else ", not all sent"
        )
        table.row(name, 1, int(held), figures)
    broker.close()


def frames_go_on(target: Service) -> bool:
    """Whether the loop still runs, once the last command was to resume."""
    target.ask("POST", "/api/v1/resume")
    end = time.monotonic() + 20
    before = target.ask("GET", "/metrics")[1]
    while time.monotonic() < end:
        time.sleep(0.5)
        if target.ask("GET", "/metrics")[1] != before and b'"running"' in target.ask("GET", "/api/v1/status")[1]:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
