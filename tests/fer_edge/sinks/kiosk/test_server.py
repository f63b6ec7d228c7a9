"""The server's thread begins, ends, and cuts off who keeps it waiting."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from fer_edge.sinks.kiosk import server

House = Callable[..., Any]
SOON = 10.0  # seconds


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /",
    ],
)
def test_silent_connection_is_closed(data: bytes, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not come to the point is cut off."""
    monkeypatch.setattr(server, "REQUEST_TIMEOUT_S", 0.1)
    built = house()
    with socket.create_connection(("127.0.0.1", built.port), timeout=SOON) as connection:
        connection.sendall(data)
        with suppress(ConnectionError):
            while connection.recv(65536):  # raises TimeoutError where it is not
                pass
    assert built.ask("/healthz").status == 200


@pytest.mark.parametrize(
    "data", [b"\0" * 100, b"HELLO\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"\x16\x03\x01" * 20, b"G" * 20_000]
)
def test_non_http_is_answered_and_closed(data: bytes, house: House, capfd: pytest.CaptureFixture[str]) -> None:
    """What is no http is answered and closed."""
    built = house()
    try:
        answer = built.raw(data + b"\r\n\r\n")
    except ConnectionError:
        answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert built.ask("/healthz").status == 200
    assert "Traceback" not in capfd.readouterr().err


def test_close_leaves_no_thread_or_socket(house: House) -> None:
    """Closing leaves no thread and frees the address."""
    built = house()
    reader = built.read()
    reader.next()
    built.sink.close()
    built.sink.close()
    assert "kiosk" not in {thread.name for thread in threading.enumerate()}
    again = house(port=built.port)
    assert again.port == built.port
    reader.close()


def test_bug_is_a_500(house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """An error of ours is a 500 and the server goes on."""
    built = house()
    monkeypatch.setattr("fer_edge.sinks.kiosk.views.record", None)
    built.sink._state.latest = object()  # type: ignore[assignment]
    assert built.ask("/api/v1/now").status == 500
    assert built.ask("/healthz").status == 200
