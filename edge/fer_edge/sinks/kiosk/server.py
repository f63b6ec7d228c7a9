"""The server's thread: an address, uvicorn, and an end that does not wait for anybody."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from fer_edge.errors import SinkError
from fer_edge.sinks.kiosk.app import App

START_TIMEOUT_S = 10.0  # seconds until it must have begun
STOP_TIMEOUT_S = 1  # seconds for answers that are under way when it ends
REQUEST_TIMEOUT_S = 15  # seconds that a connection may take to say what it wants
WRITE_TIMEOUT_S = 15.0  # seconds that it may take nothing of what it is sent
WRITE_BUFFER_BYTES = 16_384  # bytes that wait for one reader, and as many in the kernel
MAX_OTHER_CONNECTIONS = 100  # beside those that look


class Server:
    """Serves `app` on an address until `close`. Raises SinkError where the address is not to be had."""

    def __init__(self, app: App, address: str, port: int, viewers: int) -> None:
        self._app = app
        self._socket = _listen(address, port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app.asgi,
            http=_Patient,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level=logging.ERROR,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=viewers + MAX_OTHER_CONNECTIONS,
            timeout_keep_alive=REQUEST_TIMEOUT_S,
            timeout_graceful_shutdown=STOP_TIMEOUT_S,
            h11_max_incomplete_event_size=16_384,
        )
        self._uvicorn = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kiosk", daemon=True)
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_S):
            raise SinkError(f"kiosk: the server did not begin within {START_TIMEOUT_S:g} s; look at the device's load")

    @property
    def alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._loop.call_soon(self._ready.set)
            runner.run(self._uvicorn.serve(sockets=[self._socket]))

    def close(self) -> None:
        """End it. May be called twice."""
        self._uvicorn.should_exit = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._app.close)
        self._thread.join(STOP_TIMEOUT_S + 3)
        self._socket.close()


MAX_REFUSED_CONNECTIONS = 20  # connections over the limit that are still answered


class _Patient(H11Protocol):
    """As uvicorn does it, but who does not come to the point, or does not take the answer, is cut off."""

    _asking: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        super().connection_made(transport)
        self._asking = self.loop.call_later(REQUEST_TIMEOUT_S, transport.abort)
        # Over the limit uvicorn answers who asks; who stays silent would hold a file that log and camera need.
        limit = self.limit_concurrency
        if limit is not None and len(self.connections) > limit + MAX_REFUSED_CONNECTIONS:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            _cancel(self._asking)
            self._asking = None
        elif self._asking is None:  # a piece of the next request, or more of a body that nobody wants
            self._asking = self.loop.call_later(REQUEST_TIMEOUT_S, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking = self.loop.call_later(WRITE_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._taking)

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._asking)
        _cancel(self._taking)
        super().connection_lost(exc)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def _listen(address: str, port: int) -> socket.socket:
    cure = "choose another kiosk.port or kiosk.address"
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as cause:
        raise SinkError(f"kiosk {address}, port {port}: {cause.strerror}; {cure}") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, WRITE_BUFFER_BYTES)
        listening.bind(place)
        listening.listen(128)
        listening.setblocking(False)
    except OSError as cause:
        listening.close()
        raise SinkError(f"kiosk {address}, port {port}: {cause.strerror}; {cure}") from None
    return listening
