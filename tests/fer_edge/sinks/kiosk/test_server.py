"""The server's thread begins, ends, and cuts off who keeps it waiting."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from fer_edge.sinks.kiosk import server
from fer_edge.sinks.kiosk.stream import Stream

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


@pytest.mark.process
@pytest.mark.parametrize("what", ["picture", "history", "uploads", "unread", "streams", "nothing"])
def test_stop_takes_no_two_seconds(
    what: str, house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever is worked on, or sent, or watched: it ends at once, without a traceback."""
    entered = threading.Event()

    def endless(*arguments: Any) -> Any:
        entered.set()
        arguments[-1].run_module("timeit", ["-n1", "import time; time.sleep(60)"], 60)

    monkeypatch.setattr("fer_edge.sinks.kiosk.detect.PictureReader.read", endless)
    monkeypatch.setattr("fer_edge.sinks.kiosk.api.history", endless)
    built = house()
    post = b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\n"
    get = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
    requests = {
        "picture": [post + b"123456789"] * 3,
        "history": [get % b"/api/v1/history"] * 3,
        "uploads": [post + b"1"] * 3,
        "unread": [get % b"/static/feed.js" * 200] * 3,
        "streams": [get % b"/api/v1/stream"] * 3,
        "nothing": [b""] * 3,
    }[what]
    connections = [socket.create_connection(("127.0.0.1", built.port), timeout=SOON) for _ in requests]
    for connection, data in zip(connections, requests, strict=True):
        connection.sendall(data)
    if what in ("picture", "history"):
        assert entered.wait(SOON)
    assert built.ask("/healthz").status == 200
    start = time.process_time(), time.monotonic()
    built.sink.close()
    assert time.monotonic() - start[1] < 2
    assert "kiosk" not in {thread.name for thread in threading.enumerate()}
    for connection in connections:
        connection.close()
    assert "Traceback" not in capfd.readouterr().err


def test_stop_closes_what_nobody_took(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the connection of a client that does not take answers which are complete."""
    built = house()
    monkeypatch.setattr(server, "WRITE_BUFFER_BYTES", 2**24)  # the server need not wait for it
    with socket.create_connection(("127.0.0.1", built.port), timeout=SOON) as connection:
        connection.sendall(b"GET /static/feed.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000)
        state = built.sink._server._uvicorn.server_state
        deadline = time.monotonic() + SOON
        while state.total_requests < 2000:
            assert time.monotonic() < deadline
            assert built.ask("/healthz").status == 200  # a turn of the server's loop
        built.sink.close()
        assert not state.connections
    gc.collect()  # a transport that is still open complains, which fails the test


@pytest.mark.parametrize("answered", [False, True])
def test_requests_that_a_stop_cuts_off_are_no_errors(
    answered: bool, house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a device with so much to do that they do not end in time."""
    entered = threading.Event()

    async def busy(_: Stream, send: Any, *__: Any) -> None:
        if answered:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        entered.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(Stream, "_serve", busy)
    monkeypatch.setattr(server, "STOP_TIMEOUT_S", 0.1)
    built = house()
    with socket.create_connection(("127.0.0.1", built.port), timeout=SOON) as connection:
        connection.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert entered.wait(SOON)
        built.sink.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.process
def test_work_ends_with_its_client(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture whose sender is gone is no longer worked on, and the next one has its turn."""
    entered, ended = threading.Event(), threading.Event()

    def endless(reader: Any, picture: Any, job: Any) -> Any:
        entered.set()
        try:
            job.run_module("timeit", ["-n1", "import time; time.sleep(60)"], 60)
        finally:
            ended.set()

    monkeypatch.setattr("fer_edge.sinks.kiosk.detect.PictureReader.read", endless)
    built = house()
    with socket.create_connection(("127.0.0.1", built.port), timeout=SOON) as connection:
        connection.sendall(
            b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1\r\n\r\n1"
        )
        assert entered.wait(SOON)
        assert not ended.is_set()
    assert ended.wait(SOON)


def _from(address: str, port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=SOON, source_address=(address, 0))


@pytest.mark.parametrize("kind", ["silent", "stream", "upload"])
def test_one_address_shuts_nobody_out(kind: str, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many connections it opens, others get theirs."""
    monkeypatch.setattr("fer_edge.sinks.kiosk.limits.network_of", lambda address: address)
    built = house(viewers=40)
    data = {
        "silent": b"",
        "stream": b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "upload": b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        b"Content-Length: 9\r\n\r\n1",
    }[kind]
    crowd = []
    for _ in range(200):
        crowd.append(_from("127.0.0.2", built.port))
        with suppress(OSError):
            crowd[-1].sendall(data)
    request = data + b"12345678" if kind == "upload" else data
    request = request if kind != "silent" else b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    expected = {"silent": b" 200 ", "stream": b" 200 ", "upload": b" 422 "}[kind]
    for address in ("127.0.0.3", "127.0.0.4"):
        with _from(address, built.port) as connection:
            connection.sendall(request)
            assert expected in connection.recv(65536).splitlines()[0]
    for connection in crowd:
        connection.close()
