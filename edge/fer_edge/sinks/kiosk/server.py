"""The server's thread: uvicorn on an address, and a stop that waits for no client."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from fer_edge.errors import SinkError
from fer_edge.sinks.kiosk.app import App
from fer_edge.sinks.kiosk.limits import Places

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 1  # for responses that are being sent
JOB_END_TIMEOUT_S = 0.3  # for work in a thread, whose programs have been ended
REQUEST_TIMEOUT_S = 5  # until a connection has sent its request
WRITE_TIMEOUT_S = 15.0  # without a byte taken of a response
WRITE_BUFFER_BYTES = 16_384  # for one client, and as many in the kernel
MAX_OTHER_CONNECTIONS = 100  # beside those of open pages
OWN_CONNECTIONS = 20  # of them for this device itself
ADDRESS_SHARE = 4  # an address may have one of so many connections, and MIN_ADDRESS_CONNECTIONS at least
MIN_ADDRESS_CONNECTIONS = 20


class _CutOff(logging.Filter):
    """Leaves out what uvicorn says, with tracebacks, of requests that a stop cuts off on a device with much to do."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is something else."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, asyncio.CancelledError) and not str(record.msg).startswith(
            "Cancel %s running task"
        )


logging.getLogger("uvicorn.error").addFilter(_CutOff())


class Server:
    """Serves `app` on an address until `close`. Raises SinkError if it cannot listen there."""

    def __init__(self, app: App, address: str, port: int, viewers: int) -> None:
        self._app = app
        self._socket = _listen(address, port)
        self.port: int = self._socket.getsockname()[1]
        limit = viewers + MAX_OTHER_CONNECTIONS
        places = Places(limit, max(limit // ADDRESS_SHARE, MIN_ADDRESS_CONNECTIONS), OWN_CONNECTIONS)
        config = uvicorn.Config(
            app.asgi,
            http=partial(_TimeLimitedProtocol, places=places),  # type: ignore[arg-type]
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level=logging.ERROR,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=limit,
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
            raise SinkError(f"kiosk: the server did not start within {START_TIMEOUT_S:g} s; check this device's load")

    @property
    def alive(self) -> bool:
        """Whether it is running."""
        return self._thread.is_alive()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._loop.call_soon(self._ready.set)
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._app.start()
        await self._uvicorn.serve(sockets=[self._socket])
        # A client that has not taken its response by now does not get the rest.
        for connection in list(self._uvicorn.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # the loop's next turn closes them

    def close(self) -> None:
        """Stop it. May be called twice."""
        self._uvicorn.should_exit = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end)
        self._app.join(JOB_END_TIMEOUT_S)
        self._thread.join(STOP_TIMEOUT_S + 0.5)
        if not self._thread.is_alive():  # else it may still listen there, and ends with the program
            self._socket.close()

    def _end(self) -> None:
        """Runs in the server's thread."""
        self._app.close()
        for connection in list(self._uvicorn.server_state.connections):
            if isinstance(connection, _TimeLimitedProtocol):
                connection.end()


class _TimeLimitedProtocol(H11Protocol):
    """uvicorn's protocol that closes connections which send no request, or take no response, in time.

    And those of an address that has too many, so that it shuts nobody else out.
    """

    _request_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _address: str | None = None  # that has a place

    def __init__(self, *arguments: Any, places: Places, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._places = places

    def connection_made(self, transport: Any) -> None:
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        if not self._places.take(address):
            transport.abort()
            return
        self._address = address
        self._request_timer = self.loop.call_later(REQUEST_TIMEOUT_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            _cancel(self._request_timer)
            self._request_timer = None
        elif self._request_timer is None:  # a part of the next request, or the rest of an unread body
            self._request_timer = self.loop.call_later(REQUEST_TIMEOUT_S, self.transport.abort)

    def end(self) -> None:
        """Close it if it waits for its client, whose turn may never come."""
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete and (cycle.more_body or self.flow.write_paused):
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(WRITE_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._write_timer)

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._request_timer)
        _cancel(self._write_timer)
        if self._address is not None:
            self._places.free(self._address)
            self._address = None
        super().connection_lost(exc)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def _listen(address: str, port: int) -> socket.socket:
    fix = "choose another kiosk.port or kiosk.address"
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as cause:
        raise SinkError(f"kiosk {address}, port {port}: {cause.strerror}; {fix}") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, WRITE_BUFFER_BYTES)
        listening.bind(place)
        listening.listen(128)
        listening.setblocking(False)
    except OSError as cause:
        listening.close()
        raise SinkError(f"kiosk {address}, port {port}: {cause.strerror}; {fix}") from None
    return listening
